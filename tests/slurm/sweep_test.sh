#!/usr/bin/env bash
# Sweeps and single runs under a real, private Slurm. Usage: sweep_test.sh BRAINMT MPIEXEC. Exit code 77: skipped.
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/../app/checks.sh"
# shellcheck source=tests/slurm/fixture.sh
. "$(dirname "$0")/fixture.sh"

home=$(cd "$(dirname "$0")/../.." && pwd)
private_slurm

# A name that a shell must never see unquoted.
place="$work/a b;\$(touch pwned)"
out="$place/out"
logs="$out/logs"
mkdir -p "$place"
cd "$work" || exit 1

# shellcheck disable=SC2317  # called through wait_for
log_of() { cat "$out"/logs/*_"$1".log 2>/dev/null; }
# shellcheck disable=SC2317
asleep() { log_of "$1" | grep -q "injected fault"; }
# state INDEX: its word in the table of the sweep.
state() { "$brainmt" sweep status "out=$out" | awk -v i="$1" '$1 == i { print $2 }'; }
expect_state() { [ "$(state "$1")" = "$2" ] || { "$brainmt" sweep status "out=$out" >"$work/stdout"; fail "task $1 is not $2"; }; }
attempts() { sed -n 's/.*"attempts": \([0-9]*\).*/\1/p' "$out/$(awk -F '\t' -v i="$1" '$1 == i { print $3 }' "$out/sweep.tsv")/task.json"; }

check "a cohort, a split file, a sweep of four"
expect 0 stdout "24 scans" "$brainmt" synth out="$work/scans" subjects=24 'grid=[10,10,10]' frames=12
expect 0 stdout "24 scans" "$brainmt" prepare input="$work/scans" output="$place/c.h5"
common=('model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 task=classification task.target=sex
  'data.split_fractions=[0.5,0.25,0.25]' run.epochs=3 run.batch_size=2 scheduler.warmup_epochs=1)
expect 0 stdout "finished" "$brainmt" train "${common[@]}" "data.cohort=$place/c.h5" run.dir="$work/first" run.max_steps=0
cp "$work/first/split.json" "$place/split.json"
cat >"$work/four.yaml" <<EOF
name: four
set: {task: classification, task.target: sex, model: {depth: [1, 1], embed_dim: 16, num_frames: 8},
      run: {epochs: 3, batch_size: 2}, scheduler.warmup_epochs: 1, data.split_fractions: [0.5, 0.25, 0.25]}
axes:
  fate:
    - {label: succeeds, optimizer.lr: 1e-3}
    - {label: crashes, optimizer.lr: 2e-3, data.split_file: "split.json"}
    - {label: cancelled, optimizer.lr: 3e-3}
    - {label: requeued, optimizer.lr: 4e-3}
evaluate: {bootstrap: 50}
baselines: {confounds: [age, mean_fd]}
resources: {ranks: 1, memory: 500M, time: "5:00", throttle: 4}
EOF
cd "$place" || exit 1
expect 0 stdout "4 tasks, 4 distinct runs" "$brainmt" sweep plan sweep="$work/four.yaml" "out=$out" "data.cohort=$place/c.h5"
mv split.json kept.json
cd "$work" || exit 1

check "row 47, 48: one succeeds, one crashes, one is cancelled, one is requeued"
# Every task sleeps for three seconds in its fourth step: time to be cancelled and told to save.
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=step.begin:0:3:sleep expect 0 stdout "4 tasks" "$brainmt" sweep submit "out=$out"
job=$(sed -n 's/^array \([0-9]*\):.*/\1/p' "$work/stdout")
wait_for 40 asleep 3
scancel --signal=USR1 --batch "${job}_3"
wait_for 40 asleep 2
expect_state 2 running
scancel "${job}_2"
wait_for 60 queue_is_empty
expect_state 0 "done"
expect_state 1 failed
expect_state 2 interrupted  # SIGTERM: it saved before it left
expect_state 3 "done"
expect 0 stdout "split.json" "$brainmt" sweep status "out=$out"
expect 0 stdout "2 of 4 rows are missing: 1-2" cat "$out"/logs/collect-*.log
grep -q 'Name=four-collect .* ExitCode=3:0' "$slurm/jobcomp.txt" || fail "the collector did not fail"
[ "$(attempts 3)" = 2 ] || fail "the requeued task was started $(attempts 3) times, expected 2"
[ "$(log_of 3 | grep -c 'requeueing')" = 1 ] || fail "the log of the requeued task is not one of both starts"
log_of 3 | grep -q "continuing from step" || fail "the requeued task began anew"
# Each knows when Slurm ends it, also the task of an array that has the array's number.
for index in 0 1 2 3; do
  log_of "$index" | grep -qE "before SLURM_JOB_END_TIME, which is in (2[0-9][0-9]|300) s" || [ "$index" = 1 ] ||
    { log_of "$index" >"$work/stderr"; fail "task $index does not know the end of its job"; }
done

check "row 47: submitting again runs the missing ones only"; check "row 49: from inside of a job"
mv "$place/kept.json" "$place/split.json"
expect 0 stdout "2 tasks" srun --ntasks=1 --mpi=pmix "$brainmt" sweep submit "out=$out"
wait_for 60 queue_is_empty
for index in 0 1 2 3; do expect_state "$index" "done"; done
[ "$(attempts 0)" = 1 ] || fail "a task that was done was run again"
expect 0 stdout "nothing to submit" "$brainmt" sweep submit "out=$out"

check "the same bits without Slurm"
cd "$place" || exit 1
expect 0 stdout "none failed" "$brainmt" sweep run "sweep=$out/sweep.yaml" "out=$work/here" "data.cohort=$place/c.h5"
cd "$work" || exit 1
expect 0 stdout "minus age, mean_fd" "$brainmt" sweep collect out="$work/here"
for file in results.tsv results.json results.html; do
  cmp "$out/$file" "$work/here/$file" >"$work/stdout" 2>&1 || fail "$file of the collector differs"
done
cut -f 1-3 "$out/sweep.tsv" >"$work/names"
cut -f 1-3 "$work/here/sweep.tsv" | diff "$work/names" - >"$work/stdout" || fail "the run directories have other names"
while read -r _ name _; do
  [ "$name" != task ] || continue
  for file in predictions.tsv metrics.json split.json; do
    cmp "$out/runs/$name/$file" "$work/here/runs/$name/$file" >"$work/stdout" 2>&1 || fail "$name/$file differs"
  done
done <"$work/names"

check "a job that is told to leave saves, requeues itself, and ends as if nothing had happened"
both=("${common[@]}" run.batch_size=1 "data.cohort=$place/c.h5" deterministic=rank)
expect 0 stdout "finished" ranks 2 "$brainmt" train "${both[@]}" run.dir="$work/undisturbed"
export BRAINMT_HOME=$home BRAINMT=$brainmt
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=step.begin:0:3:sleep expect 0 stdout "" sbatch --parsable --ntasks=2 --time=5 \
  --output="$place/train.log" "$home/scripts/slurm/train.sbatch" "${both[@]}" "run.dir=$place/disturbed"
job=$(cut -d ';' -f 1 "$work/stdout")
wait_for 40 grep -q "injected fault" "$place/train.log"
scancel --signal=USR1 --batch "$job"
wait_for 60 queue_is_empty
cp "$place/train.log" "$work/stderr"
grep -q "requeueing $job" "$place/train.log" || fail "the job did not requeue itself"
grep -q "continuing from step" "$place/train.log" || fail "the second start began anew"
diff <(weights "$work/undisturbed") <(weights "$place/disturbed") >"$work/stdout" || fail "it ends in other bits"

check "row 51: nothing of a path was run by a shell"
found=$(find "$work" "$home/scripts" -name pwned)
[ -z "$found" ] || fail "$found exists"

check "nothing is left running"
pgrep -f "$work" >"$work/stdout" && fail "processes were left behind"
finish
