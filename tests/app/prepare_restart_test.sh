#!/usr/bin/env bash
# Preparations that are killed, at every named point and at random times, alone and on two ranks: nothing stands under the
# final name, the next call finishes the work, and the store is the one that nothing disturbed.
# Usage: prepare_restart_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

check "a cohort"
expect 0 stdout "12 scans" "$brainmt" synth out="$work/scans" subjects=12 'grid=[20,22,20]' frames=40
expect 0 stdout "12 scans" "$brainmt" prepare input="$work/scans" output="$work/reference.h5"

# expect_restart NAME: the killed preparation of $work/NAME.h5 left nothing whole; the next one gives the reference.
expect_restart() {
  [ ! -e "$work/$1.h5" ] || cmp -s "$work/$1.h5" "$work/reference.h5" || fail "a store that is not whole stands under its name"
  expect 0 stdout "12 scans" "$brainmt" prepare input="$work/scans" output="$work/$1.h5"
  cmp "$work/$1.h5" "$work/reference.h5" >"$work/stdout" || fail "the store differs from the undisturbed one"
  [ ! -e "$work/$1.h5.staging" ] || fail "the staging area stays"
  [ -z "$(find "$work" -name "$1*.tmp-*")" ] || fail "unfinished files stay"
}

for point in prepare.staged:0:3 prepare.copy:0:2 prepare.commit:0:0 prepare.commit:0:1; do
  check "killed at $point"
  BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=$point:kill9 "$brainmt" prepare input="$work/scans" output="$work/point.h5" \
    >"$work/stdout" 2>"$work/stderr" && fail "it ended as if nothing had happened"
  expect_restart point
  rm -f "$work/point.h5"
done

check "killed after three scans: three are used again"
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=prepare.staged:0:3:kill9 "$brainmt" prepare input="$work/scans" \
  output="$work/reuse.h5" >"$work/stdout" 2>"$work/stderr"
expect 0 stdout "3 of 12 scans were staged by an earlier preparation" "$brainmt" prepare input="$work/scans" \
  output="$work/reuse.h5"

check "one of two ranks killed"
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=prepare.staged:1:2:kill9 ranks 2 "$brainmt" prepare input="$work/scans" \
  output="$work/two.h5" >"$work/stdout" 2>"$work/stderr" && fail "it ended as if nothing had happened"
expect_restart two

check "a full disk while scans are staged"
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=prepare.staged:1:2:enospc ranks 2 "$brainmt" prepare input="$work/scans" \
  output="$work/full.h5" >"$work/stdout" 2>"$work/stderr"
code=$?
[ "$code" -eq 6 ] || fail "exit code $code instead of 6"
expect_one_error
expect_restart full

for trial in 1 2 3 4 5 6; do
  check "killed at a random time, trial $trial"
  "$brainmt" prepare input="$work/scans" output="$work/random.h5" >/dev/null 2>&1 &
  pid=$!
  started+=("$pid")
  draw_seconds 100 1000
  sleep "$drawn"
  kill -9 "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  expect_restart random
  rm -f "$work/random.h5"
done

check "shards, done once each, and merged"
for k in 1 2 3; do
  expect 0 stdout "4 scans" "$brainmt" prepare input="$work/scans" output="$work/s.h5" shard=$k/3
done
expect 0 stdout "complete already" "$brainmt" prepare input="$work/scans" output="$work/s.h5" shard=2/3
expect 0 stdout "12 scans in 3 shards" "$brainmt" prepare output="$work/s.h5" merge=3
rm "$work/s.shard-002-of-003.h5"
expect 2 stderr "1 of 3 shards are missing: 2" "$brainmt" prepare output="$work/s.h5" merge=3
expect 2 stderr "merge conflicts with input" "$brainmt" prepare input="$work/scans" output="$work/s.h5" merge=3
expect 2 stderr "expected K/N" "$brainmt" prepare input="$work/scans" output="$work/s.h5" shard=4/3
expect 2 stderr "input" "$brainmt" prepare output="$work/s.h5"
finish
