#!/usr/bin/env bash
# From scans, and from tables of series, to connectivity, baselines, pages and a comparison, on one rank and on two.
# Usage: connectivity_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

# same FILE...: of the folders one and two.
same() {
  local file
  for file in "$@"; do cmp -s "$work/one/$file" "$work/two/$file" || fail "$file differs between one rank and two"; done
}

# value FOLDER METRIC: of a model's metrics.json.
value() { sed -n "s/.*\"$2\": *\([-0-9.e]*\).*/\1/p" "$1/metrics.json" | head -n 1; }

# within X LOW HIGH
within() { awk -v x="$1" -v low="$2" -v high="$3" 'BEGIN { exit !(x != "" && x >= low && x <= high) }'; }

check "voxels"
expect 0 stdout "atlas.nii.gz" "$brainmt" synth out="$work/scans" subjects=40 'grid=[12,14,12]' frames=40
expect 0 stdout "40 of 40 found" "$brainmt" prepare input="$work/scans" output="$work/c.h5"
expect 0 stdout "max_steps" "$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 \
  data.cohort="$work/c.h5" run.epochs=1 scheduler.warmup_epochs=0 run.max_steps=1 task=classification task.target=sex \
  run.dir="$work/run"
expect 0 stdout "auroc" "$brainmt" evaluate run.dir="$work/run" bootstrap=20
chain() {
  local count=$1 out=$2
  mkdir -p "$out"
  expect 0 stdout "parcels" ranks "$count" "$brainmt" parcellate data.cohort="$work/c.h5" atlas="$work/scans/atlas.nii.gz" \
    out="$out/parcels.h5"
  expect 0 stdout "" ranks "$count" "$brainmt" fc data.cohort="$out/parcels.h5" out="$out/fc.h5"
  expect 0 stdout "krr" ranks "$count" "$brainmt" baseline run.dir="$work/run" fc="$work/one/fc.h5" out="$out/baselines" \
    permutations=20 bootstrap=20
  expect 0 stdout "" ranks "$count" "$brainmt" compare "$work/run" "$work/one/baselines/krr" "$work/one/baselines/logistic" \
    out="$out/compare" bootstrap=20 permutations=20
}
chain 1 "$work/one"
check "connectivity that does not belong to the people"
expect 0 stdout "" "$brainmt" synth out="$work/scans2" subjects=40 'grid=[12,14,12]' frames=40 seed=9
expect 0 stdout "" "$brainmt" prepare input="$work/scans2" output="$work/c2.h5"
expect 0 stdout "parcels" "$brainmt" parcellate data.cohort="$work/c2.h5" atlas="$work/scans/atlas.nii.gz" \
  out="$work/parcels2.h5"
expect 0 stdout "" "$brainmt" fc data.cohort="$work/parcels2.h5" out="$work/fc2.h5"
labels=(task=classification task.target=sex 'models=[mean]' permutations=0 bootstrap=0)
expect 3 stderr "made of another cohort" "$brainmt" baseline data.cohort="$work/one/parcels.h5" fc="$work/fc2.h5" \
  "${labels[@]}" out="$work/none"
expect 0 stdout "written" "$brainmt" baseline data.cohort="$work/one/parcels.h5" fc="$work/one/fc.h5" "${labels[@]}" \
  out="$work/own"
expect 0 stdout "" "$brainmt" synth out="$work/scans3" subjects=40 'grid=[12,14,12]' frames=36 seed=9
expect 0 stdout "" "$brainmt" prepare input="$work/scans3" output="$work/c3.h5"
expect 3 stderr "36 in the cohort" "$brainmt" baseline data.cohort="$work/c3.h5" fc="$work/one/fc.h5" "${labels[@]}" \
  out="$work/none"
expect 0 stdout "" "$brainmt" fc data.cohort="$work/one/parcels.h5" out="$work/tangent.h5" fc.kind=tangent \
  data.split_file="$work/own/mean/split.json"
