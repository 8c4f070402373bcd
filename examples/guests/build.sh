#!/bin/sh
# Rebuilds every guest of the examples beside its source: `.rs` with rustc, `.c` with clang, both linked by wasm-ld.
#
# Debian 12:  apt-get install rustc libstd-rust-dev-wasm32 clang lld
# Elsewhere:  set RUSTC (with the target wasm32-unknown-unknown), CLANG, WASM_LD and STRIP.
set -eu
cd "$(dirname "$0")"

RUSTC=${RUSTC:-/usr/bin/rustc}
CLANG=${CLANG:-/usr/bin/clang}
WASM_LD=${WASM_LD:-/usr/bin/wasm-ld}
STRIP=${STRIP:-/usr/bin/llvm-strip}

for tool in "$RUSTC" "$CLANG" "$WASM_LD" "$STRIP"; do
    command -v "$tool" >/dev/null || {
        echo "build.sh: $tool is missing; on Debian: apt-get install rustc libstd-rust-dev-wasm32 clang lld" >&2
        exit 1
    }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Small stacks: a guest's linear memory is what thousands of guests pay for.
rust() {
    "$RUSTC" --edition 2021 --target wasm32-unknown-unknown --crate-type cdylib --crate-name "$1" \
        -C opt-level=2 -C lto -C panic=abort -C codegen-units=1 --remap-path-prefix "$PWD=." \
        -C linker="$WASM_LD" -C linker-flavor=wasm-ld -C link-arg=-zstack-size=32768 \
        -o "$1.wasm" "$1.rs"
}

c() {
    "$CLANG" --target=wasm32-unknown-unknown -std=c11 -O2 -Wall -Wextra -Wno-unused-parameter \
        -ffreestanding -fno-builtin -c -o "$scratch/$1.o" "$1.c"
    "$WASM_LD" --no-entry -zstack-size=16384 -o "$1.wasm" "$scratch/$1.o"
}

# The guest of `backtrace`, with debug information in which paths are relative. Not beside the others: the service runs those.
debug_c() (
    cd ../backtrace/guests
    "$CLANG" --target=wasm32-unknown-unknown -std=c11 -O1 -g -Wall -Wextra -ffreestanding -fno-builtin \
        -fdebug-prefix-map="$PWD=guests" -fdebug-compilation-dir=guests -c -o "$scratch/$1.o" "$1.c"
    "$WASM_LD" --no-entry -zstack-size=16384 -o "$1.wasm" "$scratch/$1.o"
    chmod 644 "$1.wasm"
)

"$RUSTC" -O -o "$scratch/add_start" add_start.rs

for guest in greeter recurse storm; do rust "$guest"; done
for guest in cpu spin hog trap; do c "$guest"; done

# Strip last but for the start section, which older strips do not know.
for guest in *.wasm; do "$STRIP" --strip-debug "$guest"; done
"$scratch/add_start" greeter.wasm

debug_c invoice

chmod 644 -- *.wasm

ls -l -- *.wasm
