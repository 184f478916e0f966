#!/usr/bin/env bash
# SIGTERM and SIGINT at random moments: every command ends within seconds, says so in one line, and leaves nothing
# half-written. Usage: stop_test.sh BRAINMT MPIEXEC [TRIALS]: so many for each command, 2 without it.
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"
trials=${3:-2}
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
    "$code") [ "$(grep -c 'stopping; press again' stderr)" -eq 1 ] || fail "not one line of stopping: $*" ;;
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
echo "the slowest end took $slowest ms"
finish
