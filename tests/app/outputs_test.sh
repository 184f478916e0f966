#!/usr/bin/env bash
# Outputs: no command replaces what it reads or what it did not write, and what cannot be written is found before
# anything is computed. Usage: outputs_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"
cd "$work" || exit 1

# expect_kept CODE TEXT FILE COMMAND...: refused with one line that has TEXT, and FILE has the bytes it had.
expect_kept() {
  local code=$1 text=$2 file=$3
  shift 3
  cp -L "$file" before
  expect "$code" stderr "$text" "$@"
  expect_one_line
  cmp -s "$file" before || fail "$file was changed: $*"
}
foreign() { printf 'id,years of work\n1000015,3\n' >"$1"; }

check "a run"
expect 0 stdout "16 scans" "$brainmt" synth out=scans subjects=16 'grid=[8,8,8]' frames=12
expect 0 stdout "16 scans" "$brainmt" prepare input=scans output=c.h5
expect 0 stdout "finished" "$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 \
  'data.split_fractions=[0.5,0.25,0.25]' task=classification task.target=sex data.cohort=c.h5 run.epochs=1 \
  scheduler.warmup_epochs=0 run.dir=run
foreign mine.csv
ln -s c.h5 link.h5
ln c.h5 hard.h5

check "synth"
mkdir study
foreign study/phenotypes.csv
expect_kept 2 "phenotypes.csv" study/phenotypes.csv "$brainmt" synth out=study subjects=2 'grid=[8,8,8]' frames=8
expect_kept 2 "phenotypes.csv" study/phenotypes.csv "$brainmt" synth out=study subjects=2 'grid=[8,8,8]' frames=8 --overwrite
[ "$(ls study)" = phenotypes.csv ] || fail "files were written beside it"
mkdir -p tree/1000001/fMRI
foreign tree/1000001/fMRI/filtered_func_data_clean_MNI.nii.gz
cp tree/1000001/fMRI/filtered_func_data_clean_MNI.nii.gz before
expect 2 stderr "1000001" ranks 2 "$brainmt" synth out=tree layout=ukb subjects=2 'grid=[8,8,8]' frames=8
expect_one_error
cmp -s tree/1000001/fMRI/filtered_func_data_clean_MNI.nii.gz before || fail "the scan was changed"
small=("$brainmt" synth out=small 'grid=[8,8,8]' frames=8)
expect 0 stdout "2 scans" "${small[@]}" subjects=2
expect 0 stdout "2 scans" "${small[@]}" subjects=2
expect_kept 2 "--overwrite" small/phenotypes.csv "${small[@]}" subjects=4
expect 0 stdout "4 scans" "${small[@]}" subjects=4 --overwrite
expect 0 stdout "4 scans" "$brainmt" synth out=again --config small/synth.yaml
cmp small/sub-0004.nii.gz again/sub-0004.nii.gz >stdout || fail "synth.yaml gives another cohort"
echo "sub-0005,0,50,site-1,0.1,100" >>small/phenotypes.csv
expect_kept 2 "--overwrite" small/phenotypes.csv "${small[@]}" subjects=4
expect 6 stderr "is a file" "$brainmt" synth out=mine.csv/scans subjects=2

check "prepare"
cp scans/phenotypes.csv table.h5
cp scans/sub-0001.nii.gz scan.h5
expect_kept 2 "which the command reads" table.h5 "$brainmt" prepare input=scans phenotypes=table.h5 output=table.h5
expect_kept 2 "not a cohort" scan.h5 "$brainmt" prepare input=scans output=scan.h5 --overwrite
expect_kept 2 "ends in .h5" scans/phenotypes.csv "$brainmt" prepare input=scans output=scans/phenotypes.csv
foreign mine.report.tsv
expect_kept 2 "mine.report.tsv" mine.report.tsv "$brainmt" prepare input=scans output=mine.h5
[ ! -e mine.h5.staging ] || fail "scans were read first"
expect 6 stderr "mine.csv" "$brainmt" prepare input=scans output=d.h5 scratch=mine.csv
mkdir d.h5.staging
foreign d.h5.staging/notes.csv
expect_kept 6 "notes.csv" d.h5.staging/notes.csv "$brainmt" prepare input=scans output=d.h5
rm -r d.h5.staging
expect 0 stdout "16 scans" "$brainmt" prepare input=scans output=twice.h5
expect 0 stdout "16 scans" "$brainmt" prepare input=scans output=twice.h5 normalize=minmax
head -c 2000 twice.h5 >cut.h5
expect_kept 2 "--overwrite" cut.h5 "$brainmt" prepare input=scans output=cut.h5
expect 0 stdout "16 scans" "$brainmt" prepare input=scans output=cut.h5 --overwrite

