#!/usr/bin/env bash
# Whole runs and what is done with them: the same bits each time and on one rank or two, evaluation, weights. Runs that
# end early are the fault matrix's (tests/train/faults). Usage: interruption_test.sh BRAINMT MPIEXEC
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

check "deterministic=world: one rank and two end in the same bits, with any batch and number of threads"
expect 0 stdout "finished" "${train[@]}" run.batch_size=1 deterministic=world run.dir="$work/world1"
expect 0 stdout "finished" "${both[@]}" deterministic=world run.dir="$work/world2"
expect 0 stdout "finished" env OMP_NUM_THREADS=2 "${train[@]}" run.batch_size=2 deterministic=world run.dir="$work/world3"
expect_same_end world1 world2
expect_same_end world3 world2

check "evaluate: every test subject once"
expect 0 stdout "auroc" ranks 2 "$brainmt" evaluate run.dir="$work/two" split=test
[ "$(tail -n +2 "$work/two/predictions.tsv" | cut -f 1 | sort | uniq | wc -l)" -eq 4 ] || fail "not 4 subjects"
[ "$(tail -n +2 "$work/two/predictions.tsv" | wc -l)" -eq 4 ] || fail "a subject occurs twice"

check "weights: out and in again"
expect 0 stdout "" "$brainmt" weights export in="$work/two" out="$work/w.safetensors"
expect 0 stdout "" "$brainmt" weights import in="$work/w.safetensors" out="$work/again.safetensors"
cmp "$work/w.safetensors" "$work/again.safetensors" >"$work/stdout" || fail "the file came back changed"

check "--dry-run writes nothing"
expect 0 stdout "parameters" "${alone[@]}" run.dir="$work/dry" --dry-run
[ ! -e "$work/dry" ] || fail "a run directory was made"

check "leftovers" && expect_no_leftovers
finish
