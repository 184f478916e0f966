# shellcheck shell=bash
# Shared by the tests that see the program as scripts do; sourced with BRAINMT MPIEXEC as arguments. Each check runs one
# command and compares its exit code, and a text that must stand on its stderr or stdout.
set -u -o pipefail
# shellcheck disable=SC2034  # for the scripts that source this
brainmt=$1
mpiexec=$2
work=$(mktemp -d)
failures=0
name=""
started=()  # processes in the background; whatever still runs at the end is ended

clean_up() {
  [ ${#started[@]} -eq 0 ] || kill -9 "${started[@]}" 2>/dev/null
  rm -rf "$work"
}
trap clean_up EXIT

# Random draws: another seed in every run, which finish prints; BRAINMT_TEST_SEED=<seed> repeats a run's draws.
seed=${BRAINMT_TEST_SEED:-$RANDOM}
RANDOM=$seed
drawn=0
# draw FROM TO: sets `drawn`. No command substitution, because bash seeds RANDOM anew in a subshell.
draw() { drawn=$((RANDOM % ($2 - $1 + 1) + $1)); }
# draw_seconds FROM TO: sets `drawn` to a time for sleep; FROM and TO are in milliseconds.
draw_seconds() {
  draw "$1" "$2"
  printf -v drawn '%d.%03d' $((drawn / 1000)) $((drawn % 1000))
}

# check NAME: what the following lines are about.
check() { name=$1; }

fail() {
  echo "FAILED: ${name:+$name: }$*"
  sed 's/^/    /' "$work/stdout" "$work/stderr"
  failures=$((failures + 1))
}

# expect CODE STREAM TEXT COMMAND...: TEXT is a fixed string; "" checks nothing.
expect() {
  local code=$1 stream=$2 text=$3 found
  shift 3
  "$@" >"$work/stdout" 2>"$work/stderr"
  found=$?
  [ "$found" -eq "$code" ] || fail "exit code $found instead of $code: $*"
  [ -z "$text" ] || grep -qF -- "$text" "$work/$stream" || fail "no '$text' on $stream: $*"
}

# An error is one line on stderr.
expect_one_line() {
  local lines
  lines=$(wc -l <"$work/stderr")
  [ "$lines" -eq 1 ] || fail "$lines lines on stderr instead of 1"
}

# Among the lines of a launcher, one is ours.
expect_one_error() {
  local lines
  lines=$(grep -c '^brainmt: .*error: ' "$work/stderr")
  [ "$lines" -eq 1 ] || fail "$lines error lines on stderr instead of 1"
}

# Nothing half-written stands anywhere.
expect_no_leftovers() {
  local found
  found=$(find "$work" -name '*.tmp-*')
  [ -z "$found" ] || fail "left behind: $found"
}

# ranks N COMMAND...: on N ranks, in bounded time.
ranks() {
  local count=$1
  shift
  timeout 60 "$mpiexec" --oversubscribe -n "$count" "$@"
}

finish() {
  [ "$failures" -eq 0 ] && echo "all checks passed"
  echo "random draws: BRAINMT_TEST_SEED=$seed"
  exit "$((failures > 0))"
}
