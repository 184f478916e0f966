#!/usr/bin/env bash
# What a model was trained on stays with it: other targets, sizes and cohorts are refused by evaluate, embed and resume,
# or used where that is allowed, and said; weights that are not finite; files of other kinds.
# Usage: identity_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

check "a cohort, others of the same scans, and a run"
expect 0 stdout "16 scans" "$brainmt" synth out="$work/scans" subjects=16 'grid=[10,10,10]' frames=10
cp -r "$work/scans" "$work/flipped"
cp -r "$work/scans" "$work/slow"
# patch FOLDER OFFSET BYTES: overwrites bytes of every scan; BYTES as printf writes them.
patch() {
  local scan
  for scan in "$work/$1"/*.nii.gz; do
    gunzip "$scan"
    # shellcheck disable=SC2059  # the bytes are a format on purpose
    printf "$3" | dd of="${scan%.gz}" bs=1 seek="$2" conv=notrunc status=none
    gzip "${scan%.gz}"
  done
}
patch flipped 280 '\0\0\0\300' # the first number of srow_x is -2
patch slow 92 '\0\0\0\100'     # the repetition time is 2
prepare() { "$brainmt" prepare input="$work/${3:-scans}" output="$work/$1.h5" "${@:4}" "$2" >"$work/stdout" 2>"$work/stderr"; }
for made in "c fill=lowest scans" "minmax normalize=minmax scans" "zero fill=0 scans" "flipped fill=lowest flipped" \
  "slow fill=lowest slow"; do
  # shellcheck disable=SC2086  # three words
  prepare $made || fail "prepare $made"
done
train=("$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 'data.split_fractions=[0.5,0.25,0.25]'
  task=classification task.target=sex run.batch_size=2 run.epochs=2 scheduler.warmup_epochs=1)
expect 0 stdout "finished" "${train[@]}" run.dir="$work/run" data.cohort="$work/c.h5"
grep -q '"orientation": "RAS"' "$work/run/provenance.json" || fail "no data in provenance.json"
evaluate=("$brainmt" evaluate run.dir="$work/run" bootstrap=0 split=all)
embed=("$brainmt" embed run.dir="$work/run")

# None of the outputs that refused commands name.
expect_no_outputs() {
  local path
  for path in none e.h5 in.safetensors; do [ ! -e "$work/$path" ] || fail "a refused command wrote $path"; done
}

check "what the run decided is refused, what is equal passes"
for words in "task.target=age" "task=regression" "task=regression task.target=age" "task=multitask task.targets=[sex,age]" \
  "task.positive=[male]" "task.confounds=[age]" "task.shuffle_labels=true" "data.folds=3 data.fold=0" \
  "data.split_fractions=[0.6,0.2,0.2]" "model.num_frames=6" "model.depth=[2,1]" "model.stem=patch" "model.dt_init=published"; do
  # shellcheck disable=SC2086  # several options
  expect 2 stderr "run.dir=$work/run" "${evaluate[@]}" out="$work/none" $words
  expect_one_line
  grep -qF "${words%%=*}=" "$work/stderr" || fail "the key is not named: $words"
done
expect 2 stderr "task.target=age: the model of run.dir=$work/run has task.target=sex" "${evaluate[@]}" task.target=age
expect 2 stderr "model.num_frames=6" "${embed[@]}" out="$work/e.h5" model.num_frames=6
expect_one_line
expect_no_outputs
expect 0 stdout "accuracy" "${evaluate[@]}" out="$work/same" task=classification task.target=sex \
  'model.depth=[1,1]' model.embed_dim=16 model.frame_chunk=2 'data.split_fractions=[0.5,0.25,0.25]' precision=bf16 \
  data.verify=true eval.stride=1
expect 0 stdout "participants" "${embed[@]}" out="$work/same.h5" model.num_frames=8 data.cohort="$work/c.h5"

check "weights decide too, where their metadata say so"
expect 0 stdout "" "$brainmt" weights export in="$work/run" out="$work/w.safetensors"
alone=("$brainmt" evaluate weights="$work/w.safetensors" data.cohort="$work/c.h5" split=all bootstrap=0 out="$work/alone")
expect 2 stderr "task.target=age: the model of weights=$work/w.safetensors has task.target=sex" "${alone[@]}" task.target=age
expect 2 stderr "model.embed_dim=32" "${alone[@]}" model.embed_dim=32
expect 2 stderr "model.embed_dim=32" "$brainmt" embed weights="$work/w.safetensors" data.cohort="$work/c.h5" \
  out="$work/e.h5" model.embed_dim=32
expect 0 stdout "accuracy" "${alone[@]}" task=classification task.target=sex model.embed_dim=16

expect 2 stderr "model.depth=[2, 1]: the model of in=$work/w.safetensors has model.depth=[1, 1]" "$brainmt" weights import \
  in="$work/w.safetensors" out="$work/in.safetensors" 'model.depth=[2,1]'
expect 2 stderr "grid=[9, 9, 9]" "$brainmt" weights import in="$work/w.safetensors" out="$work/in.safetensors" 'grid=[9,9,9]'
expect_no_outputs

check "another orientation, normalisation or fill is refused, or allowed and said"
for cohort in flipped:orientation minmax:normalization zero:fill; do
  expect 3 stderr "${cohort#*:}: " "${evaluate[@]}" out="$work/none" data.cohort="$work/${cohort%:*}.h5"
  expect_one_line
  expect 3 stderr "data.allow_mismatch=true" "${embed[@]}" out="$work/e.h5" data.cohort="$work/${cohort%:*}.h5"
  expect_one_line
  expect 0 stderr "data.allow_mismatch: the model was trained on other data: ${cohort#*:}: " "${evaluate[@]}" \
    out="$work/${cohort%:*}" data.cohort="$work/${cohort%:*}.h5" data.allow_mismatch=true
  grep -q '"data_mismatch"' "$work/${cohort%:*}/metrics.all.json" || fail "metrics.json does not say it"
  awk -F'\t' -v kind="${cohort#*:}: " 'NR == 1 { if ($8 != "data_mismatch" || NF != 8) exit 1; next }
    NF != 8 || index($8, kind) != 1 { exit 1 }' "$work/${cohort%:*}/predictions.all.tsv" || fail "predictions.tsv does not say it"
  grep -q "other data than it was trained on" "$work/${cohort%:*}/roc.all.svg" || fail "the plot does not say it"
done

cp "$work/flipped/metrics.all.json" "$work/flipped/predictions.all.tsv" "$work/run/"
expect 0 stdout "mismatched.html" "$brainmt" report "$work/run" out="$work/mismatched.html"
grep -q "orientation: RAS in training" "$work/mismatched.html" || fail "the page does not say it"
expect 3 stderr "orientation: RAS in training, LAS here" "${alone[@]}" data.cohort="$work/flipped.h5"
expect 0 stderr "orientation" "${embed[@]}" out="$work/allowed.h5" data.cohort="$work/flipped.h5" data.allow_mismatch=true
expect 0 stdout "data_mismatch" "$brainmt" inspect "$work/allowed.h5"
expect 0 stderr "repetition time: 0.735 s in training, 2 s" "${evaluate[@]}" out="$work/slow" data.cohort="$work/slow.h5"
grep -q data_mismatch "$work/slow/metrics.all.json" "$work/slow/predictions.all.tsv" && fail "a warning became a mismatch"
grep -q '"repetition time: 0.735 s in training, 2 s' "$work/slow/metrics.all.json" || fail "metrics.json does not say it"
head -n 1 "$work/same/predictions.all.tsv" | grep -q mismatch && fail "a column without a mismatch"
cp "$work/slow/metrics.all.json" "$work/slow/predictions.all.tsv" "$work/run/"
expect 0 stdout "slow.html" "$brainmt" report "$work/run" out="$work/slow.html"
grep -q "repetition time: 0.735 s in training" "$work/slow.html" || fail "the page does not say it"
expect 0 stdout "" "$brainmt" embed run.dir="$work/run" out="$work/slow.emb.h5" data.cohort="$work/slow.h5"
expect 0 stdout "data_difference" "$brainmt" inspect "$work/slow.emb.h5"

check "a run is not continued on a cohort that was made again"
part=("${train[@]}" run.dir="$work/part" checkpoint.every_steps=1)
cp "$work/c.h5" "$work/mine.h5"
expect 0 stdout "max_steps" "${part[@]}" data.cohort="$work/mine.h5" run.max_steps=2
for cohort in minmax:normalization zero:fill flipped:orientation "slow:repetition time"; do
  cp "$work/${cohort%:*}.h5" "$work/mine.h5"
  expect 3 stderr "${cohort#*:}: " "${part[@]}" data.cohort="$work/mine.h5" run.max_steps=3
  expect_one_error
done
cp "$work/minmax.h5" "$work/mine.h5"
expect 0 stderr "normalization: zscore in training, minmax here" "${part[@]}" data.cohort="$work/mine.h5" \
  run.max_steps=3 data.allow_mismatch=true
expect 0 stderr "the run began on other data: normalization" "${part[@]}" data.cohort="$work/mine.h5" run.max_steps=4
expect 0 stderr "while it was trained: normalization" "$brainmt" evaluate run.dir="$work/part" split=all bootstrap=0 \
  checkpoint=latest data.cohort="$work/mine.h5" out="$work/continued"
grep -q data_mismatch "$work/continued/metrics.all.json" || fail "metrics.json does not say it"

check "weights that are not finite"
# The last tensor's last value becomes NaN.
cp "$work/w.safetensors" "$work/nan.safetensors"
printf '\0\0\300\177' | dd of="$work/nan.safetensors" bs=1 seek=$(($(stat -c %s "$work/w.safetensors") - 4)) conv=notrunc status=none
for command in "evaluate weights=$work/nan.safetensors data.cohort=$work/c.h5 split=all out=$work/none" \
  "embed weights=$work/nan.safetensors data.cohort=$work/c.h5 out=$work/e.h5" \
  "weights import in=$work/nan.safetensors out=$work/in.safetensors"; do
  # shellcheck disable=SC2086  # a command with its options
  expect 4 stderr "not finite" "$brainmt" $command
  expect_one_line
done
expect_no_outputs

check "files of other kinds are named for what they are"
printf 'PK\3\4\0\0' >"$work/w.pth"
expect 3 stderr "a PyTorch file" "$brainmt" weights import in="$work/w.pth" out="$work/in.safetensors"
expect 3 stderr "a NIfTI scan" "$brainmt" inspect "$work/scans/sub-0001.nii.gz"
expect 3 stderr "a table" "$brainmt" inspect "$work/scans/phenotypes.csv"
expect 3 stderr "brainmt prepare input=$work/scans" "${train[@]}" run.dir="$work/none" data.cohort="$work/scans"
expect 3 stderr "a safetensors file" "${train[@]}" run.dir="$work/none" data.cohort="$work/w.safetensors"
expect 3 stderr "an HDF5 file" "$brainmt" evaluate weights="$work/c.h5" data.cohort="$work/c.h5" out="$work/none"
expect 2 stderr "found a directory of scans" "$brainmt" evaluate run.dir="$work/scans"
expect 3 stderr "expected a cohort, found an HDF5 file of the format 'brainmt-embeddings'" "$brainmt" evaluate \
  run.dir="$work/run" data.cohort="$work/same.h5" out="$work/none"
expect 3 stderr "a table" "$brainmt" embed residualize in="$work/scans/phenotypes.csv" run.dir="$work/run" out="$work/r.h5"
expect 2 stderr "brainlm_13m, brainlm_checkpoint1400, brainlm_vitmae_111m, brainlm_vitmae_650m, brainmt, brainmt_released, brainnetcnn, small" "$brainmt" train model=large

finish
