#!/usr/bin/env bash
# A program for GPUs where there is none to use: commands that compute end at once, in one line and with exit code 2; the others
# run. Usage: no_device_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"
export CUDA_VISIBLE_DEVICES=""  # hides those that there are

tiny=(bench step model=small 'grid=[12,14,12]' 'frames=[4]' seconds=0.02)

check "one rank"
expect 2 stderr "error: " timeout 60 "$brainmt" "${tiny[@]}"
expect_one_line

check "two ranks"
expect 2 stderr "error: " ranks 2 "$brainmt" "${tiny[@]}"
expect_one_error

check "training leaves no run behind"
expect 0 stdout "24 scans" "$brainmt" synth out="$work/scans" subjects=24 'grid=[8,8,8]' frames=10
expect 0 stdout "24 scans" ranks 2 "$brainmt" prepare input="$work/scans" output="$work/c.h5"
train=("$brainmt" train model=small model.num_frames=8 task=classification task.target=sex run.dir="$work/run" data.cohort="$work/c.h5")
expect 2 stderr "error: " timeout 60 "${train[@]}"
expect_one_line
[ ! -e "$work/run" ] || fail "a run directory"
expect 0 stdout "" timeout 60 "${train[@]}" --dry-run

finish
