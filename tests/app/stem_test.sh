#!/usr/bin/env bash
# A model without convolutions (model.stem=patch) through the program: estimate, training on two ranks, what continues a run
# and what does not, evaluation, weights both ways, embeddings, and its case of the ready sweep. Usage: stem_test.sh BRAINMT
# MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

check "a cohort whose axes no cube divides"
expect 0 stdout "20 scans" "$brainmt" synth out="$work/scans" subjects=20 'grid=[18,20,17]' frames=12
expect 0 stdout "20 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5"
train=("$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 data.cohort="$work/c.h5" task=classification
  task.target=sex 'data.split_fractions=[0.6,0.2,0.2]' run.epochs=2 scheduler.warmup_epochs=0 checkpoint.every_steps=1)

check "the estimate knows the stem"
expect 0 stdout "stem         patches of 16x16x16 voxels" "${train[@]}" model.stem=patch run.dir="$work/none" --dry-run
patch_parameters=$(awk '$1 == "parameters" { print $2 }' "$work/stdout")
grep -q '(8 patches x 8 frames + 1)' "$work/stdout" || fail "the patches are not 2 x 2 x 2 a frame"
expect 0 stdout "(8 patches x 8 frames + 1)" "${train[@]}" run.dir="$work/none" --dry-run
conv_parameters=$(awk '$1 == "parameters" { print $2 }' "$work/stdout")
# Convolutions of 2, 4, 8 and 16 channels with two norms a block, against 4096 x 16 weights and 16 biases.
convolutions=$((27 * (2 + 2 * 4 + 2 * 4 * 4 + 4 * 8 + 2 * 8 * 8 + 8 * 16) + 6 * 4 + 6 * 8))
[ $((patch_parameters - conv_parameters)) -eq $((4096 * 16 + 16 - convolutions)) ] ||
  fail "$patch_parameters parameters with patches, $conv_parameters with convolutions"

check "some steps, then another stem is another run"
expect 0 stdout "max_steps" ranks 2 "${train[@]}" model.stem=patch run.max_steps=2 run.dir="$work/run"
expect 2 stderr "model.stem (was patch, is its default)" ranks 2 "${train[@]}" run.dir="$work/run"
expect 0 stdout "finished" ranks 2 "${train[@]}" model.stem=patch run.dir="$work/run"
grep -q "continuing from step 2" "$work/run/log.txt" || fail "the run began anew"
expect 0 stdout "max_steps" ranks 2 "${train[@]}" run.max_steps=2 run.dir="$work/conv"
expect 2 stderr "model.stem (was its default, is patch)" ranks 2 "${train[@]}" model.stem=patch run.dir="$work/conv"

check "interrupted or not: the same bits"
expect 0 stdout "finished" ranks 2 "${train[@]}" model.stem=patch run.dir="$work/whole"
last=$(cat "$work/whole/checkpoints/latest")
cmp "$work/run/checkpoints/$last/model.safetensors" "$work/whole/checkpoints/$last/model.safetensors" >"$work/stdout" 2>&1 ||
  fail "the weights differ"

check "evaluation, weights both ways, embeddings"
expect 0 stdout "auroc" "$brainmt" evaluate run.dir="$work/run" split=all bootstrap=20
expect 0 stdout "w.safetensors" "$brainmt" weights export in="$work/run" out="$work/w.safetensors"
expect 0 stdout "patch_embed.proj.weight" "$brainmt" inspect "$work/w.safetensors" --verify
grep -qF 'brainmt.model.stem: patch' "$work/stdout" || fail "the file does not say its stem"
expect 0 stdout "again.safetensors" "$brainmt" weights import in="$work/w.safetensors" out="$work/again.safetensors"
cmp "$work/w.safetensors" "$work/again.safetensors" >"$work/stdout" 2>&1 || fail "imported weights differ"
expect 0 stdout "auroc" "$brainmt" evaluate weights="$work/w.safetensors" data.cohort="$work/c.h5" split=all bootstrap=20 \
  out="$work/alone"
cmp <(cut -f 1,3- "$work/run/predictions.all.tsv") <(cut -f 1,3- "$work/alone/predictions.all.tsv") || fail "the file predicts otherwise"
expect 0 stdout "" "$brainmt" embed run.dir="$work/run" out="$work/e.h5"
expect 0 stdout "brainmt-two-way-patch-c16-m1-a1-t8" "$brainmt" inspect "$work/e.h5"

check "the ready sweep has the case"
expect 0 stdout "21 tasks, 21 distinct runs" "$brainmt" sweep plan sweep=architecture out="$work/sweep" \
  data.cohort="$work/c.h5" 'set=[model=small,model.num_frames=8]'
grep -q 'variant=no_convolution\|	no_convolution	' "$work/sweep/sweep.tsv" || fail "no such case"

finish
