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
grep -q "^written    $work/run/baselines/baselines.tsv$" "$work/stdout" || fail "it does not name its table"
grep -Eq '^mean       auroc       0\.[0-9]{3}  \[[0-9]\.[0-9]{3}, [0-9]\.[0-9]{3}\]  p [0-9]\.[0-9]{3}  n [0-9]+$' "$work/stdout" ||
  fail "numbers: $(grep '^mean' "$work/stdout")"
grep -q "^this model" "$work/stdout" && fail "a score of a network that was not evaluated"
expect 0 stdout "" "$brainmt" evaluate run.dir="$work/run" bootstrap=50
expect 0 stdout "this model auroc" "$brainmt" baseline run.dir="$work/run" permutations=50 bootstrap=50
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

expect 2 stderr "baseline.use_val" "$brainmt" baseline run.dir="$work/run" baseline.use_val=true split=val
expect 2 stderr "no target that a baseline" "$brainmt" baseline data.cohort="$work/c.h5" task=reconstruction out="$work/nothing"
expect 2 stderr "no target that a baseline" "${train[@]}" task=reconstruction run.dir="$work/nothing" --with-baselines
expect 3 stderr "training people are too few" "$brainmt" baseline data.cohort="$work/c.h5" task=classification \
  task.target=sex 'data.split_fractions=[0.05,0.05,0.9]' out="$work/nothing"
! grep -q "famil" "$work/stderr" || fail "families without data.split_group"
[ ! -e "$work/nothing" ] || fail "a failed command left $(ls "$work/nothing")"

check "another cohort with the same ids"
expect 0 stdout "40 scans" "$brainmt" synth out="$work/scans2" subjects=40 'grid=[10,10,10]' frames=12 seed=9
awk -F, -v OFS=, 'NR == 1 { print $0, "Family_ID"; next } { print $0, "f" int(NR / 2) }' \
  "$work/scans2/phenotypes.csv" >"$work/table2.csv"
expect 0 stdout "40 scans" "$brainmt" prepare input="$work/scans2" output="$work/other.h5" phenotypes="$work/table2.csv"
expect 3 stderr "other scans than the cohort of run.dir" "$brainmt" baseline run.dir="$work/run" data.cohort="$work/other.h5"
expect_one_line
expect 0 stdout "written" "$brainmt" baseline run.dir="$work/run" data.cohort="$work/c.h5" 'models=[mean]' permutations=0 \
  bootstrap=0

check "commands on a baseline's folder"
expect 2 stderr "has no network" "$brainmt" evaluate run.dir="$work/run/baselines/mean"
expect 2 stderr "has no network" "$brainmt" embed run.dir="$work/run/baselines/mean" out="$work/e.h5"
expect 2 stderr "brainmt baseline" "${train[@]}" task=classification task.target=sex run.dir="$work/run/baselines/mean"
expect 0 stdout "baseline" "$brainmt" inspect "$work/run/baselines/confounds"
expect 0 stdout "report.html" "$brainmt" report "$work/run/baselines/confounds" "$work/run/baselines/mean"
grep -q "confounds" "$work/run/baselines/confounds/report.html" || fail "the report does not name the baseline"

grep -q "No step is logged\|brainmt baseline run.dir" "$work/run/baselines/confounds/report.html" &&
  fail "the report of baselines speaks of a network"

check "folders that hold something else"
mkdir -p "$work/other" && cp -r "$work/run" "$work/other/mean"
expect 2 stderr "another kind" "$brainmt" baseline run.dir="$work/run" 'models=[mean]' out="$work/other"
own=("$brainmt" baseline data.cohort="$work/c.h5" task=regression task.target=cognition out="$work/own" permutations=20
  bootstrap=20)
expect 0 stdout "written" "${own[@]}" 'models=[mean]'
expect 2 stderr "overwrite" "${own[@]}" 'models=[mean]' run.seed=7
expect 0 stdout "written" "${own[@]}" 'models=[mean]' run.seed=7 --overwrite

check "results of an earlier fit"
expect 0 stdout "written" "${own[@]}" 'models=[mean]' run.seed=7 split=val
[ -s "$work/own/mean/predictions.tsv" ] || fail "results of the same fit are gone"
touch "$work/own/mean/notes.txt"
expect 0 stdout "written" "${own[@]}" 'models=[mean]' run.seed=8 --overwrite
for file in predictions.val.tsv metrics.val.json scatter.val.svg; do
  [ ! -e "$work/own/mean/$file" ] || fail "$file is of another fit"
done
[ ! -e "$work/own/baselines.val.tsv" ] || fail "baselines.val.tsv is of another fit"
[ -e "$work/own/mean/notes.txt" ] || fail "a file of somebody else is gone"
[ "$(grep -c '"started"' "$work/own/mean/provenance.json")" -ge 2 ] || fail "earlier starts are gone"

check "stopped on the way"
slow=("$brainmt" baseline data.cohort="$work/c.h5" task=regression task.target=cognition out="$work/stopped"
  'models=[mean]')
"${slow[@]}" permutations=1000000 bootstrap=1000000 >"$work/stdout" 2>"$work/stderr" &
started+=($!)
for ((i = 0; i < 100; ++i)); do
  compgen -G "$work/stopped/mean*" >/dev/null && break
  sleep 0.05
