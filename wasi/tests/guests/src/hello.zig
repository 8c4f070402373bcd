//! Hello from Zig.
const std = @import("std");

pub fn main() !void {
    const line = "hello from Zig\n";
    const iov = [_]std.os.wasi.ciovec_t{.{ .base = line, .len = line.len }};
    var written: usize = undefined;
    _ = std.os.wasi.fd_write(1, &iov, 1, &written);
}
