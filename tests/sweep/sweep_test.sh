#!/usr/bin/env bash
# Sweeps without Slurm: what is refused before anything is written, failures, interruptions, two at one task, tables of
# several targets, a thousand tasks, and quoting. Usage: sweep_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/../app/checks.sh"
home=$(cd "$(dirname "$0")/../.." && pwd)

check "a cohort"
expect 0 stdout "24 scans" "$brainmt" synth out="$work/scans" subjects=24 'grid=[10,10,10]' frames=12
expect 0 stdout "24 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5"

# sweep_file NAME AXES [MORE]: a small run with these axes.
sweep_file() {
  cat >"$work/$1.yaml" <<EOF
set: {task: classification, task.target: sex, model: {depth: [1, 1], embed_dim: 16, num_frames: 8},
      run: {epochs: 3, batch_size: 2}, scheduler.warmup_epochs: 1, data.split_fractions: [0.5, 0.25, 0.25]}
axes: $2
evaluate: {bootstrap: 50}
resources: {ranks: 1, memory: 500M, time: "5:00"}
${3:-}
EOF
}
sweep() { "$brainmt" sweep "$@"; }
state() { sweep status "out=$1" | awk -v i="$2" '$1 == i { print $2 }'; }

check "every error of every task, and nothing written"
sweep_file bad '{frames: {model.num_frames: [8, 13]}, width: {model.embed_dim: [16, 17]}}'
expect 2 stderr "3 of 4 tasks cannot run" sweep plan sweep="$work/bad.yaml" out="$work/bad" data.cohort="$work/c.h5"
grep -q "task.* 1,3: .*multiple of 8" "$work/stderr" || fail "the width of tasks 1 and 3 is not named"
grep -q "task 2: .*13 frames" "$work/stderr" || fail "the frames of task 2 are not named"
[ ! -e "$work/bad" ] || fail "something was written"
expect 2 stderr "did you mean 'optimizer.lr'" sweep plan sweep="$work/bad.yaml" out="$work/bad" data.cohort="$work/c.h5" \
  set=optimizer.lrr=1
expect 2 stderr "sweep.tsv" sweep status out="$work/nothing"
expect 2 stderr "did you mean 'plan'" sweep plam out="$work/bad"

check "a failed task does not stop the others"
cp "$work/c.h5" "$work/other.h5"
sweep_file two '{data: [{label: gone, data.cohort: other.h5}, {label: there, data.cohort: c.h5}], seed2: {optimizer.lr: [1e-3, 2e-3]}}'
cd "$work" || exit 1
expect 0 stdout "4 tasks, 2 distinct runs" sweep plan sweep=two.yaml out=two  # the same data under two names: the same work
sweep_file fails '{fate: [{label: gone, data.split_file: split.json}, {label: good}]}'
expect 0 stdout "finished" "$brainmt" train task=classification task.target=sex 'model.depth=[1,1]' model.embed_dim=16 \
  model.num_frames=8 run.epochs=1 scheduler.warmup_epochs=0 'data.split_fractions=[0.5,0.25,0.25]' data.cohort=c.h5 run.dir=first
cp first/split.json split.json
expect 0 stdout "2 tasks" sweep plan sweep=fails.yaml out=fails data.cohort=c.h5
rm split.json
expect 3 stderr "1 of 2 tasks failed: task 0 (exit code 3:" sweep run out=fails
[ "$(state fails 0) $(state fails 1)" = "failed done" ] || fail "the states are wrong"
cp first/split.json split.json
expect 0 stdout "1 tasks run, none failed" sweep run out=fails
expect 0 stdout '"done": 2' sweep status out=fails --json

check "a killed task is shown as such, and continues"
# Two steps of this size are over before a checkpoint written beside them is on disk.
sweep_file killed '{lr: {optimizer.lr: [1e-3], checkpoint.async: [false]}}'
expect 0 stdout "1 tasks" sweep plan sweep=killed.yaml out=killed data.cohort=c.h5
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=step.begin:0:8:kill9 expect 5 stderr "exit code 137 and no word" sweep run out=killed
[ "$(state killed 0)" = failed ] || fail "the state is $(state killed 0)"
expect 0 stderr "continuing from step 6" sweep run out=killed

