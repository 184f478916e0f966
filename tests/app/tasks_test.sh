#!/usr/bin/env bash
# Several targets, confounds, groups and folds from the scans to the files of an evaluation. Usage: tasks_test.sh BRAINMT
# MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

check "a cohort with gaps in its table, families, and sex coded 1 and 2"
expect 0 stdout "20 scans" "$brainmt" synth out="$work/scans" subjects=20 'grid=[10,10,10]' frames=12
awk -F, -v OFS=, 'NR == 1 { print $0, "Family_ID", "code"; next }
  { code = 2 - $2; family = "f" int(NR / 2); if (NR % 5 == 0) $2 = ""; if (NR % 4 == 0) $6 = ""; if (NR % 7 == 0) family = ""
    print $0, family, code }' "$work/scans/phenotypes.csv" >"$work/table.csv"
expect 0 stdout "20 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5" phenotypes="$work/table.csv"
train=("$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 data.cohort="$work/c.h5"
  'data.split_fractions=[0.6,0.2,0.2]' run.epochs=1 scheduler.warmup_epochs=0)
both=(task=multitask 'task.targets=[sex,cognition]')

check "multitask"
expect 0 stdout "target       cognition: regression, 15 subjects have it, weight 1" "${train[@]}" "${both[@]}" \
  run.dir="$work/both" --dry-run
expect 0 stdout "target       sex: classification" "${train[@]}" "${both[@]}" run.dir="$work/both" --dry-run
expect 0 stdout "finished" ranks 2 "${train[@]}" "${both[@]}" run.dir="$work/both"
expect 0 stdout "pearson_r" "$brainmt" evaluate run.dir="$work/both" split=all bootstrap=20
for file in predictions.all.tsv metrics.all.json roc-sex.all.svg scatter-cognition.all.svg; do
  [ -s "$work/both/$file" ] || fail "no $file"
done
head -n 1 "$work/both/predictions.all.tsv" | grep -q 'prob	target$' || fail "no column target at the end"
grep -q '"cognition.pearson_r"' "$work/both/metrics.jsonl" || fail "no cognition.pearson_r in metrics.jsonl"
awk -F'\t' 'NR > 1 && $8 == "cognition" { n++; missing += $4 == "n/a" } END { exit !(n == 19 && missing == 4) }' \
  "$work/both/predictions.all.tsv" || fail "expected 19 participants with a row for cognition, 4 of them without a label"

check "the weights alone say what they predict"
expect 0 stdout "w.safetensors" "$brainmt" weights export in="$work/both" out="$work/w.safetensors"
expect 0 stdout "auroc" "$brainmt" evaluate weights="$work/w.safetensors" data.cohort="$work/c.h5" split=all \
  bootstrap=20 out="$work/alone"
cmp <(cut -f 1,3- "$work/both/predictions.all.tsv") <(cut -f 1,3- "$work/alone/predictions.all.tsv") ||
  fail "run.dir and weights= predict differently"

check "weights of another run"
learned=(task=multitask task.weights=auto run.max_steps=1)
expect 0 stdout "" "${train[@]}" "${learned[@]}" 'task.targets=[sex,cognition]' run.dir="$work/learned"
expect 0 stdout "w.safetensors" "$brainmt" weights export in="$work/learned" out="$work/learned-w.safetensors"
grep -qa 'objective[.]' "$work/learned-w.safetensors" && fail "the exported weights hold more than the model's"
file=$(ls "$work"/learned/checkpoints/step-*/model.safetensors)
expect 0 stderr "3 keep their initial values: head.weight, head.bias, objective.log_variance" \
  "${train[@]}" "${learned[@]}" 'task.targets=[cognition,sex]' run.dir="$work/swapped" init.weights="$file"
"${train[@]}" "${learned[@]}" 'task.targets=[sex,cognition]' run.dir="$work/same" init.weights="$file" 2>&1 |
  grep -q "keep their initial values" && fail "the head of the same targets is left out"

check "sex coded 1 and 2"
expect 3 stderr "task.positive=1" "${train[@]}" task=classification task.target=code run.dir="$work/code"
expect 0 stdout "finished" "${train[@]}" task=classification task.target=code task.positive=1 run.dir="$work/code"

check "confounds"
confounds=(task=regression task.target=cognition 'task.confounds=[age,mean_fd]')
expect 0 stdout "confounds    age, mean_fd" "${train[@]}" "${confounds[@]}" run.dir="$work/residual" --dry-run
expect 0 stdout "finished" "${train[@]}" "${confounds[@]}" run.dir="$work/residual"
expect 0 stdout "confounds" "$brainmt" evaluate run.dir="$work/residual" bootstrap=20
grep -q '"coefficients"' "$work/residual/provenance.json" || fail "no coefficients in provenance.json"
expect 2 stderr "'sex' is a classification" "${train[@]}" task=classification task.target=sex 'task.confounds=[age]' \
  run.dir="$work/classes"

check "families and folds"
for fold in 0 1 2; do
  expect 0 stdout "fold         $fold of 0 to 2" "${train[@]}" "${both[@]}" data.split_group=Family_ID data.folds=3 \
    data.fold=$fold run.dir="$work/fold$fold" --dry-run
  expect 0 stdout "max_steps" "${train[@]}" "${both[@]}" data.split_group=family data.folds=3 data.fold=$fold \
    run.max_steps=1 run.dir="$work/fold$fold"
  grep -q '"version": 2' "$work/fold$fold/split.json" || fail "split.json is not of version 2"
done
expect 2 stderr "data.fold=0 to 2" "${train[@]}" "${both[@]}" data.folds=3 data.fold=3 run.dir="$work/none"
expect 3 stderr "data.split_group" "${train[@]}" "${both[@]}" data.split_group=Family_ID \
  data.split_file="$work/both/split.json" run.dir="$work/cut"
[ ! -e "$work/none" ] || fail "a refused run left a directory"

finish
