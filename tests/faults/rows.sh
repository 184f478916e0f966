# shellcheck shell=bash
# Shared by the tests of single rows of the fault matrix; sourced with BRAINMT MPIEXEC DATA as arguments.
# shellcheck source=tests/app/checks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../app/checks.sh"
# shellcheck disable=SC2034  # for the scripts that source this
data=$3
# shellcheck disable=SC2034
small=(model.depth='[1,1]' model.embed_dim=8 model.num_heads=2 model.num_frames=8 'data.split_fractions=[0.5,0.25,0.25]' run.batch_size=1
  run.epochs=1 scheduler.warmup_epochs=0)
# shellcheck disable=SC2034
train=("$brainmt" train "${small[@]}" task=classification task.target=sex)

# skip REASON: this machine cannot run the test.
skip() {
  echo "skipped: $*"
  exit 77
}

# NIfTI-1 as `synth dtype=float32` writes it here: 352 bytes in front of 8 x 8 x 8 float32 a frame.
# shellcheck disable=SC2034
nifti_frame=$((8 * 8 * 8 * 4)) nifti_data=352

# overwrite FILE.nii.gz OFFSET BYTES: in the uncompressed scan; BYTES as printf writes them.
overwrite() {
  local scan=${1%.gz}
  gunzip "$1"
  # shellcheck disable=SC2059  # the bytes are a format on purpose
  printf "$3" | dd of="$scan" bs=1 seek="$2" conv=notrunc status=none
  gzip -1 "$scan"
}

# fill FILE.nii.gz FRAMES BYTES: the scan's data become FRAMES frames of the four BYTES in every voxel.
fill() {
  local scan=${1%.gz}
  gunzip "$1"
  truncate -s "$nifti_data" "$scan"
  # shellcheck disable=SC2059
  for ((i = 0; i < 8 * 8 * 8; i++)); do printf "$3"; done >"$work/frame"
  for ((i = 0; i < $2; i++)); do cat "$work/frame"; done >>"$scan"
  gzip -1 "$scan"
}

# within SECONDS COMMAND...: as expect's COMMAND; 124 when it did not end in time.
within() { timeout "$@"; }

# modes_of KEY: the words of a choice, as the help of `train` lists them.
modes_of() { "$brainmt" train --help | tr -s ' \n' ' ' | grep -oP " $1 .*?one of \K[a-z|]+" | head -n 1 | tr '|' ' '; }

# damage_frames FROM TO: a copy with a few bytes flipped in the middle of its frames, which are most of the file.
damage_frames() {
  cp "$1" "$2"
  local half=$(($(stat -c %s "$1") / 2))
  for at in 0 528 1056 4224 8448; do
    printf '\125\252\125\252' | dd of="$2" bs=1 seek=$((half - at)) conv=notrunc status=none
  done
}
