#!/usr/bin/env bash
# Row 43: participant ids that would leave their folder, hide in a terminal or pass for another: refused wherever ids come
# from, and shown without their control characters. Usage: row_43_hostile_ids.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"

# Nothing that a terminal would obey, and the line is short.
expect_harmless() {
  grep -qP '[\x00-\x09\x0b-\x1f\x7f]' "$work/stderr" && fail "control characters in the message"
  [ "$(wc -c <"$work/stderr")" -lt 2000 ] || fail "a message of $(wc -c <"$work/stderr") bytes"
}
long=$(printf '%0200d' 0 | tr 0 x)
# shellcheck disable=SC2016  # not to be expanded by anybody
hostile=('a b' $'new\nline' $'esc\033[2Jape' $'tab\there' 'sub-\xd0\xb0' "$long" '.hidden' '..' 'semi;rm' "quo'te" '$(x)' '*')
hostile[4]=$(printf 'sub-\xd0\xb0') # a Cyrillic letter that looks like an a

check "file names"
mkdir "$work/scans"
cp "$data/scans/sub-0001.nii.gz" "$data/scans/sub-0002.nii.gz" "$work/scans"
for id in "${hostile[@]}"; do cp "$data/scans/sub-0003.nii.gz" "$work/scans/$id.nii.gz"; done
expect 3 stderr "max_bad" "$brainmt" prepare input="$work/scans" output="$work/c.h5"
expect_one_line
expect_harmless
expect 0 stdout "2 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5" max_bad=0.9
shown=$((${#hostile[@]} - 2)) # .hidden and .. are hidden files, which are no scans
bad=$(grep -c -aP '\tbad\t.*is not a participant id' "$work/c.report.tsv")
[ "$bad" -eq "$shown" ] || fail "$bad of $shown names are refused in the report"
[ "$(wc -l <"$work/c.report.tsv")" -eq $((shown + 3)) ] || fail "the report has another number of lines"
grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' "$work/c.report.tsv" && fail "control characters in the report"

check "names that begin with a dash are ids, never options"
mkdir "$work/dash"
cp "$data/scans/sub-0001.nii.gz" "$work/dash/-rf.nii.gz"
cp "$data/scans/sub-0002.nii.gz" "$work/dash/--help.nii.gz"
expect 0 stdout "2 scans" "$brainmt" prepare input="$work/dash" output="$work/dash.h5"

check "a link out of the folder"
mkdir "$work/links"
cp "$data/scans/sub-0001.nii.gz" "$work/links"
ln -s /dev/zero "$work/links/sub-0002.nii"
mkfifo "$work/links/sub-0003.nii"
expect 0 stdout "1 scans" timeout 20 "$brainmt" prepare input="$work/links" output="$work/links.h5" max_bad=0.9

check "tables"
for id in ../../x /etc/passwd "$(printf '%05000d' 0)" 'a b' $'bell\a' "${hostile[4]}"; do
  { head -n 1 "$data/scans/phenotypes.csv"; sed -n '2s/^[^,]*//p' "$data/scans/phenotypes.csv" | ID=$id awk '{ print ENVIRON["ID"] $0 }'; } >"$work/t.csv"
  expect 3 stderr "has a row in the table" "$brainmt" prepare input="$data/scans" output="$work/t.h5" phenotypes="$work/t.csv"
  expect_harmless
done
printf 'participant_id,sex\nsub\0-0001,1\n' >"$work/t.csv"
expect 3 stderr "zero byte" "$brainmt" prepare input="$data/scans" output="$work/t.h5" phenotypes="$work/t.csv"
[ ! -e "$work/t.h5" ] || fail "a cohort was made"

check "files of splits"
for id in ../../x /abs "${hostile[4]}" 'a\u0000b' 'a\nb' "$(printf '%05000d' 0)"; do
  # With the hash that belongs to these ids, so that nothing but the id itself is wrong.
  hash=$(printf '%b\n' "${id//u0000/0000}" sub-0002 sub-0003 | LC_ALL=C sort | sha256sum | cut -d ' ' -f 1)
  printf '{"format":"brainmt-split","version":1,"seed":1,"fractions":[0.5,0.25,0.25],"ids_sha256":"%s","train":["%s"],"val":["sub-0002"],"test":["sub-0003"]}' \
    "$hash" "$id" >"$work/split.json"
  expect 3 stderr "split" "${train[@]}" run.dir="$work/run" data.cohort="$data/c.h5" data.split_file="$work/split.json"
  expect_harmless
done

check "cohorts"
python=${BRAINMT_PYTHON:-python3}
if "$python" -c 'import h5py' 2>/dev/null; then
  for id in ../../x /abs $'esc\033[2J' "${hostile[4]}" ''; do
    cp "$data/c.h5" "$work/h.h5"
    ID=$id "$python" - "$work/h.h5" <<'PYTHON'
import os, sys
import h5py, numpy as np
with h5py.File(sys.argv[1], "r+") as f:
    ids = f["scans/participant_id"][...]
    del f["scans/participant_id"]
    f["scans/participant_id"] = np.array([os.environ["ID"].encode()] + [i for i in ids[1:]], dtype=h5py.string_dtype("utf-8", 16))
PYTHON
    expect 3 stderr "h.h5" "${train[@]}" run.dir="$work/run" data.cohort="$work/h.h5"
    expect_harmless
  done
fi
[ -z "$(ls -A "$work/run/checkpoints" 2>/dev/null)" ] || fail "a run began"
finish
