#!/usr/bin/env bash
# Input that is broken, and outputs that cannot be written: the exit code of the contract, one line that names file and
# reason, and nothing half-written. More of it, row by row of the fault matrix, is in tests/faults.
# Usage: bad_input_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

small_model=('model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 'data.split_fractions=[0.5,0.25,0.25]'
  run.batch_size=2 run.epochs=2 scheduler.warmup_epochs=1)
train=("$brainmt" train "${small_model[@]}" task=classification task.target=sex)

# falsify SUBJECT OFFSET BYTES: overwrites bytes of the scan; BYTES as printf writes them.
falsify() {
  local scan=$work/scans/$1.nii
  gunzip "$scan.gz"
  # shellcheck disable=SC2059  # the bytes are a format on purpose
  printf "$3" | dd of="$scan" bs=1 seek="$2" conv=notrunc status=none
  gzip "$scan"
}

# cut SUBJECT BYTES: keeps the first bytes of the uncompressed scan.
cut_to() {
  local scan=$work/scans/$1.nii
  gunzip "$scan.gz"
  truncate -s "$2" "$scan"
  gzip "$scan"
}

# expect_reason SUBJECT TEXT: the report says why this scan was not used.
expect_reason() {
  local row
  row=$(grep -P "^$1\t" "$work/c.report.tsv")
  [[ $row == *$'\tbad\t'* && $row == *$2* ]] || fail "the report says of $1: ${row:-nothing}, not '$2'"
}

check "synth"
expect 0 stdout "16 scans" "$brainmt" synth out="$work/scans" subjects=16 'grid=[12,12,12]' frames=10 dtype=float32

# NIfTI-1: 348 bytes of header, 4 of extension, then 12 x 12 x 12 float32 a frame. dim[0] is at 40, dim[4] at 48, the
# magic at 344.
frame=$((12 * 12 * 12 * 4))
data=352
head -c 3000 "$work/scans/sub-0001.nii.gz" >"$work/cut" && mv "$work/cut" "$work/scans/sub-0001.nii.gz"
falsify sub-0002 344 'abc\0'
falsify sub-0003 40 '\3\0'
falsify sub-0003 48 '\1\0'
cut_to sub-0003 $((data + frame))
falsify sub-0004 48 '\144\0'
falsify sub-0005 $((data + 3 * frame + frame / 2)) '\0\0\300\177'
cut_to sub-0006 $data
cut_to sub-0006 $((data + 10 * frame))
falsify sub-0007 48 '\7\0'
cut_to sub-0007 $((data + 7 * frame))

check "prepare above max_bad"
expect 3 stderr "max_bad" "$brainmt" prepare input="$work/scans" output="$work/c.h5" min_frames=8
expect_one_line
[ ! -e "$work/c.h5" ] || fail "a cohort was written"
expect 3 stderr "max_bad" ranks 2 "$brainmt" prepare input="$work/scans" output="$work/c.h5" min_frames=8
expect_one_error
expect_no_leftovers

check "prepare continues without the bad scans"
expect 0 stdout "9 scans, 90 frames" ranks 2 "$brainmt" prepare input="$work/scans" output="$work/c.h5" min_frames=8 \
  max_bad=0.5
expect 0 stdout "9 scans" "$brainmt" prepare input="$work/scans" output="$work/c1.h5" min_frames=8 max_bad=0.5
without_seconds() { cut -f 1-9,11- "$1"; }
cmp -s <(without_seconds "$work/c.report.tsv") <(without_seconds "$work/c1.report.tsv") || fail "one rank and two report different reasons"
check "truncated gzip" && expect_reason sub-0001 "gzip"
check "wrong magic" && expect_reason sub-0002 "magic"
check "3-D scan" && expect_reason sub-0003 "3 dimensions"
check "dims that lie" && expect_reason sub-0004 "100"
check "NaN voxel" && expect_reason sub-0005 "NaN"
check "all-zero scan" && expect_reason sub-0006 "zero"
check "too few frames" && expect_reason sub-0007 "7 frames"
check "the others are used"
[ "$(grep -c -P '\tused\t' "$work/c.report.tsv")" -eq 9 ] || fail "not 9 scans used"

check "words that are missing are listed"
expect 2 stderr "'weights' needs import|export (one of import, export)" "$brainmt" weights
expect_one_line

check "missing target column"
expect 3 stderr "cognition" "${train[@]}" task.target=cogniton run.dir="$work/column" data.cohort="$work/c.h5"
expect_one_error