check "a regression: the correlation with a constant is no number, and nothing is said of it"
sweep_file cognition '{lr: {optimizer.lr: [1e-3, 2e-3]}}'
sed -i 's/task: classification, task.target: sex/task: regression, task.target: cognition/' cognition.yaml
echo "baselines: {confounds: [age]}" >>cognition.yaml
expect 0 stdout "2 tasks" sweep plan sweep=cognition.yaml out=cognition data.cohort=c.h5
expect 0 stdout "2 tasks run, none failed" sweep run out=cognition
expect 0 stdout "minus age" sweep collect out=cognition
grep -qE "^the mean +n/a  n/a" stdout || fail "the mean has a correlation"
! grep -q "minus the mean" stdout || fail "it is compared with the mean"
! grep -qiE "\bnan\b" stdout cognition/results.* || fail "a number that is none is shown"
[ "$(grep -c "minus lr=1e-3" stdout)" = 1 ] || fail "one cell has one other to compare with"

check "baselines beside the runs: how they are made, and what is said first where one is better"
grep -q "brainmt baseline run.dir=RUN" cognition/results.html || fail "it does not say how baselines are made"
for run in cognition/runs/*; do
  mkdir -p "$run/baselines/krr"
  cp "$run/config.yaml" "$run/split.json" "$run/metrics.json" "$run/baselines/krr"
  awk -F'\t' -v OFS='\t' 'NR > 1 { $5 = $4 } { print }' "$run/predictions.tsv" >"$run/baselines/krr/predictions.tsv"
done
expect 0 stdout "A baseline predicts cognition better than the best setting" sweep collect out=cognition
head -n 1 stdout | grep -q "kernel ridge on connectivity" || fail "it is not the first thing"
grep -q "A baseline predicts cognition" cognition/results.html || fail "the page does not say it"
grep -q "minus kernel ridge on connectivity" stdout || fail "no paired difference"
grep -q "brainmt baseline" cognition/results.html && fail "it says how to make what is there"

check "row 48: two at the same task: one works, the other is told who does"
sweep_file twice '{lr: {optimizer.lr: [5e-3]}}'
expect 0 stdout "1 tasks" sweep plan sweep=twice.yaml out=twice data.cohort=c.h5
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=step.begin:0:3:sleep "$brainmt" sweep run out=twice index=0 >first.log 2>&1 &
first=$!
started+=("$first")
for _ in $(seq 100); do grep -qs "injected fault" first.log && break; sleep 0.1; done
kill -s STOP "$first"  # however long the next two take
expect 2 stderr "process $first" sweep run out=twice index=0
[ "$(state twice 0)" = running ] || fail "the state is $(state twice 0) while it runs"
kill -s CONT "$first"
wait "$first" || fail "the first was disturbed"
[ "$(state twice 0)" = "done" ] || fail "the state is $(state twice 0)"
expect 0 stdout "was done before" sweep run out=twice index=0

check "a signal: saved, 75, and the next call continues"
sweep_file stop '{lr: {optimizer.lr: [1e-3, 2e-3]}}'
expect 0 stdout "2 tasks" sweep plan sweep=stop.yaml out=stop data.cohort=c.h5
rm -f first.log  # of the check before
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=step.begin:0:3:sleep "$brainmt" sweep run out=stop >first.log 2>&1 &
first=$!
started+=("$first")
for _ in $(seq 100); do grep -qs "injected fault" first.log && break; sleep 0.1; done
kill -s TERM "$first"
wait "$first"
code=$?
[ "$code" -eq 75 ] || { cp first.log stderr; fail "exit code $code instead of 75"; }
[ "$(state stop 0) $(state stop 1)" = "interrupted missing" ] || fail "the states are wrong"
expect 0 stdout "2 tasks run, none failed" sweep run out=stop

check "ranks of a task"
sweep_file ranks '{lr: {optimizer.lr: [1e-3]}}' && sed -i 's/ranks: 1/ranks: 2/' ranks.yaml
expect 0 stdout "1 tasks" sweep plan sweep=ranks.yaml out=ranks data.cohort=c.h5
expect 2 stderr "planned for 2 ranks" sweep run out=ranks index=0
expect 0 stdout "none failed" sweep run out=ranks "launcher=[$mpiexec,--oversubscribe]"

check "two targets: of each the tables that it would have alone"
awk -F, -v OFS=, 'NR > 1 && NR % 5 == 0 { $2 = "" } NR > 1 && NR % 4 == 0 { $6 = "" } { print }' scans/phenotypes.csv >gaps.csv
expect 0 stdout "24 scans" "$brainmt" prepare input=scans output=gaps.h5 phenotypes=gaps.csv
sweep_file pair '{lr: {optimizer.lr: [1e-3, 5e-3]}}' 'repeats: {seeds: [1, 2]}
baselines: {confounds: [age]}'
sed -i 's/task: classification, task.target: sex/task: multitask, task.targets: [sex, cognition]/' pair.yaml
expect 0 stdout "4 tasks" sweep plan sweep=pair.yaml out=pair data.cohort=gaps.h5
expect 3 stderr "4 of 4 rows are missing" sweep collect out=pair
head -n 1 pair/results.tsv | grep -q 'target' && fail "a column of targets before any is known"
expect 0 stdout "none failed" sweep run out=pair
expect 0 stdout "pearson_r of cognition" sweep collect out=pair bootstrap=100
grep -q "auroc of sex" stdout || fail "no summary of sex"
[ "$(grep -c "minus age  " stdout)" -eq 4 ] || fail "not every cell of both targets is compared with the model of age"
[ "$(head -n 1 pair/results.tsv | cut -f 3-9)" = "lr	seed	fold	task	state	target	n_subjects" ] ||
  fail "columns: $(head -n 1 pair/results.tsv)"
cut -f 1,8 pair/results.tsv | diff - <(printf 'index\ttarget\n'; for i in 0 1 2 3; do printf '%s\tsex\n%s\tcognition\n' $i $i; done) \
  >stdout || fail "expected a row for each task and target"
# The same runs, made to look as if each had one target.
for target in sex cognition; do
  cp -r pair "only-$target"
  python3 - "only-$target" "$target" >stdout 2>stderr <<'PY' || fail "the files of $target could not be made"
import json, pathlib, sys
out, target = sys.argv[1:]
for run in pathlib.Path(out, "runs").iterdir():
    whole = json.loads((run / "metrics.json").read_text())
    entry = whole["targets"][target]
    (run / "metrics.json").write_text(json.dumps({"task": entry.pop("task"), "target": target, **entry}))
    head, *lines = [line.split("\t") for line in (run / "predictions.tsv").read_text().splitlines()]
    kept = [head[:-1]] + [line[:-1] for line in lines if line[-1] == target]
    (run / "predictions.tsv").write_text("".join("\t".join(line) + "\n" for line in kept))
PY
  expect 0 stdout "of $target" sweep collect out="only-$target" bootstrap=100
done
python3 - >stdout 2>stderr <<'PY' || fail "the tables of two targets are not those of each"
import csv, json, xml.etree.ElementTree as tree
both = json.load(open("pair/results.json"))
table = list(csv.DictReader(open("pair/results.tsv"), delimiter="\t"))
page = open("pair/results.html").read()
tree.fromstring(page)
assert both["version"] == 2 and "cells" not in both and not both["missing"]
assert [t["target"] for t in both["targets"]] == ["sex", "cognition"]
for summary in both["targets"]:
    target = summary["target"]
    alone = json.load(open(f"only-{target}/results.json"))
    assert alone["version"] == 1
    assert all(alone[key] == value for key, value in summary.items()), target
    means = ["the mean"] if target == "sex" else []  # a constant has no correlation
    assert [c["with"] for c in summary["cells"][1]["comparisons"]] == ["lr=1e-3", *means, "age"]
    rows = [row for row in both["tasks"] if row["target"] == target]
    assert len(rows) == len(alone["tasks"]) == 4
    for row, lone in zip(rows, alone["tasks"]):
        assert all(row[key] == value for key, value in lone.items())
    for cell in summary["cells"]:  # the mean over its seeds of what evaluate wrote
        values = [row[summary["metric"]] for row in rows if row["lr"] == cell["axes"]["lr"]]
        assert len(values) == 2 and abs(cell["value"] - sum(values) / 2) < 1e-9, (cell, values)
    lines = [row for row in table if row["target"] == target]
    for row, lone in zip(lines, csv.DictReader(open(f"only-{target}/results.tsv"), delimiter="\t")):
        assert all(row[key] == value for key, value in lone.items())
    other = "pearson_r" if target == "sex" else "auroc"
    assert all(row[other] == "n/a" for row in lines)
    for title in ("Over the axes", "Every setting", "Paired differences"):
        assert f"{title}: {target}" in page and title in open(f"only-{target}/results.html").read()
labelled = {t["target"]: {row["n_subjects"] for row in both["tasks"] if row["target"] == t["target"]} for t in both["targets"]}
assert labelled["sex"] != labelled["cognition"], labelled
PY
expect 0 stdout "r2 of cognition" sweep collect out=pair bootstrap=20 metric=r2
grep -q "auroc of sex" stdout || fail "a metric of values is asked of classes"
expect 2 stderr "metric=r3: expected one of auroc, accuracy, balanced_accuracy, f1, pearson_r, r2, mae, mse" sweep collect \
  out=pair metric=r3
sed -i '2s/sex$/age/' "$(find pair/runs -name predictions.tsv | head -n 1)"
expect 3 stderr "target 'age' is not in metrics.json" sweep collect out=pair

check "a thousand tasks: planned, listed, shown"
sweep_file many '{lr: {optimizer.lr: [1e-3, 2e-3, 3e-3, 4e-3, 5e-3]}, decay: {optimizer.weight_decay: [0, 0.1, 0.2, 0.3, 0.4]}}' \
  "repeats: {seeds: [$(seq -s , 1 40)]}"
begin=$SECONDS
expect 0 stdout "1000 tasks, 1000 distinct runs" sweep plan sweep=many.yaml out=many data.cohort=c.h5
expect 0 stdout "array JOB: 1000 tasks" sweep submit out=many --dry-run
expect 0 stdout "1000 missing" sweep status out=many
# 10 s on an idle machine; other tests share this one.
[ $((SECONDS - begin)) -le 50 ] || fail "took $((SECONDS - begin)) s"

check "row 51: what a shell would run stays text"
place="$work/a b;\$(touch pwned)'"
mkdir -p "$place"
cp "$work/c.h5" "$place/c.h5"
sweep_file quoted '{lr: {optimizer.lr: [1e-3]}}'
expect 0 stdout "1 tasks" sweep plan sweep=quoted.yaml "out=$place/o" "data.cohort=$place/c.h5"
expect 0 stdout "sbatch" sweep submit "out=$place/o" --dry-run
# The line as a shell reads it gives the arguments back, one by one.
grep '^sbatch' stdout | head -n 1 >line.sh
bash -c 'sbatch() { printf "%s\n" "$@"; }; . ./line.sh' >words
grep -qxF "$home/scripts/slurm/sweep.sbatch" words || fail "the script is not one word: $(cat words)"
grep -qxF "$place/o" words || fail "the folder is not one word: $(cat words)"
# The scripts themselves, with a launcher that prints what it is given.
mkdir -p bin
printf '#!/bin/sh\nprintf "%%s\\n" "$@"\n' >bin/srun
chmod +x bin/srun
PATH="$work/bin:$PATH" BRAINMT_HOME=$home BRAINMT="$place/brainmt" SLURM_ARRAY_TASK_ID=3 \
  bash "$home/scripts/slurm/sweep.sbatch" "$place/o" "$place/list" >words 2>stderr
diff - words >stdout <<EOF || fail "srun was given something else"
--mpi=pmix
--cpu-bind=cores
--kill-on-bad-exit=1
$place/brainmt
sweep
run
out=$place/o
list=$place/list
place=3
EOF
# shellcheck disable=SC2016  # for others to run, if they dare
printf 'launcher: "mpirun;$(touch pwned)"  # odd\n' >site.yaml
BRAINMT_SITE=$work/site.yaml BRAINMT_HOME=$home expect 2 stderr "launcher 'mpirun;\$(touch pwned)': expected srun or mpirun" \
  bash "$home/scripts/slurm/prepare.sbatch" x=y
found=$(find "$work" "$home/scripts" -name pwned)
[ -z "$found" ] || fail "$found exists"

finish
