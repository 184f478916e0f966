#!/usr/bin/env bash
# SIGTERM and SIGINT at random moments: every command ends within seconds, says so in one line, and leaves nothing
# half-written, alone and on two ranks. Usage: stop_test.sh BRAINMT MPIEXEC [TRIALS]: so many for each command, 2 without
# it.
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"
trials=${3:-2}
[[ $trials =~ ^[0-9]+$ ]] || trials=2  # another test's argument
[ "$trials" -le 2 ] || trials=${BRAINMT_STOP_TRIALS:-$trials}
brainmt=$(realpath "$brainmt")
cd "$work" || exit 1
limit_ms=10000  # 2 s are promised; other tests share the machine
slowest=0

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
# A run of the command that takes too long to be over before the signal; its own process group, so that children count.
# stopped SIGNAL CODE DELAY COMMAND...
stopped() {
  local signal=$1 code=$2 delay=$3 pid asked took found
  shift 3
  setsid "$@" >stdout 2>stderr &
  pid=$!
  started=("$pid")
  sleep "$delay"
  asked=$(milliseconds)
  kill -s "$signal" "$pid" 2>/dev/null
  wait "$pid"
  found=$?
  took=$(($(milliseconds) - asked))
  started=()
  [ "$took" -le "$slowest" ] || slowest=$took
  [ "$took" -le "$limit_ms" ] || fail "$took ms after SIG$signal, after $delay s: $*"
  case $found in
    0) ((++finished)) ;;  # over before the signal came
    "$code")
      [ "$(grep -c 'stopping; press again' stderr)" -eq 1 ] || fail "not one line of stopping: $*"
      [ "$2" != prepare ] || grep -q "continues with what is done" stderr || fail "not said that prepare goes on: $*"
      ;;
    *) fail "exit code $found instead of $code after $delay s: $*" ;;
  esac
  expect_no_leftovers
  ! pgrep -g "$pid" >/dev/null || fail "processes are left: $*"
}
# trial NAME COMMAND...: every trial with another signal and moment; $clean is run before each.
trial() {
  local i
  check "$1"
  shift
  finished=0
  for ((i = 0; i < trials; ++i)); do
    $clean
    draw_seconds 20 820
    if ((i % 2)); then stopped INT 130 "$drawn" "$@"; else stopped TERM 143 "$drawn" "$@"; fi
  done
  $clean
}

check "something to work on"
expect 0 stdout "24 scans" "$brainmt" synth out=scans subjects=24 'grid=[24,28,24]' frames=60
expect 0 stdout "24 scans" "$brainmt" prepare input=scans output=c.h5
expect 0 stdout "run.max_steps" "$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 run.max_steps=1 \
  task=classification task.target=sex data.cohort=c.h5 run.epochs=1 scheduler.warmup_epochs=0 run.dir=run

clean="rm -rf out"
trial synth "$brainmt" synth out=out subjects=4000 'grid=[32,36,32]' frames=40
clean="rm -rf p.h5 p.report.tsv"  # staged scans stay, as they may
trial prepare "$brainmt" prepare input=scans output=p.h5 normalize=minmax
[ ! -e p.h5 ] || expect 0 stdout "" "$brainmt" inspect --verify p.h5
expect 0 stdout "24 scans" "$brainmt" prepare input=scans output=p.h5 normalize=minmax
expect 0 stdout "" "$brainmt" inspect --verify p.h5
clean="rm -rf e.h5"
trial embed "$brainmt" embed run.dir=run out=e.h5 embed.stride=1
clean="rm -rf results"
trial evaluate "$brainmt" evaluate run.dir=run split=all eval.stride=1 out=results
clean=true
trial bench "$brainmt" bench gemm seconds=60
trial verify "$brainmt" inspect --verify c.h5
clean="rm -f r.html"
trial report "$brainmt" report run out=r.html
clean="rm -f w.safetensors"
trial weights "$brainmt" weights export in=run out=w.safetensors

check "the second signal ends at once, also where removing takes long"
setsid "$brainmt" synth out=out subjects=4000 'grid=[32,36,32]' frames=40 >stdout 2>stderr &
pid=$!
started=("$pid")
sleep 0.4
kill -TERM "$pid"
kill -TERM "$pid" 2>/dev/null
wait "$pid"
[ $? -eq 143 ] || fail "not ended by the second signal"
expect_no_leftovers

