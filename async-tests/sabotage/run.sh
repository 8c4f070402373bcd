#!/usr/bin/env bash
# Breaks the runtime on purpose, one way at a time, and asks whether the tests see it.
#
# Each `rowNN-*.patch` beside this script breaks the promise of one row. It is applied to a copy of the tracked tree, and the
# tests of that row, which pass on the unpatched copy, must fail: by an assertion, a crash, or being out of time. A patch that
# does not apply, or with which the copy does not build, has shown nothing and counts as a failure of this script; so does a row
# without a patch.
#
#   sabotage/run.sh            all rows
#   sabotage/run.sh row03 ..   some of them
#   sabotage/run.sh --check    only whether each row has a patch and each patch applies; builds nothing
#
# Settings: SABOTAGE_TARGET (a target folder kept between runs), SABOTAGE_BUILD_SECONDS, SABOTAGE_TEST_SECONDS, SABOTAGE_JOBS.
# A run builds the runtime once as it is and once for each patch, without optimisation: on two cores some three minutes in all
# once the dependencies are built.

set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(git -C "$here" rev-parse --show-toplevel) || exit 2
all_rows=(row01 row02 row03 row04 row05 row06 row07 row08 row09 row10 row11 row12)
only_check=
if [[ ${1-} == --check ]]; then
    only_check=1
    shift
fi
rows=("${@:-${all_rows[@]}}")
build_seconds=${SABOTAGE_BUILD_SECONDS:-1800}
test_seconds=${SABOTAGE_TEST_SECONDS:-300}
jobs=(${SABOTAGE_JOBS:+-j "$SABOTAGE_JOBS"})

for row in "${rows[@]}"; do
    case " ${all_rows[*]} " in
        *" $row "*) ;;
        *) echo "unknown row: $row (one of ${all_rows[*]})" >&2; exit 2 ;;
    esac
done

applies() {
    patch -d "$1" -p1 --dry-run --force --fuzz=0 <"$2"
}

