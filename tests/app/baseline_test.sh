#!/usr/bin/env bash
# Baselines from the scans to their folders, beside a run. Usage: baseline_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

# same FILE...: of the folders one, two and four.
same() {
  local file ranks
  for file in "$@"; do
    for ranks in two four; do
      cmp -s "$work/one/$file" "$work/$ranks/$file" || fail "$file differs between one rank and $ranks"
    done
  done
}

check "a cohort with families, and a run"
expect 0 stdout "40 scans" "$brainmt" synth out="$work/scans" subjects=40 'grid=[10,10,10]' frames=12
awk -F, -v OFS=, 'NR == 1 { print $0, "Family_ID"; next } { print $0, "f" int(NR / 2) }' \
  "$work/scans/phenotypes.csv" >"$work/table.csv"
expect 0 stdout "40 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5" phenotypes="$work/table.csv"
train=("$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 data.cohort="$work/c.h5"
  data.split_group=Family_ID run.epochs=1 scheduler.warmup_epochs=0 run.max_steps=1)
expect 0 stdout "max_steps" "${train[@]}" task=classification task.target=sex run.dir="$work/run"

check "without connectivity"
expect 0 stdout "confounds  auroc" "$brainmt" baseline run.dir="$work/run" permutations=50 bootstrap=50
for file in mean/predictions.tsv confounds/coefficients.tsv confounds/lambda.tsv confounds/model.safetensors \
  confounds/baseline.json confounds/config.yaml confounds/roc.svg baselines.tsv; do
  [ -s "$work/run/baselines/$file" ] || fail "no $file"
done
cmp -s "$work/run/split.json" "$work/run/baselines/mean/split.json" || fail "another split than the run's"
expect 0 stdout "" "$brainmt" baseline run.dir="$work/run" 'models=[mean]' split=val permutations=0 bootstrap=0
[ -s "$work/run/baselines/mean/predictions.val.tsv" ] || fail "no predictions.val.tsv"
expect 2 stderr "fc=" "$brainmt" baseline run.dir="$work/run" 'models=[krr]'
expect 2 stderr "did you mean 'confounds'" "$brainmt" baseline run.dir="$work/run" 'models=[confound]'
expect 2 stderr "task.target=age" "$brainmt" baseline run.dir="$work/run" task.target=age
expect 2 stderr "needs run.dir=" "$brainmt" baseline out="$work/nothing"
[ ! -e "$work/nothing" ] || fail "a refused command left a folder"

check "commands on a baseline's folder"
expect 2 stderr "has no network" "$brainmt" evaluate run.dir="$work/run/baselines/mean"
expect 2 stderr "has no network" "$brainmt" embed run.dir="$work/run/baselines/mean" out="$work/e.h5"
expect 2 stderr "brainmt baseline" "${train[@]}" task=classification task.target=sex run.dir="$work/run/baselines/mean"
expect 0 stdout "baseline" "$brainmt" inspect "$work/run/baselines/confounds"
expect 0 stdout "report.html" "$brainmt" report "$work/run/baselines/confounds" "$work/run/baselines/mean"
grep -q "confounds" "$work/run/baselines/confounds/report.html" || fail "the report does not name the baseline"

check "folders that hold something else"
mkdir -p "$work/other" && cp -r "$work/run" "$work/other/mean"
expect 2 stderr "another kind" "$brainmt" baseline run.dir="$work/run" 'models=[mean]' out="$work/other"
own=("$brainmt" baseline data.cohort="$work/c.h5" task=regression task.target=cognition out="$work/own" permutations=20
  bootstrap=20)
expect 0 stdout "written" "${own[@]}" 'models=[mean]'
expect 2 stderr "overwrite" "${own[@]}" 'models=[mean]' run.seed=7
expect 0 stdout "written" "${own[@]}" 'models=[mean]' run.seed=7 --overwrite

check "one, two and four ranks"
both=("$brainmt" baseline data.cohort="$work/c.h5" task=multitask 'task.targets=[sex,cognition]'
  data.split_group=Family_ID permutations=50 bootstrap=50)
expect 0 stdout "written" "${both[@]}" out="$work/one"
expect 0 stdout "written" ranks 2 "${both[@]}" out="$work/two"
expect 0 stdout "written" ranks 4 "${both[@]}" out="$work/four"
same baselines.tsv {mean,confounds}/{predictions.tsv,metrics.json,model.safetensors,split.json,baseline.json} \
  confounds/{coefficients.tsv,lambda.tsv}
head -n 1 "$work/one/baselines.tsv" | grep -q "target$" || fail "no column target in baselines.tsv"

check "after training"
expect 0 stdout "mean       auroc" "${train[@]}" task=classification task.target=sex run.dir="$work/with" run.max_steps=0 --with-baselines
[ -s "$work/with/baselines/baselines.tsv" ] || fail "no baselines.tsv"
expect 2 stderr "with-baselines" "${train[@]}" task=classification task.target=sex run.dir="$work/without" data.fc="$work/fc.h5"

finish
