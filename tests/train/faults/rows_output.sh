#!/usr/bin/env bash
# Output that cannot be written, and run directories that cannot be used.
# Rows of the fault matrix (docs/faults.md) that need the whole program: each function plants one fault in a tiny run and
# checks what the row promises. Usage: rows_output.sh BRAINMT MPIEXEC SHIM DIRECTORY ROW
# shellcheck disable=SC2317  # the rows are called by name
# shellcheck source=tests/train/faults/support.sh
. "$(dirname "$0")/support.sh"

# A save that fails in the background: exit 6 with one line, the checkpoint before it whole, the run continued after.
# failed_save TEXT COMMAND...
failed_save() {
  expect 6 stderr "$1" "${@:2}"
  expect_one_error
  [[ "$(newest run)" < step-000006 ]] || fail "latest names $(newest run)"
  expect 0 stdout "" "$brainmt" inspect "$work/run" --verify
  expect_no_leftovers
}

row_12() {
  check "no space left on a small file system"
  mkdir "$work/small"
  if mount -t tmpfs -o size=900k brainmt-test "$work/small" 2>/dev/null; then
    # Room for the files of the start and about two checkpoints.
    expect 6 stderr "No space left on device" "${alone[@]}" run.dir="$work/small/run" checkpoint.keep=9
    expect_one_error
    expect 0 stdout "" "$brainmt" inspect "$work/small/run" --verify
    umount "$work/small"
  else
    echo "tmpfs cannot be mounted here; the shim stands in for it"
  fi
  check "no space left while the second checkpoint is written, on every rank"
  expect 0 stdout "" "${both[@]}" run.dir="$work/run" run.max_steps=3
  failed_save "No space left on device" with_shim write:28:step-000006.tmp "${both[@]}" run.dir="$work/run"
  continued_both run
}

row_13() {
  check "a limit on the size of files"
  expect 0 stdout "" "${alone[@]}" run.dir="$work/run" run.max_steps=3
  # Smaller than the optimiser's file, larger than everything else; the signal that goes with it is ignored. MPI's own
  # files are larger, so the limit comes when MPI has started.
  begin load:0:3:sleep=0.5 "${alone[@]}" run.dir="$work/run"
  until_planted
  prlimit --pid "$begun" --fsize=100000
  ended 6
  grep -q "File too large" "$work/stderr" || fail "the reason is not said"
  expect_one_error
  expect 0 stdout "" "$brainmt" inspect "$work/run" --verify
  continued_alone run
}

row_14() {
  local call
  for call in fsync:5:optimizer fsync:28:model close:5:optimizer fsync:5:manifest rename:5:/step-000006; do
    check "$call"
    rm -rf "$work/run"
    expect 0 stdout "" "${alone[@]}" run.dir="$work/run" run.max_steps=3
    failed_save "" with_shim "$call" "${alone[@]}" run.dir="$work/run"
  done
  continued_alone run
}

row_15() {
  check "a file where the run directory should be"
  : >"$work/file"
  expect 6 stderr "$work/file" "${alone[@]}" run.dir="$work/file"
  expect_one_error
  check "a file above the run directory"
  expect 6 stderr "$work/file/run" "${alone[@]}" run.dir="$work/file/run"
  expect_one_error
  check "a directory that may not be written"
  mkdir -m 555 "$work/closed"
  if [ "$(id -u)" -ne 0 ]; then
    expect 6 stderr "$work/closed" "${alone[@]}" run.dir="$work/closed"
  elif chmod 755 "$work" && setpriv --reuid=65534 --regid=65534 --clear-groups "$brainmt" --version >/dev/null 2>&1 &&
    setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$ready/c.h5"; then
    expect 6 stderr "$work/closed" setpriv --reuid=65534 --regid=65534 --clear-groups "${alone[@]}" run.dir="$work/closed"
  else
    echo "as root, and no other user can read the program: this part is not tested"
  fi
}

row_20() {
  check "another configuration"
  expect 0 stdout "" "${alone[@]}" run.dir="$work/run" run.max_steps=1
  expect 2 stderr "optimizer.lr (was 0.0002, is 0.01)" "${alone[@]}" run.dir="$work/run" optimizer.lr=0.01
  expect_one_error
}

row_23() {
  check "a run directory belongs to one run at a time"
  begin step.begin:0:2:sleep=1.5 "${alone[@]}" run.dir="$work/run"
  until_planted
  "${alone[@]}" run.dir="$work/run" >"$work/second" 2>&1 && fail "a second run was let in"
  grep -qF "$begun" "$work/second" || fail "the owner, process $begun, is not named"
  ended 0
  check "the lock of a process that is dead"
  faulty step.begin:0:2:kill9 expect 137 stderr "" "${alone[@]}" run.dir="$work/dead"
  expect 0 stderr "taking over the lock of dead process" "${alone[@]}" run.dir="$work/dead"
}

row_52() {
  check "standard output closed"
  "${alone[@]}" run.dir="$work/closed" >&- <&- 2>"$work/stderr" || fail "exit code $?"
  expect_same_end closed one
  check "standard output and error into a pipe without reader"
  { "${alone[@]}" run.dir="$work/pipe" log.every_steps=1 2>&1; echo $? >"$work/code"; } | head -1 >/dev/null
  [ "$(cat "$work/code")" -eq 0 ] || fail "exit code $(cat "$work/code")"
  expect_same_end pipe one
  check "standard error on a full disk"
  "${alone[@]}" run.dir="$work/full" >/dev/null 2>/dev/full || fail "exit code $?"
  expect_same_end full one
  check "the run's metrics on a full disk"
  expect 6 stderr "No space left on device" with_shim write:28:metrics.jsonl \
    "${alone[@]}" run.dir="$work/metrics"
  expect_one_error
  continued_alone metrics
}

case $row in
  [0-9][0-9]) "row_$row" ;;
  *) echo "no row $row" && exit 2 ;;
esac
finish