# Whether the tests fail under a patch is for the long run to say; that it applies can be asked each time.
if [[ $only_check ]]; then
    shopt -s nullglob
    bad=0
    for row in "${rows[@]}"; do
        patches=("$here/$row"-*.patch)
        [[ ${#patches[@]} -gt 0 ]] || { echo "$row has no patch" >&2; bad=1; }
        for patch in "${patches[@]}"; do
            applies "$root" "$patch" >/dev/null || { echo "$(basename "$patch") does not apply" >&2; bad=1; }
        done
    done
    exit "$bad"
fi

for tool in cargo flock git patch tar timeout; do
    command -v "$tool" >/dev/null || { echo "$tool is needed, and not found" >&2; exit 2; }
done

export CARGO_TARGET_DIR=${SABOTAGE_TARGET:-${CARGO_TARGET_DIR:-$root/target}/sabotage}
mkdir -p "$CARGO_TARGET_DIR" || exit 2
CARGO_TARGET_DIR=$(cd "$CARGO_TARGET_DIR" && pwd)
# The copy has the same place each time: cargo tells packages apart by their paths and would keep the results of every run.
tree=$CARGO_TARGET_DIR/sabotage-tree
exec 9>"$CARGO_TARGET_DIR/sabotage.lock"
flock -n 9 || { echo "another run uses $CARGO_TARGET_DIR" >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/sabotage.XXXXXX") || exit 2
trap 'rm -rf "$work" "$tree"' EXIT

# What git knows, as it is in the working tree: a change that is not committed yet is tested too. The files get the time of
# now, or cargo might take what an interrupted run built from a broken tree for up to date.
copy() {
    rm -rf "$tree" && mkdir -p "$tree" &&
        git -C "$root" ls-files -z --cached --deduplicate |
        (cd "$root" && while IFS= read -r -d '' file; do [[ -e $file ]] && printf '%s\0' "$file"; done) |
        tar -C "$root" --null --files-from=- -cf - |
        tar -C "$tree" --touch -xf -
}

build() {
    (cd "$tree" && timeout -k 10 "$build_seconds" \
        cargo test "${jobs[@]}" --quiet -p tussah-async-tests --test rows --no-run) 9>&- >"$work/log" 2>&1
}

# Runs one row's tests. Each test is a process with a limit of its own; the limit here is for the run as a whole.
# The documentation's tests belong to the last row: they say what must not compile.
check() {
    local row=$1
    (cd "$tree" && timeout -k 10 "$test_seconds" \
        cargo test "${jobs[@]}" --quiet -p tussah-async-tests --test rows -- "$row") 9>&- >"$work/log" 2>&1 || return 1
    # A filter that matches nothing passes, too.
    grep -Eq 'ok\. [1-9][0-9]* passed' "$work/log" || return 1
    if [[ $row == row12 ]]; then
        (cd "$tree" && timeout -k 10 "$test_seconds" \
            cargo test "${jobs[@]}" --quiet -p tussah-async-tests --doc) 9>&- >>"$work/log" 2>&1 || return 1
    fi
}

# How many tests failed, the name of the first, and what it said.
reason() {
    awk '
        /^---- .* stdout ----$/ {
            failed++
            if (failed == 1) { name = $2; sub(/.*::/, "", name) }
            next
        }
        failed != 1 { if (/test result: ok\. 0 passed/) none = 1; next }
        # Below the place of a panic stands its message.
        /^thread .* panicked at / { panics++; next_line = NR + 1; next }
        NR == next_line { message[panics] = $0; next }
        panics && /^ +(left|right): / { sub(/^ +/, ""); message[panics] = message[panics] ", " $0 }
        END {
            if (!failed) {
                print none ? "there is no such test" : "the run as a whole was out of time"
                exit
            }
            # Of a test in a process of its own the first message is how that ended, the second what it said.
            said = message[1]
            if (said ~ /exit status/ && message[2] != "") said = message[2]
            sub(/^row[0-9]+_[a-z_]*::[a-z0-9_]*:? */, "", said)
            print failed " failed; " name ": " said
        }' "$work/log" | cut -c1-180
}

failures=0
table=()

report() {
    table+=("$(printf '%-6s %-35s %-11s %s' "$1" "$2" "$3" "$4")")
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

# First all rows as they are, so that this needs one build.
sound=()
for row in "${rows[@]}"; do
    if check "$row"; then
        sound+=("$row")
    else
        tail -n 40 "$work/log" >&2
        miss "$row" "(unpatched)" "FAILS" "$(reason)"
    fi
done

shopt -s nullglob
for row in "${sound[@]}"; do
    patches=("$here/$row"-*.patch)
    if [[ ${#patches[@]} -eq 0 ]]; then
        miss "$row" "(no patch)" "MISSING" "nothing shows that the tests of this row can fail"
        continue
    fi
    for patch in "${patches[@]}"; do
        name=$(basename "$patch" .patch)
        name=${name#"$row"-}
        if ! applies "$tree" "$patch" >"$work/log" 2>&1; then
            miss "$row" "$name" "STALE" "does not apply"
            continue
        fi
        # `patch` gives the files the time of now, so that cargo builds them again.
        patch -d "$tree" -p1 --quiet --force --fuzz=0 --no-backup-if-mismatch <"$patch"
        if ! build; then
            miss "$row" "$name" "UNBUILDABLE" "$(grep -m1 '^error' "$work/log" | cut -c1-100)"
        elif check "$row"; then
            miss "$row" "$name" "UNDETECTED" "all tests of the row passed"
        else
            report "$row" "$name" "detected" "$(reason)"
        fi
        if ! patch -d "$tree" -p1 --quiet --force --fuzz=0 --no-backup-if-mismatch --reverse <"$patch"; then
            echo "cannot take $patch back" >&2
            exit 2
        fi
    done
done

echo
printf '%-6s %-35s %-11s %s\n' row patch result "how it showed"
printf '%s\n' "${table[@]}"
echo
if [[ $failures -gt 0 ]]; then
    echo "$failures of ${#table[@]} lines are not as they should be"
    exit 1
fi
echo "every sabotage was detected"
