#!/usr/bin/env bash
# Ranks that hang, lag, drift or compute nonsense.
# Rows of the fault matrix (docs/faults.md) that need the whole program: each function plants one fault in a tiny run and
# checks what the row promises. Usage: rows_ranks.sh BRAINMT MPIEXEC SHIM DIRECTORY ROW
# shellcheck disable=SC2317  # the rows are called by name
# shellcheck source=tests/train/faults/support.sh
. "$(dirname "$0")/support.sh"

# hung SINCE: the job that was begun ends by the watchdog, whose limit is 2 s.
hung() {
  ended 5
  within 12 "$1" "hang to job over, with a limit of 2 s"
  grep -q "rank [01]: no progress for 2 s in section step at step 5" "$work/stderr" || fail "no line names rank, section, step"
  expect_no_processes
}

row_24() {
  check "a rank that is stopped"
  begin step.begin:0:5:sleep=0.3 "${launched[@]}" run.dir="$work/run" comm.timeout=2
  until_planted
  local since=$EPOCHREALTIME
  kill -STOP "$(rank_pid 1)"
  hung "$since"
  continued_both run
}

row_25() {
  check "a rank that hangs in a step"
  begin step.gradients:1:5:hang "${launched[@]}" run.dir="$work/run" comm.timeout=2
  until_planted
  hung "$EPOCHREALTIME"
  check "a single rank that hangs while it saves"
  begin checkpoint.files:0:3:hang "${alone[@]}" run.dir="$work/save" comm.timeout=2
  until_planted
  local since=$EPOCHREALTIME
  ended 5
  within 12 "$since" "hang to job over, with a limit of 2 s"
  grep -q "rank 0: no progress for 2 s in section checkpoint at step 4" "$work/stderr" || fail "no line names the section"
  check "a rank that hangs at the start"
  begin start:1:0:hang "${launched[@]}" run.dir="$work/start" comm.timeout=2
  ended 5
  grep -q "no progress for 2 s in section start" "$work/stderr" || fail "no line names the section"
}

row_26() {
  check "a rank that leaves out a collective call"
  begin step.agree:1:5:skip "${launched[@]}" run.dir="$work/run" comm.timeout=2
  until_planted
  local since=$EPOCHREALTIME
  ended 5
  within 12 "$since" "calls out of step to job over"
  grep -q "rank [01]" "$work/stderr" || fail "no rank is named"
  expect_no_processes
}

row_27() {
  check "a slow rank is named, and the run continues"
  faulty 'step.begin:1:*:sleep=0.1' expect 0 stderr "rank 1 is slow" "${both[@]}" run.dir="$work/run"
  ! grep -q "rank 0 is slow" "$work/stderr" || fail "rank 0 is blamed"
  expect_same_end run two
  check "equal ranks are not"
  ! grep -q "is slow" "$ready/two/log.txt" || fail "a rank of the undisturbed run is called slow"
}

row_28() {
  check "NaN on one rank: the step is skipped by all"
  faulty step.gradients:1:5:nan expect 0 stderr "step 6: loss" "${both[@]}" run.dir="$work/run" run.check_replicas_every=1
  grep -q "the update was skipped on all ranks" "$work/stderr" || fail "the skip is not said"
  grep -q '"updates": 15' "$work/run/checkpoints/step-000016/state.json" || fail "not 15 updates in 16 steps"
}

row_29() {
  check "NaN again and again"
  faulty 'step.gradients:1:*:nan' expect 4 stderr "in 10 steps in a row" "${both[@]}" run.dir="$work/run"
  expect_one_error
  expect 0 stdout "" "$brainmt" inspect "$work/run" --verify
}

row_30() {
  check "a loss spike is logged, and the run continues"
  faulty step.batch:0:13:spike expect 0 stderr "loss spike" "${alone[@]}" run.dir="$work/run" log.every_steps=1
  grep -q "at step 14, .* times the median" "$work/run/log.txt" || fail "the step is not named in log.txt"
  ! grep -q "loss spike" "$ready/one/log.txt" || fail "the undisturbed run has a spike"
}

row_31() {
  check "a replica that drifts"
  faulty step.end:1:6:bitflip expect 70 stderr "ranks 0, 1: the parameters differ from each other at step 8" \
    "${both[@]}" run.dir="$work/run" run.check_replicas_every=4 checkpoint.every_steps=5
  expect_one_error
  continued_both run
  check "with three ranks, the one that differs is named"
  faulty step.end:1:1:bitflip expect 70 stderr "rank 1: the parameters differ from those of the other ranks at step 2" \
    ranks 3 "${train[@]}" run.global_batch=3 run.batch_size=1 run.dir="$work/three" run.check_replicas_every=1
}

case $row in
  [0-9][0-9]) "row_$row" ;;
  *) echo "no row $row" && exit 2 ;;
esac
finish
