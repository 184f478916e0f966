#!/usr/bin/env bash
# Runs that are killed, signalled or out of time.
# Rows of the fault matrix (docs/faults.md) that need the whole program: each function plants one fault in a tiny run and
# checks what the row promises. Usage: rows_end.sh BRAINMT MPIEXEC SHIM DIRECTORY prepare|ROW
# shellcheck disable=SC2317  # the rows are called by name
# shellcheck source=tests/train/faults/support.sh
. "$(dirname "$0")/support.sh"

prepare() {
  rm -rf "$ready" && mkdir -p "$ready"
  expect 0 stdout "16 scans" "$brainmt" synth out="$ready/scans" subjects=16 'grid=[10,10,10]' frames=12
  expect 0 stdout "16 scans" "$brainmt" prepare input="$ready/scans" output="$ready/c.h5"
  expect 0 stdout "finished" "${alone[@]}" run.dir="$ready/one"
  expect 0 stdout "finished" "${both[@]}" run.dir="$ready/two"
}

row_01() {
  local step since code
  draw 1 14
  for step in 0 "$drawn"; do
    check "rank 1 killed at step $step"
    since=$EPOCHREALTIME
    faulty "step.gradients:1:$step:kill9" "${both[@]}" run.dir="$work/two_$step" >"$work/stdout" 2>"$work/stderr"
    code=$?
    [ "$code" -ne 0 ] || fail "the job ended as if nothing had happened"
    [ "$code" -ne 124 ] || fail "the job did not end after the rank's death"
    within 10 "$since" "start, rank death, job over"
    expect_no_processes
    continued_both "two_$step"
  done
  draw 1 14
  step=$drawn
  check "the only rank killed at step $step"
  faulty "step.end:0:$step:kill9" expect 137 stderr "" "${alone[@]}" run.dir="$work/one"
  continued_alone one
}

row_02() {
  check "the launcher killed"
  begin 'step.begin:1:5:sleep=1' "${launched[@]}" run.dir="$work/run"
  until_planted
  local since=$EPOCHREALTIME
  kill -9 "$begun"
  for _ in $(seq 1500); do pgrep -f -- "run.dir=$work/run" >/dev/null || break; sleep 0.1; done
  within 30 "$since" "launcher death to the end of the ranks"
  expect_no_processes
  continued_both run
}

# killed_at POINT:STEP: the process dies there, and the next call ends in the same bits.
killed_at() {
  check "killed at $1"
  faulty "${1/:/:0:}:kill9" expect 137 stderr "injected fault" "${alone[@]}" run.dir="$work/run"
}

row_04() {
  killed_at checkpoint.manifest:6
  [ -n "$(find "$work/run/checkpoints" -name '*.tmp-*')" ] || fail "no unfinished save was left to ignore"
  [ ! -e "$work/run/checkpoints/step-000006" ] || fail "step 6 was put in place"
  continued_alone run
  expect_no_leftovers
}

row_05() {
  killed_at checkpoint.rename:6
  [ "$(newest run)" != step-000006 ] || fail "latest was renewed"
  check "the newest is found although latest names another"
  expect 0 stderr "using step-000006" "${alone[@]}" run.dir="$work/run"
  expect_same_end run one
}

row_06() {
  killed_at checkpoint.prune:3
  expect 0 stdout "" "$brainmt" inspect "$work/run" --verify
  continued_alone run
}

