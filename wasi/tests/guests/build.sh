#!/usr/bin/env bash
# Rebuilds the guests beside this file. Needs zig (`pip install ziglang`; ZIG says how it is called) and a Rust compiler with
# the target wasm32-wasi (Debian: rustc, libstd-rust-dev-wasm32, lld; RUSTC says how it is called). Built with zig 0.17.1 and
# rustc 1.63.0.
set -euo pipefail
cd "$(dirname "$0")"
zig=${ZIG:-python3 -m ziglang}
rustc=${RUSTC:-rustc}
$zig cc --target=wasm32-wasi -Os -s -o hello_c.wasm src/hello.c
$zig c++ --target=wasm32-wasi -Os -s -fno-exceptions -o hello_cpp.wasm src/hello.cpp
$zig build-exe src/hello.zig -target wasm32-wasi -O ReleaseSmall -fstrip -femit-bin=hello_zig.wasm
$rustc --target wasm32-wasi -O -C strip=symbols -C panic=abort -C lto -o hello_rust.wasm src/hello.rs
chmod 644 ./*.wasm