done
kill -TERM "${started[-1]}"
wait "${started[-1]}"
[ ! -e "$work/stopped/mean" ] || fail "a stopped command left a folder"
expect_no_leftovers
expect 0 stdout "written" "${slow[@]}" permutations=0 bootstrap=0

check "one, two and four ranks"
both=("$brainmt" baseline data.cohort="$work/c.h5" task=multitask 'task.targets=[sex,cognition]'
  data.split_group=Family_ID permutations=50 bootstrap=50)
expect 0 stdout "written" "${both[@]}" out="$work/one"
expect 0 stdout "written" ranks 2 "${both[@]}" out="$work/two"
expect 0 stdout "written" ranks 4 "${both[@]}" out="$work/four"
same baselines.tsv {mean,confounds}/{predictions.tsv,metrics.json,model.safetensors,split.json,baseline.json} \
  confounds/{coefficients.tsv,lambda.tsv}
head -n 1 "$work/one/baselines.tsv" | grep -q "target$" || fail "no column target in baselines.tsv"

check "on connectivity"
# Six regions; sex is in the first five edges, two edges are missing, and one participant is in no cohort.
awk -F, 'NR == 1 { printf "participant_id"; for (e = 1; e <= 120; ++e) printf "\te%d", e; print ""; srand(3); next }
  { printf "%s", $1; for (e = 1; e <= 120; ++e) printf "\t%.4f", rand() + (e <= 20 ? 0.8 * $2 : 0); print "" }
  END { printf "stranger"; for (e = 1; e <= 120; ++e) printf "\t0.5"; print "" }' "$work/table.csv" >"$work/fc.tsv"
expect 0 stdout "" "$brainmt" fc from="$work/fc.tsv" out="$work/fc.h5"
models='models=[mean,confounds,krr,logistic]'
trees=()
if "$brainmt" baseline run.dir="$work/run" fc="$work/fc.h5" 'models=[xgboost]' out="$work/trees" xgboost.rounds=3 \
  'xgboost.depth=[2]' 'xgboost.eta=[0.3]' 'xgboost.lambda=[1]' >"$work/stdout" 2>"$work/stderr"; then
  models='models=[mean,confounds,krr,logistic,xgboost]'
  trees=(xgboost/{model.json,predictions.tsv,grid.tsv,coefficients.tsv})
else
  grep -q "libxgboost-dev" "$work/stderr" || fail "neither trees nor what to install"
fi
rm -rf "$work"/{one,two,four}
fc=("$brainmt" baseline run.dir="$work/run" fc="$work/fc.h5" "$models" permutations=50 bootstrap=50 xgboost.rounds=20
  'xgboost.depth=[2,3]' 'xgboost.eta=[0.3]' 'xgboost.lambda=[1]')
expect 0 stderr "1 of its people are not in the cohort" "${fc[@]}" out="$work/one"
expect 0 stdout "krr        auroc" ranks 2 "${fc[@]}" out="$work/two"
expect 0 stdout "written" ranks 4 "${fc[@]}" out="$work/four"
same baselines.tsv {krr,logistic}/{predictions.tsv,metrics.json,model.safetensors,lambda.tsv,coefficients.tsv,baseline.json} \
  "${trees[@]}"
head -n 1 "$work/one/krr/coefficients.tsv" | grep -q "^index_a	index_b	name_a	name_b	weight	haufe$" || fail "columns of coefficients.tsv"
[ "$(wc -l <"$work/one/krr/coefficients.tsv")" -eq 121 ] || fail "not one row an edge"
awk -F'\t' '$1 == "logistic" && $2 == "auroc" { found = $3 > 0.9 } END { exit !found }' "$work/one/baselines.tsv" ||
  fail "logistic regression does not find sex in the edges"
expect 0 stdout "logistic" "$brainmt" inspect "$work/one/logistic"
expect 0 stdout "report.html" "$brainmt" report "$work/one/krr" "$work/one/logistic" out="$work/report.html"
expect 3 stderr "fc" "$brainmt" baseline run.dir="$work/run" fc="$work/c.h5" out="$work/none"
expect 0 stdout "written" "$brainmt" baseline data.cohort="$work/c.h5" task=classification task.target=sex run.seed=9 \
  data.split_group=Family_ID 'models=[mean]' out="$work/nine"
expect 2 stderr "--overwrite" "$brainmt" baseline run.dir="$work/run" data.split_file="$work/nine/mean/split.json" \
  'models=[mean]' out="$work/one"

check "after training"
expect 0 stdout "mean       auroc" "${train[@]}" task=classification task.target=sex run.dir="$work/with" run.max_steps=0 --with-baselines
[ -s "$work/with/baselines/baselines.tsv" ] || fail "no baselines.tsv"
expect 0 stdout "logistic   auroc" "${train[@]}" task=classification task.target=sex run.dir="$work/with" run.max_steps=0 --with-baselines \
  data.fc="$work/fc.h5"
expect 2 stderr "with-baselines" "${train[@]}" task=classification task.target=sex run.dir="$work/without" data.fc="$work/fc.h5"

finish