check "prepare and parcellate: cohorts of other content, inputs or options"
atlas=scans/atlas.nii.gz
expect_kept 2 "--overwrite" twice.h5 "$brainmt" prepare input=scans output=twice.h5 parcellate=$atlas
expect 0 stdout "16 scans" "$brainmt" prepare input=scans output=images.h5 parcellate=$atlas
expect 0 stdout "16 scans" "$brainmt" prepare input=scans output=images.h5 parcellate=$atlas parcellate.min_coverage=0.4
expect_kept 2 "--overwrite" images.h5 "$brainmt" prepare input=scans output=images.h5
expect_kept 2 "--overwrite" images.h5 "$brainmt" parcellate data.cohort=c.h5 atlas=$atlas out=images.h5
parcellate=("$brainmt" parcellate data.cohort=c.h5 atlas="$atlas" out=p.h5)
expect 0 stdout "16" "${parcellate[@]}"
expect 0 stdout "16" "${parcellate[@]}"
expect_kept 2 "--overwrite" p.h5 "${parcellate[@]}" parcellate.stat=median
expect_kept 2 "--overwrite" p.h5 "$brainmt" parcellate data.cohort=twice.h5 atlas=$atlas out=p.h5
expect_kept 2 "--overwrite" p.h5 "$brainmt" prepare input=scans output=p.h5
expect_kept 2 "--overwrite" p.h5 "$brainmt" prepare input=scans output=p.h5 parcellate=$atlas
for k in 1 2; do expect 0 stdout "8" "${parcellate[@]}" parcellate.stat=sd shard=$k/2; done
expect_kept 2 "--overwrite" p.h5 "$brainmt" parcellate out=p.h5 merge=2
expect 0 stdout "16" "$brainmt" parcellate out=p.h5 merge=2 --overwrite
expect 0 stdout "16" "$brainmt" parcellate out=p.h5 merge=2
expect 0 stdout "16" "${parcellate[@]}" --overwrite
expect 0 stdout "16 scans" "$brainmt" prepare input=scans output=images.h5 --overwrite
for k in 1 2; do expect 0 stdout "8 scans" "$brainmt" prepare input=scans output=many.h5 shard=$k/2; done
expect 0 stdout "16 scans in 2" "$brainmt" prepare output=many.h5 merge=2
expect 0 stdout "16 scans in 2" "$brainmt" prepare output=many.h5 merge=2
expect_kept 2 "--overwrite" many.h5 "$brainmt" prepare input=scans output=many.h5 parcellate=$atlas
cp p.h5 many.h5
expect_kept 2 "--overwrite" many.h5 "$brainmt" prepare output=many.h5 merge=2
expect 0 stdout "4 tables" "$brainmt" synth out=tables kind=parcels subjects=4 frames=12
expect 0 stdout "4" "$brainmt" prepare input=tables output=tables.h5 layout=tables
expect 0 stdout "4" "$brainmt" prepare input=tables output=tables.h5 layout=tables min_frames=10
expect_kept 2 "--overwrite" tables.h5 "${parcellate[@]/p.h5/tables.h5}"
expect_kept 2 "--overwrite" tables.h5 "$brainmt" prepare input=scans output=tables.h5 parcellate=$atlas
expect_kept 2 "parcellate.units conflicts with input" p.h5 "$brainmt" parcellate input=scans/sub-0001.nii.gz atlas=$atlas \
  out=image parcellate.units=original

check "embed"
for name in c.h5 link.h5 hard.h5; do
  expect_kept 2 "which the command reads" "$name" "$brainmt" embed run.dir=run out=$name
  expect_kept 2 "which the command reads" "$name" "$brainmt" embed run.dir=run out=$name --overwrite
done
expect_kept 2 "is not a file of" twice.h5 "$brainmt" embed run.dir=run out=twice.h5
expect_kept 2 "is not a file of" mine.csv "$brainmt" embed run.dir=run out=mine.csv
expect 6 stderr "e.h5" "$brainmt" embed run.dir=run out=mine.csv/e.h5
expect 0 stdout "written" "$brainmt" embed run.dir=run out=e.h5
expect 0 stdout "written" "$brainmt" embed run.dir=run out=e.h5
cp e.h5 before
expect 2 stderr "holds embeddings of another" "$brainmt" embed run.dir=run data.cohort=twice.h5 \
  data.allow_mismatch=true out=e.h5
