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

# Break the runtime in one place at a time: each broken copy must fail its test.
sabotage *ROWS:
    async-tests/sabotage/run.sh {{ROWS}}

# Formatting, lints and documentation.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps -p tussah -p tussah-fiber -p tussah-wasi
