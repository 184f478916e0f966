#!/usr/bin/env bash
# Row 35: another process holds the cohort, with flock() or open for writing through HDF5, and whatever
# HDF5_USE_FILE_LOCKING says: reading works. Usage: row_35_locks.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"
cp "$data/c.h5" "$work/c.h5"

read_it() {
  local setting
  for setting in TRUE FALSE BEST_EFFORT ""; do
    expect 0 stdout "matches its checksum" env ${setting:+HDF5_USE_FILE_LOCKING="$setting"} "$brainmt" inspect --verify "$work/c.h5"
  done
  expect 0 stdout "parameters" env HDF5_USE_FILE_LOCKING=TRUE "${train[@]}" run.dir="$work/run" data.cohort="$work/c.h5" --dry-run
}

# hold COMMAND...: in the background, until it has made $work/held.
hold() {
  rm -f "$work/held"
  "$@" &
  started+=("$!")
  for _ in $(seq 200); do [ -e "$work/held" ] && return; sleep 0.05; done
  fail "the lock was not taken"
}

check "not locked" && read_it
check "flock()"
# shellcheck disable=SC2016  # expanded by that shell
hold flock --no-fork -x "$work/c.h5" sh -c 'touch "$0/held"; exec sleep 60' "$work"
flock -n "$work/c.h5" true && fail "the lock is not held"
read_it
kill "${started[@]}" && wait "${started[@]}" 2>/dev/null
started=()

if "${BRAINMT_PYTHON:-python3}" -c 'import h5py' 2>/dev/null; then
  # hold_through_hdf5 MODE: as h5py opens a file, with HDF5's own lock on it.
  hold_through_hdf5() {
    HDF5_USE_FILE_LOCKING=TRUE hold "${BRAINMT_PYTHON:-python3}" -c "
import h5py, sys, time
with h5py.File(sys.argv[1] + '/c.h5', sys.argv[2]) as f:
    open(sys.argv[1] + '/held', 'w').close()
    time.sleep(60)" "$work" "$1"
  }
  let_go() { kill "${started[@]}" && wait "${started[@]}" 2>/dev/null; started=(); }
  check "open for reading through HDF5"
  hold_through_hdf5 r
  read_it
  let_go
  # Somebody who changes a cohort marks it; half-changed it could be anything, and it is the mark that is named.
  check "open for writing through HDF5"
  hold_through_hdf5 r+
  expect 3 stderr "already open for write" "$brainmt" inspect --verify "$work/c.h5"
  expect_one_line
  let_go
  cp "$data/c.h5" "$work/c.h5"
else
  echo "without h5py: the half with HDF5's own lock is left out"
fi

check "on a file system where writing is not allowed"
chmod 400 "$work/c.h5" && read_it
finish