with=("$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 run.epochs=1 scheduler.warmup_epochs=0
  task=classification task.target=sex run.dir="$work/with" --with-baselines)
expect 3 stderr "frames in it" "${with[@]}" data.cohort="$work/c3.h5" data.fc="$work/one/fc.h5" --dry-run
expect 3 stderr "another split" "${with[@]}" data.cohort="$work/c.h5" data.fc="$work/tangent.h5" run.seed=5
[ ! -e "$work/with" ] || fail "training began"
check "voxels"
chain 2 "$work/two"
same parcels.h5 fc.h5 baselines/krr/predictions.tsv baselines/logistic/predictions.tsv baselines/baselines.tsv \
  compare/comparison.tsv
expect 0 stdout "report.html" "$brainmt" report "$work/run"
expect 0 stdout "parcels" "$brainmt" inspect "$work/one/parcels.h5"

check "tables"
expect 0 stdout "tables of parcel series" "$brainmt" synth out="$work/tables" kind=parcels subjects=120 frames=80 \
  coupling=0.2
tables() {
  local count=$1 out=$2
  expect 0 stdout "series of 32 parcels of 'Synthetic'" ranks "$count" "$brainmt" prepare input="$work/tables" \
    output="$out/tables.h5" layout=tables atlas.labels="$work/tables/atlas-Synthetic_dseg.tsv"
  expect 0 stdout "" ranks "$count" "$brainmt" fc data.cohort="$out/tables.h5" out="$out/tables_fc.h5"
  expect 0 stdout "logistic" ranks "$count" "$brainmt" baseline data.cohort="$work/one/tables.h5" \
    fc="$work/one/tables_fc.h5" task=classification task.target=sex out="$out/sex" bootstrap=20 permutations=20
}
tables 1 "$work/one"
tables 2 "$work/two"
same tables.h5 tables_fc.h5 sex/logistic/predictions.tsv sex/baselines.tsv
within "$(value "$work/one/sex/logistic" auroc)" 0.9 1 || fail "logistic did not find sex"

expect 0 stdout "scans_with_missing_parcels 0" "$brainmt" inspect "$work/one/tables.h5"
table=$work/tables/sub-0002/func/sub-0002_task-rest_space-MNI152NLin6Asym_seg-Synthetic_stat-mean_timeseries.tsv
awk -F'\t' -v OFS='\t' 'NR > 1 { $3 = "n/a" } { print }' "$table" >"$work/table" && cp "$work/table" "$table"
expect 0 stdout "0.00833 a scan on average" "$brainmt" prepare input="$work/tables" output="$work/lacking.h5" layout=tables
expect 0 stdout "scans_with_missing_parcels 1" "$brainmt" inspect "$work/lacking.h5"

check "tables in shards"
for k in 1 2 3; do
  expect 0 stdout "" "$brainmt" prepare input="$work/tables" output="$work/parts.h5" layout=tables shard=$k/3 \
    atlas.labels="$work/tables/atlas-Synthetic_dseg.tsv"
done
expect 0 stdout "120 scans in 3 shards" "$brainmt" prepare output="$work/parts.h5" merge=3
expect 0 stdout "" "$brainmt" fc data.cohort="$work/parts.h5" out="$work/parts_fc.h5"

check "keys and files that do not fit"
expect 2 stderr "normalize conflicts with layout" "$brainmt" prepare input="$work/tables" output="$work/x.h5" \
  layout=tables normalize=none
expect 2 stderr "bids_atlas conflicts with layout" "$brainmt" prepare input="$work/scans" output="$work/x.h5" bids_atlas=A
expect 2 stderr "kind=scans" "$brainmt" synth out="$work/y" kind=parcels 'grid=[9,9,9]'
expect 3 stderr "try layout=tables" "$brainmt" prepare input="$work/tables" output="$work/x.h5"
expect 3 stderr "no label 'LH_Net1_1'" "$brainmt" prepare input="$work/tables" output="$work/x.h5" layout=tables \
  atlas.labels="$work/scans/atlas.tsv"
expect_no_leftovers
finish
