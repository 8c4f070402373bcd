# The recipes that continuous integration runs, and the ones that people do.

# Everything that must hold before a change lands.
ci:
    .ci/run

# The README's test command.
test:
    cargo test

# The load test of the service example, 20 seconds.
service:
    cargo run --release --example service

# The contract test against the peer that it copies, then generated modules and real programs beside it: some minutes.
# TUSSAH_ORACLE_MODULES says how many modules, TUSSAH_ORACLE_ONLY=structured:17 which one, TUSSAH_SUITES where programs are.
oracle:
    cargo test -p tussah-oracle -p tussah-differential

# Fuzz a claim for so many seconds, with `cargo install cargo-fuzz` and a C++ compiler: translate_no_panic, differential,
# async_interleave, artifact_rejects_garbage. What fails lies in fuzz/artifacts; `cargo run -p tussah-fuzz --bin NAME FILE` runs it.
fuzz NAME SECONDS:
    mkdir -p fuzz/corpus/{{NAME}}
    RUSTC_BOOTSTRAP=1 cargo fuzz run --no-default-features --features libfuzzer{{ if NAME == "differential" { ",peers" } else { "" } }} -s none {{NAME}} -- -max_total_time={{SECONDS}} -timeout=120 -rss_limit_mb=8192 -max_len=32768 -len_control=0

# As many modules as asked for in tussah, wasmtime and wasmi, from a seed on.
differential MODULES SEED="0" JOBS="1":
    cargo run --release -p tussah-fuzz --bin differential -- --modules {{MODULES}} --seed {{SEED}} --jobs {{JOBS}}

# Break the runtime in one place at a time: each broken copy must fail its test.
sabotage *ROWS:
    async-tests/sabotage/run.sh {{ROWS}}

# Formatting, lints and documentation.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps -p tussah -p tussah-fiber -p tussah-wasi