cmp -s e.h5 before || fail "the embeddings were changed"
expect 0 stdout "written" "$brainmt" embed run.dir=run out=e.h5 embed.pooling=mean --overwrite
expect_kept 2 "which the command reads" e.h5 "$brainmt" embed residualize in=e.h5 out=e.h5 run.dir=run 'covariates=[age]'

check "evaluate: files of one split leave those of another alone"
expect 0 stdout "auroc" "$brainmt" evaluate run.dir=run bootstrap=10
cp run/predictions.tsv test.tsv
expect 0 stdout "predictions.val.tsv" "$brainmt" evaluate run.dir=run split=val bootstrap=10
expect 0 stdout "predictions.all.tsv" "$brainmt" evaluate run.dir=run split=all bootstrap=10
cmp run/predictions.tsv test.tsv >stdout || fail "the test part's predictions were changed"
for file in metrics.json metrics.val.json metrics.all.json roc.svg roc.val.svg predictions.val.tsv; do
  [ -s "run/$file" ] || fail "no $file"
done
grep -q '"split": "val"' run/metrics.val.json || fail "metrics.val.json is of another split"
mkdir results
for file in predictions.val.tsv metrics.val.json roc.val.svg; do
  foreign "results/$file"
  expect_kept 2 "$file" "results/$file" "$brainmt" evaluate run.dir=run split=val out=results bootstrap=10
  rm "results/$file"
done
expect 6 stderr "is a file" "$brainmt" evaluate run.dir=run out=mine.csv
expect 6 stderr "is a file" "$brainmt" evaluate run.dir=run out=mine.csv/results
[ -z "$(cat stdout)" ] || fail "it was computed first"

check "weights"
expect 0 stdout "w.safetensors" "$brainmt" weights export in=run out=w.safetensors
expect 0 stdout "w.safetensors" "$brainmt" weights export in=run out=w.safetensors
expect_kept 2 "not a file of" mine.csv "$brainmt" weights export in=run out=mine.csv
expect_kept 2 "which the command reads" w.safetensors "$brainmt" weights import in=w.safetensors out=w.safetensors
model=$(find run/checkpoints -name model.safetensors | head -n 1)
expect_kept 2 "not a file of" "$model" "$brainmt" weights import in=w.safetensors out="$model" --overwrite
expect 6 stderr "x.safetensors" "$brainmt" weights export in=run out=none/x.safetensors

check "report"
expect 0 stdout "report.html" "$brainmt" report run
expect 0 stdout "report.html" "$brainmt" report run
expect_kept 2 "not a page" mine.csv "$brainmt" report run out=mine.csv
expect_kept 2 "not a page" run/config.yaml "$brainmt" report run out=run/config.yaml
expect 6 stderr "none" "$brainmt" report run out=none/r.html

check "sweep"
cat >sweep.yaml <<YAML
name: one
set: {data.cohort: $work/c.h5, task: classification, task.target: sex, model.num_frames: 8, model.embed_dim: 16,
  model.depth: [1, 1], run.max_steps: 1, data.split_fractions: [0.5, 0.25, 0.25]}
axes: {rate: {optimizer.lr: [1.0e-3]}}
YAML
expect_kept 2 "a run of" run/config.yaml "$brainmt" sweep plan sweep=sweep.yaml out=run
mkdir folder
foreign folder/sweep.tsv
expect_kept 2 "sweep.tsv" folder/sweep.tsv "$brainmt" sweep plan sweep=sweep.yaml out=folder
mv folder/sweep.tsv folder/sweep.yaml
expect_kept 2 "sweep.yaml" folder/sweep.yaml "$brainmt" sweep plan sweep=sweep.yaml out=folder
expect 6 stderr "is a file" "$brainmt" sweep plan sweep=sweep.yaml out=mine.csv
expect 0 stdout "1 tasks" "$brainmt" sweep plan sweep=sweep.yaml out=planned
expect 0 stdout "1 tasks" "$brainmt" sweep plan sweep=sweep.yaml out=planned

check "bench"
expect_kept 2 "--json" mine.csv "$brainmt" bench gemm seconds=0.01 --json mine.csv
expect 6 stderr "b.json" "$brainmt" bench gemm seconds=0.01 --json none/b.json

check "leftovers" && expect_no_leftovers
finish