check "a refused start leaves nothing behind"
[ ! -e "$work/column" ] || fail "a run directory was made"
expect 2 stderr "connectivity" "$brainmt" train model=brainnetcnn task=classification task.target=sex \
  run.dir="$work/new/net" data.cohort="$work/c.h5"
expect_one_error
expect 3 stderr "expected weights" ranks 2 "${train[@]}" run.dir="$work/new/run" data.cohort="$work/c.h5" \
  init.weights="$work/c.h5"
expect_one_error
[ ! -e "$work/new" ] || fail "left behind: $(find "$work/new")"

check "a damaged scan inside the cohort"
cp "$work/c.h5" "$work/flipped.h5"
printf '\125\252\125\252' | dd of="$work/flipped.h5" bs=1 seek=$(($(stat -c %s "$work/c.h5") / 2)) conv=notrunc status=none
expect 3 stderr "flipped.h5" "$brainmt" inspect --verify "$work/flipped.h5"
expect_one_line

check "weights whose header lies"
expect 0 stdout "finished" "${train[@]}" run.dir="$work/run" data.cohort="$work/c.h5"
expect 0 stdout "" "$brainmt" weights export in="$work/run" out="$work/w.safetensors"
# lie NAME SED_PROGRAM: same length, another header.
lie() { LC_ALL=C sed "$2" "$work/w.safetensors" >"$work/$1"; }
lie shape.safetensors '1s/"shape":\[16\]/"shape":[99]/'
lie offsets.safetensors '1s/"data_offsets":\[0,/"data_offsets":[1,/'
lie dtype.safetensors '1s/"F32"/"F64"/'
lie name.safetensors '1s/cls_token/cls_taken/'
head -c 5000 "$work/w.safetensors" >"$work/short.safetensors"
{ printf '\377\377\377\377\377\377\377\177' && tail -c +9 "$work/w.safetensors"; } >"$work/length.safetensors"
for file in shape offsets dtype name short length; do
  cmp -s "$work/$file.safetensors" "$work/w.safetensors" && fail "$file.safetensors does not lie"
  expect 3 stderr "$file.safetensors" "$brainmt" evaluate weights="$work/$file.safetensors" data.cohort="$work/c.h5" \
    task=classification task.target=sex out="$work/none"
  expect_one_line
  expect 3 stderr "$file.safetensors" "$brainmt" weights import in="$work/$file.safetensors" out="$work/in.safetensors"
  expect_one_line
done
[ ! -e "$work/none" ] || fail "predictions were written"
[ ! -e "$work/in.safetensors" ] || fail "weights were written"

check "the weights of a run, where weights are wanted"
for path in run run/ run/checkpoints run/checkpoints/best; do
  expect 0 stderr "parameters taken" "${train[@]}" run.dir="$work/tuned-${path//\//-}" data.cohort="$work/c.h5" \
    init.weights="$work/$path" run.max_steps=1
done
expect 3 stderr "brainmt weights export in=$work/run out=" "$brainmt" weights import in="$work/run" out="$work/in.safetensors"
expect_one_line
expect 3 stderr "the name of a checkpoint: give the directory of its run" "$brainmt" evaluate \
  weights="$work/run/checkpoints/best" data.cohort="$work/c.h5" out="$work/none"
expect_one_line
expect 2 stderr "is of the family brainmt: leave model= and model.family out" "$brainmt" weights import \
  in="$work/w.safetensors" out="$work/in.safetensors" model=brainnetcnn
expect_one_line
lie bare.safetensors '1s/brainmt\.model/brainmt.nodel/'
expect 2 stderr "give their number as parcels=" "$brainmt" weights import in="$work/bare.safetensors" \
  out="$work/in.safetensors" model=brainnetcnn
expect_one_line

check "output that cannot be written" # a regular file as parent stops root too
touch "$work/file"
expect 6 stderr "file/" "$brainmt" synth out="$work/file/x" subjects=2 'grid=[8,8,8]' frames=8
expect_one_line
expect 6 stderr "file/" "$brainmt" prepare input="$work/scans" output="$work/file/c.h5" max_bad=0.5
expect_one_line
expect 6 stderr "file/" "${train[@]}" run.dir="$work/file/run" data.cohort="$work/c.h5"
expect_one_error
expect 6 stderr "file/" ranks 2 "${train[@]}" run.dir="$work/file/run" data.cohort="$work/c.h5"
expect_one_error
expect 6 stderr "file/" "$brainmt" evaluate run.dir="$work/run" out="$work/file/e"
expect_one_line
expect 6 stderr "file/" "$brainmt" weights export in="$work/run" out="$work/file/w.safetensors"
expect_one_line

check "leftovers" && expect_no_leftovers
finish