# On two ranks. Open MPI passes a signal on as SIGTERM, kills what is left after a second, and ends with 1 (4.1) or the
# ranks' code; a rank that ends by itself gives its own code, and the others get SIGTERM.
# rank_id N: the process of rank N below $pid, once it handles signals.
rank_id() {
  local child
  for _ in $(seq 200); do
    for child in $(pgrep -P "$pid"); do
      grep -qz "^OMPI_COMM_WORLD_RANK=$1\$" "/proc/$child/environ" 2>/dev/null || continue
      (($(sed -n 's/^SigCgt:\t/0x/p' "/proc/$child/status" 2>/dev/null || echo 0) & 0x4000)) || continue
      echo "$child"
      return
    done
    sleep 0.05
  done
}
# both_stopped TARGET SIGNAL CODES DELAY COMMAND...: TARGET is launcher, 0 or 1; CODES as in a case, 1|143.
both_stopped() {
  local target=$1 signal=$2 codes=$3 delay=$4 asked took found first second
  shift 4
  setsid "$mpiexec" --oversubscribe -n 2 "$@" >stdout 2>stderr &
  pid=$!
  first=$(rank_id 0)
  second=$(rank_id 1)
  started=("$pid" "$first" "$second")
  sleep "$delay"
  asked=$(milliseconds)
  case $target in
    launcher) kill -s "$signal" "$pid" ;;
    0) kill -s "$signal" "$first" ;;
    1) kill -s "$signal" "$second" ;;
  esac 2>/dev/null
  wait "$pid"
  found=$?
  took=$(($(milliseconds) - asked))
  started=()
  [ "$took" -le "$slowest" ] || slowest=$took
  [ "$took" -le "$limit_ms" ] || fail "$took ms after SIG$signal to $target, after $delay s: $*"
  if [ "$found" -eq 0 ]; then
    ((++over)) # before the signal came
  elif [[ $found =~ ^($codes)$ ]]; then
    [ "$(cat stdout stderr | grep -c "$said")" -eq 1 ] || fail "not one line '$said' after SIG$signal to $target: $*"
    ! grep -q ' error: ' stderr || fail "an error after SIG$signal to $target: $*"
  else
    fail "exit code $found instead of $codes after SIG$signal to $target: $*"
  fi
  expect_no_leftovers
  for _ in $(seq 40); do # mpirun does not wait for the ranks that it kills
    pgrep -s "$pid" >/dev/null || return
    sleep 0.05
  done
  fail "processes are left: $*"
}
# Two of the four ways for each command, more where more trials are asked for: a start of two ranks takes a second.
pairs=$((trials < 8 ? trials : 8))
way=0 over=0
said="stopping; press again"
both() {
  local i
  check "$1 on two ranks"
  shift
  for ((i = 0; i < pairs; ++i, ++way)); do
    $clean
    draw_seconds 20 820
    case $((way % 4)) in
      0) both_stopped launcher TERM "1|143" "$drawn" "$@" ;;
      1) both_stopped 1 TERM 143 "$drawn" "$@" ;;
      2) both_stopped launcher INT "1|130|143" "$drawn" "$@" ;;
      3) both_stopped 0 INT 130 "$drawn" "$@" ;;
    esac
  done
  $clean
}
clean="rm -rf out"
both synth "$brainmt" synth out=out subjects=4000 'grid=[32,36,32]' frames=40
clean="rm -rf p.h5 p.report.tsv p.h5.staging"
both prepare "$brainmt" prepare input=scans output=p.h5
clean="rm -f e.h5"
both embed "$brainmt" embed run.dir=run out=e.h5 embed.stride=1
clean="rm -rf results"
both evaluate "$brainmt" evaluate run.dir=run split=all eval.stride=1 out=results
clean=true
both bench "$brainmt" bench gemm seconds=60
clean="rm -f r.html"
both report "$brainmt" report run out=r.html
check "most commands were still running on two ranks"
[ "$over" -lt "$((way / 2))" ] || fail "$over of $way were over before the signal"


check "a task of a sweep and a training on two ranks save when one of them is told, and continue"
cat >task.yaml <<EOF
set: {task: classification, task.target: sex, model: {depth: [1, 1], embed_dim: 16, num_frames: 8},
      run: {epochs: 1000, batch_size: 2}, scheduler.warmup_epochs: 1, data.split_fractions: [0.5, 0.25, 0.25]}
axes: {lr: {optimizer.lr: [1e-3]}}
resources: {ranks: 2, memory: 500M, time: "5:00"}
EOF
expect 0 stdout "1 tasks" "$brainmt" sweep plan sweep=task.yaml out=sweep data.cohort=c.h5
said="after a complete checkpoint"
both_stopped 0 TERM 75 1 "$brainmt" sweep run out=sweep index=0
both_stopped 1 INT 75 1 "$brainmt" sweep run out=sweep index=0
grep -q "continuing from step" stderr || fail "not continued"
both_stopped 1 TERM 75 1 "$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 task=classification \
  task.target=sex data.cohort=c.h5 run.epochs=1000 scheduler.warmup_epochs=0 run.dir=long

check "the second signal to mpirun ends at once"
setsid "$mpiexec" --oversubscribe -n 2 "$brainmt" synth out=out subjects=4000 'grid=[32,36,32]' frames=40 >stdout 2>stderr &
pid=$!
started=("$pid" "$(rank_id 0)" "$(rank_id 1)")
asked=$(milliseconds)
kill -TERM "$pid"
kill -TERM "$pid" 2>/dev/null
wait "$pid" && fail "exit code 0"
[ $(($(milliseconds) - asked)) -le "$limit_ms" ] || fail "$(($(milliseconds) - asked)) ms after two signals"
started=()
echo "the slowest end took $slowest ms"
finish
