#!/usr/bin/env bash
# Connectivity as scripts see it: imports, ranks, shards, refusals, the documented Python.
# Usage: fc_test.sh BRAINMT MPIEXEC DOCS
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"
docs=$3

mkdir "$work/net"
for id in 11 12 13 14; do printf '0.%d -0.25 0.5\n' "$id" >"$work/net/${id}_25750_2_0.txt"; done

check "import, on one and on two ranks"
expect 0 stdout "participants      4" "$brainmt" fc from="$work/net" out="$work/fc.h5" import.values=r
grep -q "^quality table     $work/fc.h5.quality.tsv$" "$work/stdout" || fail "the table of quality is not named"
grep -q "^page              $work/fc.h5.html$" "$work/stdout" || fail "the page is not named"
expect 0 stdout "participants      4" ranks 2 "$brainmt" fc from="$work/net" out="$work/two.h5" import.values=r
cmp "$work/fc.h5" "$work/two.h5" >"$work/stdout" || fail "the files differ"
cmp "$work/fc.h5.quality.tsv" "$work/two.h5.quality.tsv" >"$work/stdout" || fail "the tables of quality differ"
grep -q "generator" "$work/fc.h5.html" || fail "there is no page"
expect 0 stdout "every row matches its checksum" "$brainmt" inspect --verify "$work/fc.h5"

check "the same command again replaces its own file, and no other"
expect 0 stdout "written" "$brainmt" fc from="$work/net" out="$work/fc.h5" import.values=r
echo text >"$work/mine.h5"
expect 2 stderr "not replaced" "$brainmt" fc from="$work/net" out="$work/mine.h5"
echo mine >"$work/own.h5.quality.tsv"
expect 2 stderr "not replaced" "$brainmt" fc from="$work/net" out="$work/own.h5"
[ ! -e "$work/own.h5" ] || fail "a file was written before all names were looked at"

check "help says what is required"
for command in fc parcellate; do
  expect 0 stdout "required" "$brainmt" $command --help
  tr -s ' \n' '  ' <"$work/stdout" | grep -q "data.cohort[^;]*; not with [^;]*; required)" ||
    fail "$command: data.cohort is not said to be required"
done

check "a file of other people or other settings is replaced with --overwrite only"
cp "$work/fc.h5" "$work/before"
other() {
  local text=$1
  shift
  expect 2 stderr "--overwrite" "$@"
  expect_one_line
  grep -qF -- "$text" "$work/stderr" || fail "no '$text'"
  cmp -s "$work/fc.h5" "$work/before" || fail "the file was changed: $*"
}
other "another definition" "$brainmt" fc from="$work/net" out="$work/fc.h5"
other "/fisher" "$brainmt" fc from="$work/net" out="$work/fc.h5" import.values=r import.kind=partial
other "another imported_order" "$brainmt" fc from="$work/net" out="$work/fc.h5" import.values=r import.order=columns
mkdir -p "$work/fewer/net"
cp "$work"/net/1[12]* "$work/fewer/net"
other "another imported_sha256" "$brainmt" fc from="$work/fewer/net" out="$work/fc.h5" import.values=r
expect 0 stdout "participants      2" "$brainmt" fc from="$work/fewer/net" out="$work/fc.h5" import.values=r --overwrite
expect 0 stdout "participants      4" "$brainmt" fc from="$work/net" out="$work/fc.h5" import.values=r --overwrite
cmp -s "$work/fc.h5" "$work/before" || fail "not the file of before"

check "refusals"
for key in fc.kind=pearson fc.frames=all fc.global_signal=keep fc.subspace=none run.dir=run; do
  expect 2 stderr "${key%=*} conflicts with from" "$brainmt" fc from="$work/net" out="$work/x.h5" $key
