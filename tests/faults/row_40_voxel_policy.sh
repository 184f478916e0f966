#!/usr/bin/env bash
# Row 40: NaN, infinite and constant voxels, a scan of zeros, too few frames: such scans are left out, each with its
# reason in the report and all of them counted; above max_bad nothing is made. Usage: row_40_voxel_policy.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"
cp -r "$data/scans" "$work/scans"
scan() { echo "$work/scans/sub-000$1.nii.gz"; }
prepare=("$brainmt" prepare input="$work/scans" output="$work/c.h5" min_frames=8)

overwrite "$(scan 1)" $((nifti_data + 3 * nifti_frame + 40)) '\0\0\300\177'
overwrite "$(scan 2)" $((nifti_data + 9 * nifti_frame + 2044)) '\0\0\200\377' # minus infinity in the last voxel
fill "$(scan 3)" 10 '\0\0\0\0'
fill "$(scan 4)" 10 '\0\0\100\100'
overwrite "$(scan 5)" 48 '\7\0'
gunzip "$(scan 5)" && truncate -s $((nifti_data + 7 * nifti_frame)) "$work/scans/sub-0005.nii" && gzip "$work/scans/sub-0005.nii"

check "above max_bad"
expect 3 stderr "5 of 8 scans" "${prepare[@]}"
expect_one_line
[ ! -e "$work/c.h5" ] || fail "a cohort was made"
check "within max_bad"
for n in 1 2; do
  rm -f "$work/c.report.tsv"
  expect 0 stdout "3 scans, 30 frames" ranks $n "${prepare[@]}" max_bad=0.7
  grep -qF "3 of 8 found are used" "$work/stdout" || fail "the bad scans are not counted"
  while read -r subject reason; do
    row=$(grep -P "^sub-000$subject\t" "$work/c.report.tsv")
    [[ $row == *$'\tbad\t'* && $row == *$reason* ]] || fail "the report says of sub-000$subject: ${row:-nothing}, not '$reason'"
  done <<'REASONS'
1 frame 3
1 NaN or infinite
2 frame 9
3 every voxel is zero
4 all non-zero voxels are 3
5 7 frames
REASONS
  [ "$(grep -c -P '\tbad\t' "$work/c.report.tsv")" -eq 5 ] || fail "not 5 bad scans in the report"
done
check "a window longer than any scan"
expect 3 stderr "" "${train[@]}" run.dir="$work/run" data.cohort="$work/c.h5" model.num_frames=11
expect_one_error
finish
