#!/usr/bin/env bash
# A cohort in shards through the program: described, verified, damaged, its damaged scans left out; runs that meet the
# list of them; copies on the node. Usage: store_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

check "two shards and their index"
expect 0 stdout "16 scans" "$brainmt" synth out="$work/scans" subjects=16 'grid=[10,10,10]' frames=12
for k in 1 2; do
  expect 0 stdout "8 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5" shard="$k/2"
done
expect 0 stdout "" "$brainmt" prepare merge=2 output="$work/c.h5"
expect 0 stdout "16" "$brainmt" inspect "$work/c.h5"
expect 0 stdout "matches its checksum" "$brainmt" inspect --verify "$work/c.h5"
expect 2 stderr "--verify" "$brainmt" inspect --quarantine "$work/c.h5"
expect_one_line

train=("$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 'data.split_fractions=[0.5,0.25,0.25]'
  task=classification task.target=sex data.cohort="$work/c.h5" run.epochs=2 run.global_batch=2
  scheduler.warmup_epochs=1)
# same_weights RUN RUN
same_weights() {
  diff <(cd "$work/$1/checkpoints/$(cat "$work/$1/checkpoints/latest")" && sha256sum model.safetensors) \
    <(cd "$work/$2/checkpoints/$(cat "$work/$2/checkpoints/latest")" && sha256sum model.safetensors) \
    >"$work/stdout" || fail "$1 and $2 differ"
}

check "copies on the node, shared by two ranks: the same bits"
expect 0 stdout "finished" ranks 2 "${train[@]}" run.batch_size=1 run.dir="$work/plain"
expect 0 stdout "finished" ranks 2 "${train[@]}" run.batch_size=1 run.dir="$work/cached" data.cache_dir="$work/cache"
same_weights plain cached
copies=$(find "$work/cache" -name 'scan-*.f16' | wc -l)
if [ "$copies" -lt 8 ] || [ "$copies" -gt 16 ]; then fail "$copies copies of the 12 scans in use"; fi
[ -z "$(find "$work/cache" -name '*.part')" ] || fail "a part was left"
expect 0 stdout "accuracy" "$brainmt" evaluate run.dir="$work/cached" data.cache_dir="$work/cache"
expect 2 stderr "data.cache_dir" "${train[@]}" run.batch_size=2 run.dir="$work/x" data.cache_dir="$work/cache" data.io=collective
expect_one_line

check "a cache that cannot be used is a warning"
expect 0 stderr "data.cache_dir" "${train[@]}" run.batch_size=2 run.dir="$work/warned" data.cache_dir="$work/c.h5/cache"

check "damage in one shard"
expect 0 stdout "" "${train[@]}" run.batch_size=2 run.dir="$work/run" run.max_steps=2
shard=$work/c.shard-002-of-002.h5
[ -e "$shard" ] || shard=$(find "$work" -maxdepth 1 -name 'c*shard*2*.h5' | sort | tail -n 1)
# Nearly all of the file are frames: its middle is one of them.
printf '\x5a\xa5\x5a\xa5' | dd of="$shard" bs=1 seek=$(($(stat -c %s "$shard") / 2)) conv=notrunc status=none
expect 3 stdout "differs from its checksum" "$brainmt" inspect --verify "$work/c.h5"
expect 3 stderr "1 of 16 scans are damaged" "$brainmt" inspect --verify "$work/c.h5"
expect_one_line
[ ! -e "$work/c.h5.quarantine.tsv" ] || fail "a list was written without being asked for"
expect 3 stderr "left out of use" "$brainmt" inspect --verify --quarantine "$work/c.h5"
[ "$(wc -l <"$work/c.h5.quarantine.tsv")" -eq 2 ] || fail "not one scan is listed"

check "a run that began with the scan says what to do"
expect 2 stderr "data.split_file=$work/run/split.json" "${train[@]}" run.batch_size=2 run.dir="$work/run"
grep -qF "c.h5.quarantine.tsv' takes 1 of its scans out of use" "$work/stderr" || fail "the list is not named"
expect_one_error
expect 0 stdout "finished" "${train[@]}" run.batch_size=2 run.dir="$work/new" data.split_file="$work/run/split.json"
rm "$work/c.h5.quarantine.tsv"
expect 0 stdout "" "${train[@]}" run.batch_size=2 run.dir="$work/run" run.max_steps=2

finish
