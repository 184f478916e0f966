#!/usr/bin/env bash
# Runs that end early: by signal, by time, by a killed rank, in the middle of saving. Each is continued and must end in
# the same bits as the run that nothing disturbed. Usage: interruption_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

check "a cohort"
expect 0 stdout "16 scans" "$brainmt" synth out="$work/scans" subjects=16 'grid=[10,10,10]' frames=12
expect 0 stdout "16 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5"
train=("$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 model.drop_path=0.2
  'data.split_fractions=[0.5,0.25,0.25]' task=classification task.target=sex data.cohort="$work/c.h5"
  run.epochs=4 run.global_batch=2 scheduler.warmup_epochs=1 checkpoint.every_steps=3)
alone=("${train[@]}" run.batch_size=2)
both=(ranks 2 "${train[@]}" run.batch_size=1)

# weights RUN: checksums of the last checkpoint's tensors.
weights() { (cd "$work/$1/checkpoints/$(cat "$work/$1/checkpoints/latest")" && sha256sum model.safetensors optimizer.safetensors); }
# expect_same_end RUN REFERENCE
expect_same_end() { diff <(weights "$1") <(weights "$2") >"$work/stdout" || fail "$1 ends in other bits than $2"; }

check "undisturbed"
expect 0 stdout "finished" "${alone[@]}" run.dir="$work/one"
expect 0 stdout "finished" "${both[@]}" run.dir="$work/two"
expect 0 stdout "finished" "${alone[@]}" run.dir="$work/again"
expect_same_end again one

for signal in INT TERM USR1; do
  check "SIG$signal: 75 after a checkpoint, then the same bits"
  run=signal_$signal
  # Sleeping in step 5 leaves time to be interrupted there.
  BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=step.begin:0:5:sleep "${alone[@]}" run.dir="$work/$run" \
    >"$work/stdout" 2>"$work/stderr" &
  pid=$!
  started+=("$pid")
  for _ in $(seq 100); do
    grep -qs '"step":3,' "$work/$run/metrics.jsonl" || [ -e "$work/$run/checkpoints/step-000003" ] && break
    sleep 0.1
  done
  sleep 0.5
  kill -s "$signal" "$pid"
  wait "$pid"
  code=$?
  [ "$code" -eq 75 ] || fail "exit code $code instead of 75"
  expect 0 stdout "finished" "${alone[@]}" run.dir="$work/$run"
  expect_same_end "$run" one
done

check "run.max_seconds: 75, then the same bits"
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=step.begin:0:4:sleep expect 75 stderr "" "${alone[@]}" run.dir="$work/time" \
  run.max_seconds=3
expect 0 stdout "finished" "${alone[@]}" run.dir="$work/time"
expect_same_end time one

for point in step.gradients:1:7 checkpoint.files:0:6 checkpoint.manifest:0:6 checkpoint.rename:0:6 \
  checkpoint.latest:0:6 checkpoint.prune:0:9; do
  check "rank killed at $point: the job ends, the next call continues to the same bits"
  run=kill_${point//[.:]/_}
  begin=$SECONDS
  BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=$point:kill9 "${both[@]}" run.dir="$work/$run" >"$work/stdout" 2>"$work/stderr" &&
    fail "the job ended as if nothing had happened"
  [ $((SECONDS - begin)) -lt 15 ] || fail "the other rank ran on for $((SECONDS - begin)) s"
  expect 0 stdout "finished" "${both[@]}" run.dir="$work/$run"
  expect_same_end "$run" two
done
pgrep -f "$work" >"$work/stdout" && fail "processes were left behind"

check "deterministic=world: one rank and two end in the same bits"
expect 0 stdout "finished" "${train[@]}" run.batch_size=1 deterministic=world run.dir="$work/world1"
expect 0 stdout "finished" "${both[@]}" deterministic=world run.dir="$work/world2"
expect_same_end world1 world2

check "a run directory belongs to one run at a time"
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=step.begin:0:2:sleep "${alone[@]}" run.dir="$work/owned" >/dev/null 2>&1 &
owner=$!
started+=("$owner")
for _ in $(seq 100); do [ -e "$work/owned/config.yaml" ] && break; sleep 0.1; done
"${alone[@]}" run.dir="$work/owned" >"$work/stdout" 2>"$work/stderr" && fail "a second run was let in"
grep -qF "$owner" "$work/stderr" || fail "the owner, process $owner, is not named"
wait "$owner" || fail "the first run was disturbed"

check "another configuration is refused"
expect 2 stderr "optimizer.lr" "${alone[@]}" run.dir="$work/one" optimizer.lr=0.01
expect_one_error

check "evaluate: every test subject once"
expect 0 stdout "auroc" ranks 2 "$brainmt" evaluate run.dir="$work/two" split=test
[ "$(tail -n +2 "$work/two/predictions.tsv" | cut -f 1 | sort | uniq | wc -l)" -eq 4 ] || fail "not 4 subjects"
[ "$(tail -n +2 "$work/two/predictions.tsv" | wc -l)" -eq 4 ] || fail "a subject stands twice"

check "weights: out and in again"
expect 0 stdout "" "$brainmt" weights export in="$work/two" out="$work/w.safetensors"
expect 0 stdout "" "$brainmt" weights import in="$work/w.safetensors" out="$work/again.safetensors"
cmp "$work/w.safetensors" "$work/again.safetensors" >"$work/stdout" || fail "the file came back changed"

check "--dry-run writes nothing"
expect 0 stdout "parameters" "${alone[@]}" run.dir="$work/dry" --dry-run
[ ! -e "$work/dry" ] || fail "a run directory was made"

check "leftovers" && expect_no_leftovers
finish
