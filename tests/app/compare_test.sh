#!/usr/bin/env bash
# Comparisons through the program: a trained run, baselines beside it, and tables of others, on one rank and two. Usage:
# compare_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

check "a run with families"
expect 0 stdout "30 scans" "$brainmt" synth out="$work/scans" subjects=30 'grid=[8,8,8]' frames=8
awk -F, -v OFS=, 'NR == 1 { print $0, "Family_ID"; next } { print $0, "f" int(NR / 2) }' "$work/scans/phenotypes.csv" >"$work/table.csv"
expect 0 stdout "30 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5" phenotypes="$work/table.csv"
cd "$work" || exit 1
for name in net plain; do
  group=$([ $name = net ] && echo data.split_group=Family_ID)
  expect 0 stdout "finished" "$brainmt" train task=multitask 'task.targets=[sex,cognition]' 'model.depth=[1,1]' model.embed_dim=16 \
    model.num_frames=8 data.cohort=c.h5 'data.split_fractions=[0.4,0.2,0.4]' run.epochs=1 scheduler.warmup_epochs=0 \
    run.dir=$name ${group:+"$group"}
  expect 0 stdout "auroc" "$brainmt" evaluate run.dir=$name bootstrap=20
done

# A better model of the same split, as a baseline leaves it, and as a table of somebody.
mkdir -p net/baselines/krr
cp net/config.yaml net/split.json net/metrics.json net/baselines/krr
awk -F'\t' -v OFS='\t' 'NR > 1 && $8 == "sex" { $6 = 2 * $4 - 1 } NR > 1 && $8 == "cognition" { $5 = $4 } { print }' \
  net/predictions.tsv >net/baselines/krr/predictions.tsv
awk -F'\t' -v OFS=, 'NR == 1 { print "participant_id,target,y_pred,logit" } NR > 1 { print $1, $8, $5, $6 == "n/a" ? "" : $6 * 0.5 }' \
  net/predictions.tsv >theirs.csv

check "three models, two targets"
compare=("$brainmt" compare net net/baselines/krr theirs.csv bootstrap=200 permutations=500)
expect 0 stdout "auroc of sex, test part, 95 % interval over blocks of Family_ID" "${compare[@]}" out=one
grep -q "pearson_r of cognition" stdout || fail "no cognition"
for file in comparison.tsv models.tsv comparison.json comparison.html; do [ -s "one/$file" ] || fail "no $file"; done
head -n 1 one/comparison.tsv | grep -q '^a	b	target	metric	n	value_a	value_b	difference	low	high	p	p_holm	method	' ||
  fail "columns: $(head -n 1 one/comparison.tsv)"
[ "$(awk -F'\t' 'NR > 1 && $1 == "krr" && $2 == "net"' one/comparison.tsv | wc -l)" -eq 2 ] || fail "no row of krr for each target"
awk -F'\t' 'NR > 1 && $1 == "theirs" && $2 == "net" && $8 != 0 { exit 1 }' one/comparison.tsv ||
  fail "half the logit is another order"
python3 -c 'import json, xml.etree.ElementTree as tree
tree.parse("one/comparison.html")
found = json.load(open("one/comparison.json"))
assert found["format"] == "brainmt-comparison" and found["blocks"] == "Family_ID" and len(found["targets"]) == 2' \
  >stdout 2>stderr || fail "the page or comparison.json is broken"

check "the same bytes again, and on two ranks"
expect 0 stdout "written" ranks 2 "${compare[@]}" out=two
for file in comparison.tsv models.tsv comparison.json comparison.html; do cmp "one/$file" "two/$file" || fail "$file differs"; done
cp -r one before
expect 0 stdout "written" "${compare[@]}" out=one
diff -r before one >stdout || fail "a second call wrote something else"

check "who is drawn together"
expect 0 stdout "over participants" "${compare[@]}" out=one blocks=none
expect 0 stdout "over blocks of site" "${compare[@]}" out=one blocks=site phenotypes=table.csv
expect 3 stderr "blocks=Famly" "${compare[@]}" out=one blocks=Famly
mv c.h5 away.h5
expect 3 stderr "blocks=none" "${compare[@]}" out=one
mv away.h5 c.h5

check "outputs: an input is no output, other inputs need --overwrite, foreign files stay"
expect 2 stderr "--overwrite" "$brainmt" compare net net/baselines/krr out=one bootstrap=20
expect_one_line
expect 0 stdout "written" "$brainmt" compare net net/baselines/krr out=one bootstrap=20 --overwrite
mkdir foreign && echo hello >foreign/models.tsv
expect 2 stderr "not replaced" "${compare[@]}" out=foreign --overwrite
[ "$(cat foreign/models.tsv)" = hello ] || fail "a foreign file was replaced"

check "leaked, twice, unknown: refused and named, nothing written"
learned=$(python3 -c 'import json; print(json.load(open("net/split.json"))["train"][0])')
tested=$(python3 -c 'import json; print(json.load(open("net/split.json"))["test"][0])')
for fault in "$learned" "$tested" sub-stranger; do
  { cat theirs.csv && echo "$fault,sex,,0.5"; } >bad.csv
  expect 3 stderr "$fault" "$brainmt" compare net bad.csv out=refused
  expect_one_line
  expect 3 stderr "$fault" ranks 2 "$brainmt" compare net bad.csv out=refused
  expect_one_error
  [ ! -e refused ] || fail "something was written"
done
{ cat theirs.csv && echo "$learned,sex,,0.5"; } >bad.csv
expect 3 stderr "training or validation part" "$brainmt" compare net bad.csv out=refused
grep -v "^$tested,sex" theirs.csv >fewer.csv
expect 0 stderr "$tested" "$brainmt" compare net fewer.csv out=fewer bootstrap=20
grep -q "$tested" fewer/* && fail "a participant is named in a file"
awk -F'\t' '$1 == "fewer" && $2 == "sex" && $10 != 1 { exit 1 }' fewer/models.tsv || fail "the missing one is not counted"

check "another split"
expect 3 stderr "allow_overlap=true" "$brainmt" compare net plain out=refused
expect 0 stdout "written" "$brainmt" compare net plain out=overlap allow_overlap=true bootstrap=20

check "the report says first that a baseline wins, and how baselines are made where there are none"
expect 0 stdout "report.html" "$brainmt" report net
grep -q "A baseline predicts sex better than this model" net/report.html || fail "it does not say so"
grep -q "kernel ridge on connectivity" net/report.html || fail "no row of the baseline"
expect 0 stdout "report.html" "$brainmt" report plain
grep -q "brainmt baseline run.dir=plain" plain/report.html || fail "it does not say how to make baselines"

check "usage"
expect 2 stderr "MODEL" "$brainmt" compare net out=one
expect 2 stderr "did you mean 'krr'" "${compare[@]}" out=two reference=kr
expect 3 stderr "nowhere" "$brainmt" compare net nowhere out=one
expect_no_leftovers
finish