done
expect 2 stderr "import.values conflicts with data.cohort" "$brainmt" fc data.cohort=a import.values=r out="$work/x.h5"
expect 2 stderr "import.order conflicts with merge" "$brainmt" fc merge=2 import.order=rows out="$work/x.h5"
expect 2 stderr "fc.components conflicts with" "$brainmt" fc data.cohort=a fc.components=5 out="$work/x.h5"
expect 2 stderr "fc.shrinkage conflicts with fc.kind=pearson" "$brainmt" fc data.cohort=a fc.shrinkage=0.1 out="$work/x.h5"
expect 2 stderr "fc.scale conflicts with fc.kind=pearson" "$brainmt" fc data.cohort=a fc.scale=raw out="$work/x.h5"
expect 2 stderr "needs data.cohort=" "$brainmt" fc out="$work/x.h5"
expect 2 stderr "two names of one key" "$brainmt" fc data.cohort=a parcels=b out="$work/x.h5"
expect 2 stderr "give no data.cohort" "$brainmt" fc from="$work/net" data.cohort=a out="$work/x.h5"
expect 3 stderr "is missing" "$brainmt" fc merge=2 out="$work/x.h5"
cp "$work/net/11_25750_2_0.txt" "$work/net/11_25754_2_0.txt"
expect 3 stderr "import.suffix=" "$brainmt" fc from="$work/net" out="$work/x.h5"
expect 3 stderr "amplitudes of nodes" "$brainmt" fc from="$work/net" import.suffix=_25754_2_0.txt out="$work/x.h5"
[ ! -e "$work/x.h5" ] || fail "a refused command left a file"

check "voxels are no parcels"
expect 0 stdout "4 scans" "$brainmt" synth out="$work/scans" subjects=4 'grid=[8,8,8]' frames=12
expect 0 stdout "4 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5"
expect 3 stderr "brainmt parcellate" "$brainmt" fc data.cohort="$work/c.h5" out="$work/x.h5"

check "BIDS derivatives"
expect 0 stdout "matrices          4" "$brainmt" fc from="$work/net" import.suffix=_25750_2_0.txt import.values=r format=bids out="$work/bids"
matrix=$work/bids/sub-12/func/sub-12_task-rest_atlas-unknown_stat-connectivity_relmat.tsv
[ "$(sed -n 2p "$matrix")" = "$(printf '1\t1\t0.12\t-0.25')" ] || fail "not r, or not in order: $(sed -n 2p "$matrix")"

check "BIDS derivatives: a folder of fc alone is written again"
# shellcheck disable=SC2317  # called through expect
bids() {
  local from=$1 out=$2
  shift 2
  "$brainmt" fc from="$from" import.suffix=_25750_2_0.txt import.values=r format=bids out="$out" "$@"
}
expect 0 stdout "matrices          4" bids "$work/net" "$work/bids"
expect 2 stderr "--overwrite" bids "$work/fewer/net" "$work/bids"
expect_one_line
expect 0 stdout "matrices          2" bids "$work/fewer/net" "$work/bids" --overwrite
expect 0 stdout "matrices          4" bids "$work/net" "$work/bids" --overwrite
rm "$work/bids/connectivity.h5"
expect 2 stderr "without their connectivity.h5" bids "$work/net" "$work/bids"
expect 0 stdout "matrices          4" bids "$work/net" "$work/bids" --overwrite
for kept in dataset_description.json atlas-unknown_dseg.tsv sub-11/func/sub-11_task-rest_atlas-unknown_stat-connectivity_relmat.tsv; do
  rm -rf "$work/foreign"
  mkdir -p "$work/foreign/$(dirname "$kept")"
  echo '{"Name": "mine", "GeneratedBy": [{"Name": "XCP-D"}]}' >"$work/foreign/$kept"
  expect 2 stderr "holds other files" bids "$work/net" "$work/foreign"
  expect 2 stderr "holds other files" bids "$work/net" "$work/foreign" --overwrite
  expect_one_line
  [ "$(find "$work/foreign" -type f | wc -l)" -eq 1 ] || fail "files were written beside $kept"
  grep -q mine "$work/foreign/$kept" || fail "$kept was changed"
done
expect 2 stderr "holds other files" bids "$work/net" "$work/scans" --overwrite
expect 2 stderr "holds other files" bids "$work/net" "$work/net" --overwrite
mkdir "$work/begun"
cp "$work/bids/connectivity.h5" "$work/begun"
expect 0 stdout "matrices          4" bids "$work/net" "$work/begun"

check "the documented Python"
echo '{"train": ["11", "13"], "test": ["14"]}' >"$work/split.json"
{ sed -n '/^import h5py, json/,/^```/p' "$docs/connectivity.md" | sed '/^```/d;s,runs/sex/split.json,split.json,'
  echo 'print(x_train.shape, x_test.shape, round(float(np.tanh(x_test[0, 0])), 4))'; } >"$work/read.py"
(cd "$work" && /usr/bin/python3 read.py) >"$work/stdout" 2>"$work/stderr" || fail "Python failed: $(tail -n 1 "$work/stderr")"
[ "$(cat "$work/stdout")" = "(2, 3) (1, 3) 0.14" ] || fail "read $(cat "$work/stdout")"

finish
