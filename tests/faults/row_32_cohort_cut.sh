#!/usr/bin/env bash
# Row 32: a cohort that is cut short, empty, or no HDF5 at all: exit 3, one line that names it, on one rank and on two,
# before a run begins. Usage: row_32_cohort_cut.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"

whole=$(stat -c %s "$data/c.h5")
for size in 0 1 8 500 2048 $((whole / 2)) $((whole - 1)); do
  check "cut after $size bytes"
  head -c "$size" "$data/c.h5" >"$work/short.h5"
  expect 3 stderr "short.h5" "$brainmt" inspect "$work/short.h5"
  expect_one_line
done
check "half of it, read by every command"
head -c $((whole / 2)) "$data/c.h5" >"$work/short.h5"
expect 3 stderr "short.h5" "${train[@]}" run.dir="$work/run" data.cohort="$work/short.h5"
expect_one_error
expect 3 stderr "short.h5" "${train[@]}" run.dir="$work/run" data.cohort="$work/short.h5" --dry-run
expect_one_error
check "half of it, on two ranks"
expect 3 stderr "short.h5" ranks 2 "${train[@]}" run.dir="$work/run" data.cohort="$work/short.h5"
expect_one_error
check "text, zeros, a directory, nothing"
echo "participant_id,sex" >"$work/text.h5"
head -c 100000 /dev/zero >"$work/zeros.h5"
mkdir "$work/folder.h5"
for name in text zeros folder absent; do
  expect 3 stderr "$name.h5" "${train[@]}" run.dir="$work/run" data.cohort="$work/$name.h5"
  expect_one_error
done
[ ! -d "$work/run/checkpoints" ] || fail "a run began"
finish
