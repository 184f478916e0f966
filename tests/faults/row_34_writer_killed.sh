#!/usr/bin/env bash
# Row 34: `prepare` is killed at 100 random times, or BRAINMT_WRITER_KILLS. Under the final name there is nothing or a
# whole cohort, never half of one; the same command, run again, completes to the same bytes and leaves nothing else behind.
# Usage: row_34_writer_killed.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"

trials=${BRAINMT_WRITER_KILLS:-100}
prepare=("$brainmt" prepare input="$data/scans")

check "how long it takes"
begin=$(date +%s%N)
expect 0 stdout "8 scans" "${prepare[@]}" output="$work/first.h5"
expect 0 stdout "8 scans" "${prepare[@]}" output="$work/second.h5"
whole_ms=$((($(date +%s%N) - begin) / 2000000))
cmp -s "$work/first.h5" "$data/c.h5" || fail "two preparations of the same scans differ"

check "killed"
killed=0
absent=0
for ((trial = 0; trial < trials; trial++)); do
  out=$work/out.h5
  # Every fourth time a cohort stands there already, which must stay whole.
  rm -f "$out"
  [ $((trial % 4)) -ne 3 ] || cp "$data/c.h5" "$out"
  draw_seconds 5 $((whole_ms + 25))
  { # the shell's own word about the killed process goes with the rest
    timeout -s KILL "$drawn" "${prepare[@]}" output="$out"
    code=$?
  } >"$work/stdout" 2>"$work/stderr"
  [ $code -eq 0 ] || killed=$((killed + 1))
  [ $code -eq 0 ] || [ $code -eq 137 ] || fail "exit code $code"
  if [ -e "$out" ]; then
    cmp -s "$out" "$data/c.h5" || fail "trial $trial, killed after $drawn s: half a cohort"
  else
    absent=$((absent + 1))
    [ $code -ne 0 ] || fail "trial $trial ended well and left no cohort"
  fi
done
echo "$killed of $trials killed, $absent left nothing, the others the whole cohort; undisturbed it takes $whole_ms ms"
[ "$killed" -ge $((trials / 4)) ] || fail "only $killed of $trials were killed"

check "again, to the end"
rm -f "$work/out.h5"
expect 0 stdout "8 scans" "${prepare[@]}" output="$work/out.h5"
cmp -s "$work/out.h5" "$data/c.h5" || fail "after the kills another cohort is made"
finish
