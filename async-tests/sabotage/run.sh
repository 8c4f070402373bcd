#!/usr/bin/env bash
# Breaks the runtime on purpose, one way at a time, and asks whether the tests see it.
#
# Each `rowNN-*.patch` beside this script breaks the promise of one row. It is applied to a copy of the tracked tree, and the
# tests of that row, which pass on the unpatched copy, must fail. A patch that does not apply, or with which the copy does not
# build, has shown nothing and counts as a failure of this script; so does a row without a patch.
#
#   sabotage/run.sh            all rows
#   sabotage/run.sh row03 ..   some of them
#
# Settings: SABOTAGE_TARGET (a target folder kept between runs), SABOTAGE_BUILD_SECONDS, SABOTAGE_TEST_SECONDS, SABOTAGE_JOBS.

set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(git -C "$here" rev-parse --show-toplevel) || exit 2
all_rows=(row01 row02 row03 row04 row05 row06 row07 row08 row09 row10 row11 row12)
rows=("${@:-${all_rows[@]}}")
build_seconds=${SABOTAGE_BUILD_SECONDS:-1800}
test_seconds=${SABOTAGE_TEST_SECONDS:-300}
jobs=(${SABOTAGE_JOBS:+-j "$SABOTAGE_JOBS"})

work=$(mktemp -d "${TMPDIR:-/tmp}/sabotage.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
tree=$work/tree
# Outside of the copy, so that a cleaned copy does not mean a new build of everything.
export CARGO_TARGET_DIR=${SABOTAGE_TARGET:-${CARGO_TARGET_DIR:-$root/target}/sabotage}

for row in "${rows[@]}"; do
    case " ${all_rows[*]} " in
        *" $row "*) ;;
        *) echo "unknown row: $row (one of ${all_rows[*]})" >&2; exit 2 ;;
    esac
done

# What git knows, as it is in the working tree: a change that is not committed yet is tested too.
copy() {
    mkdir -p "$tree" &&
        git -C "$root" ls-files -z --cached --deduplicate |
        (cd "$root" && while IFS= read -r -d '' file; do [[ -e $file ]] && printf '%s\0' "$file"; done) |
        tar -C "$root" --null --files-from=- -cf - |
        tar -C "$tree" -xf -
}

build() {
    (cd "$tree" && timeout -k 10 "$build_seconds" \
        cargo test "${jobs[@]}" --quiet -p tussah-async-tests --test rows --no-run) >"$work/log" 2>&1
}

# Runs one row's tests. Each test is a process with a limit of its own; the limit here is for the run as a whole.
# The documentation's tests belong to the last row: they say what must not compile.
check() {
    local row=$1
    (cd "$tree" && timeout -k 10 "$test_seconds" \
        cargo test "${jobs[@]}" --quiet -p tussah-async-tests --test rows -- "$row") >"$work/log" 2>&1 || return 1
    # A filter that matches nothing passes, too.
    grep -Eq 'ok\. [1-9][0-9]* passed' "$work/log" || return 1
    if [[ $row == row12 ]]; then
        (cd "$tree" && timeout -k 10 "$test_seconds" \
            cargo test "${jobs[@]}" --quiet -p tussah-async-tests --doc) >>"$work/log" 2>&1 || return 1
    fi
}

# How many tests failed, and what the first of them said.
reason() {
    local failed message
    failed=$(grep -acE '^---- .* stdout ----$' "$work/log")
    # Below the place of a panic stands its message. Of a test that failed in a process of its own the first message is how that
    # process ended, and the second is what it said.
    message=$(grep -aA1 'panicked at' "$work/log" | grep -avE 'panicked at|^--$' | sed -n 1,2p |
        awk '{ sub(/^row[0-9]+_[a-z_]*::/, ""); line[NR] = $0 }
             END { print (line[1] ~ /exit status/ && line[2] != "") ? line[2] : line[1] }')
    if [[ $failed -eq 0 ]]; then
        grep -aq 'test result: ok. 0 passed' "$work/log" && message="there is no such test"
        message=${message:-the run as a whole was out of time}
    fi
    printf '%s failed: %s' "$failed" "$message" | tr '\n' ' ' | cut -c1-100
}

failures=0
table=()

report() {
    table+=("$(printf '%-7s %-44s %-12s %s' "$1" "$2" "$3" "$4")")
    printf '%s\n' "${table[-1]}"
}

miss() {
    failures=$((failures + 1))
    report "$@"
}

copy || { echo "cannot copy the tree of $root" >&2; exit 2; }
if ! build; then
    cat "$work/log" >&2
    echo "the unpatched tree does not build" >&2
    exit 2
fi

for row in "${rows[@]}"; do
    if ! check "$row"; then
        tail -n 40 "$work/log" >&2
        miss "$row" "(unpatched)" "FAILS" "$(reason)"
        continue
    fi
    shopt -s nullglob
    patches=("$here/$row"-*.patch)
    shopt -u nullglob
    if [[ ${#patches[@]} -eq 0 ]]; then
        miss "$row" "(no patch)" "MISSING" "nothing shows that the tests of this row can fail"
        continue
    fi
    for patch in "${patches[@]}"; do
        name=$(basename "$patch" .patch)
        if ! patch -d "$tree" -p1 --dry-run --fuzz=2 <"$patch" >"$work/log" 2>&1; then
            miss "$row" "$name" "STALE" "does not apply"
            continue
        fi
        patch -d "$tree" -p1 --quiet --fuzz=2 --no-backup-if-mismatch <"$patch"
        if ! build; then
            # What must not compile is found out by a test that does not build only if the library still does.
            if [[ $row == row12 ]] && (cd "$tree" && cargo build --quiet -p tussah) >"$work/lib" 2>&1; then
                report "$row" "$name" "detected" "the tests do not compile any more"
            else
                miss "$row" "$name" "UNBUILDABLE" "$(grep -m1 '^error' "$work/log" | cut -c1-100)"
            fi
        elif check "$row"; then
            miss "$row" "$name" "UNDETECTED" "all tests of the row passed"
        else
            report "$row" "$name" "detected" "$(reason)"
        fi
        # `patch` gives the files the time of now, so that cargo builds them again.
        patch -d "$tree" -p1 --quiet --no-backup-if-mismatch --reverse --fuzz=2 <"$patch"
    done
done

echo
printf '%-7s %-44s %-12s %s\n' row patch result "how it showed"
printf '%s\n' "${table[@]}"
echo
if [[ $failures -gt 0 ]]; then
    echo "$failures of ${#table[@]} lines are not as they should be"
    exit 1
fi
echo "every sabotage was detected"
