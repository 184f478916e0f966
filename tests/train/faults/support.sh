# shellcheck shell=bash
# Shared by the rows of the fault matrix: a tiny training run, how a fault is planted in it, and what is expected after.
# Sourced with BRAINMT MPIEXEC SHIM DIRECTORY ROW as arguments.
# shellcheck disable=SC2034  # for the scripts that source this
# shellcheck source=tests/app/checks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../app/checks.sh"
shim=$3
ready=$4
row=$5

export OMP_NUM_THREADS=1
train=("$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 model.drop_path=0.2
  'data.split_fractions=[0.5,0.25,0.25]' task=classification task.target=sex data.cohort="$ready/c.h5"
  run.epochs=4 run.global_batch=2 scheduler.warmup_epochs=1 checkpoint.every_steps=3)
alone=("${train[@]}" run.batch_size=2)
both_settings=("${train[@]}" run.batch_size=1)
both=(ranks 2 "${both_settings[@]}")
launched=("$mpiexec" --oversubscribe -n 2 "${both_settings[@]}")

# faulty FAULT COMMAND...
faulty() { BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=$1 "${@:2}"; }

# with_shim FAILURE COMMAND...: file calls fail as io_shim.cpp says.
with_shim() { LD_PRELOAD=$shim IO_SHIM_FAIL=$1 "${@:2}"; }

# weights RUN: checksums of the newest checkpoint's tensors.
weights() { (cd "$1/checkpoints/$(cat "$1/checkpoints/latest")" && sha256sum model.safetensors optimizer.safetensors); }
# expect_same_end RUN one|two
expect_same_end() { diff <(weights "$work/$1") <(weights "$ready/$2") >"$work/stdout" || fail "$1 ends in other bits than $2"; }
# continued_alone RUN, continued_both RUN: the same call again finishes, in the bits of the undisturbed run.
continued_alone() {
  expect 0 stdout "finished" "${alone[@]}" run.dir="$work/$1" run.max_seconds=0
  expect_same_end "$1" one
}
continued_both() {
  expect 0 stdout "finished" "${both[@]}" run.dir="$work/$1"
  expect_same_end "$1" two
}
newest() { cat "$work/$1/checkpoints/latest"; }
expect_no_processes() { ! pgrep -af -- "$work/" >"$work/stdout" || fail "processes were left behind"; }

# begin FAULT COMMAND...: in the background, with its output in the usual files; sets `begun`.
begin() {
  # Emptied before the process exists: until_planted must not see what an earlier job wrote.
  : >"$work/stdout"
  : >"$work/stderr"
  BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=$1 "${@:2}" >"$work/stdout" 2>"$work/stderr" &
  begun=$!
  started+=("$begun")
}
# until_planted: waits for the fault to be announced.
until_planted() {
  for _ in $(seq 400); do
    grep -qs "injected fault" "$work/stderr" && return
    sleep 0.05
  done
  fail "the fault was never met"
}
# ended CODE: waits for the job that was begun.
ended() {
  local code
  wait "$begun"
  code=$?
  [ "$code" -eq "$1" ] || fail "exit code $code instead of $1"
}
seconds_since() { awk -v now="$EPOCHREALTIME" -v then="$1" 'BEGIN { printf "%.1f", now - then }'; }
# within SECONDS SINCE WHAT: SECONDS are what docs/faults.md promises on an idle machine. Other tests share this one, so
# five times as long passes; that it ended, and why, is judged by exit codes and the log.
within() {
  local took
  took=$(seconds_since "$2")
  echo "$3: $took s, promised are $1 s"
  awk -v took="$took" -v limit="$1" 'BEGIN { exit !(took <= 5 * limit) }' || fail "$3 took $took s, more than 5 x $1 s"
}
# rank_pid N: the process of a rank of the job that was begun.
rank_pid() {
  local pid
  for pid in $(pgrep -P "$begun"); do
    tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo "$pid"
  done
}