# Every file of a save is written, synchronised and only then renamed; its directory is synchronised after that; old
# steps go last.
row_07() {
  check "order of the calls of one save"
  expect 0 stdout "" env LD_PRELOAD="$shim" IO_SHIM_TRACE="$work/trace" "${alone[@]}" run.dir="$work/run" run.max_steps=3
  sed "s|$work/run/checkpoints||g" "$work/trace" >"$work/stdout"
  awk '
    function bad(why) { print "line " NR ": " why ": " $0; failed = 1 }
    $1 == "write" { dirty[$2] = 1 }
    $1 == "fsync" { delete dirty[$2]; synced[$2] = 1; delete renamed_in[$2] }
    $1 == "rename" {
      if ($3 ~ /\.tmp-old/) { if (!latest) bad("deleted before latest was renewed"); next }
      if ($2 in dirty) bad("renamed before its last write was synchronised")
      if (!($2 in synced) && $3 !~ /^\/step-[0-9]+$/) bad("renamed without having been synchronised")
      for (directory in renamed_in) if ($3 !~ /\.tmp-new/) bad("renamed before " directory " was synchronised")
      directory = $3; sub(/\/[^\/]*$/, "", directory); renamed_in[directory] = 1
      if ($3 ~ /manifest.json$/) manifest = 1
      if ($3 ~ /^\/step-[0-9]+$/) { if (!manifest) bad("in place before its manifest"); whole = 1; saves++ }
      if ($3 == "/latest") { if (!whole) bad("latest before the step"); latest = 1 }
    }
    END {
      for (directory in renamed_in) bad("the names in " directory "/ were never synchronised")
      if (saves != 1 || !latest) bad("not one whole save")
      exit failed
    }' "$work/stdout" >"$work/stderr" || fail "the order is wrong"
}

row_08() {
  local signal since
  for signal in INT TERM USR1 USR2; do
    check "SIG$signal in step 5"
    begin 'step.begin:0:5:sleep=0.5' "${alone[@]}" run.dir="$work/$signal"
    until_planted
    since=$EPOCHREALTIME
    kill -s "$signal" "$begun"
    ended 75
    within 20 "$since" "SIG$signal to a durable checkpoint"
    [ "$(newest "$signal")" = step-000006 ] || fail "$(newest "$signal") instead of the current step"
    [ "$signal" != USR2 ] || continued_alone "$signal"
  done
  check "USR1 to one rank of two"
  begin 'step.begin:0:5:sleep=0.5' "${launched[@]}" run.dir="$work/lone"
  until_planted
  kill -s USR1 "$(rank_pid 1)"
  ended 75
  check "USR2 to the launcher"
  begin 'step.begin:0:5:sleep=0.5' "${launched[@]}" run.dir="$work/launcher"
  until_planted
  kill -s USR2 "$begun"
  ended 75
  continued_both launcher
}

row_09() {
  local point
  for point in start:0 load:0 checkpoint.files:3 checkpoint.latest:3 validation:4; do
    check "two signals at $point"
    begin "${point/:/:0:}:sleep=0.5" "${alone[@]}" run.dir="$work/${point%%:*}"
    until_planted
    kill -s USR1 "$begun"
    kill -s TERM "$begun"
    ended 75
    expect 0 stdout "" "$brainmt" inspect "$work/${point%%:*}" --verify
  done
  expect_no_leftovers
  continued_alone validation
}

row_10() {
  check "a signal before MPI starts"
  begin program.begin:0:0:sleep=0.5 "${alone[@]}" run.dir="$work/before"
  until_planted
  kill -s USR1 "$begun"
  ended 75
  [ "$(newest before)" = step-000001 ] || fail "$(newest before) instead of the first step"
  continued_alone before
  check "a signal after the last step"
  begin end:0:16:sleep=0.5 "${alone[@]}" run.dir="$work/after"
  until_planted
  kill -s USR1 "$begun"
  ended 0
  expect 0 stdout "finished before" "${alone[@]}" run.dir="$work/after"
}

row_11() {
  check "run.max_seconds"
  faulty step.begin:0:4:sleep=2 expect 75 stderr "run.max_seconds=3" "${alone[@]}" run.dir="$work/time" run.max_seconds=3
  continued_alone time
  check "what Slurm says is left"
  SLURM_JOB_END_TIME=$(($(date +%s) + 70)) expect 75 stderr "run.stop_margin=69.9 s before SLURM_JOB_END_TIME" \
    "${alone[@]}" run.dir="$work/slurm" run.stop_margin=69.9
  [ "$(newest slurm)" != step-000016 ] || fail "the run was not stopped"
  SLURM_JOB_END_TIME=soon expect 0 stderr "SLURM_JOB_END_TIME=soon: expected" "${alone[@]}" run.dir="$work/slurm"
  expect_same_end slurm one
}

case $row in
  prepare) prepare ;;
  [0-9][0-9]) "row_$row" ;;
  *) echo "no row $row" && exit 2 ;;
esac
finish
