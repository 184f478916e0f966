#!/usr/bin/env bash
# Embeddings as scripts see them: ranks, shards, killed jobs, covariates, the documented Python, the report of a run.
# Usage: embed_test.sh BRAINMT MPIEXEC DOCS
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"
docs=$3

check "a run"
expect 0 stdout "20 scans" "$brainmt" synth out="$work/scans" subjects=20 'grid=[10,10,10]' frames=12
expect 0 stdout "20 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5"
expect 0 stdout "finished" "$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 \
  'data.split_fractions=[0.6,0.2,0.2]' task=classification task.target=sex data.cohort="$work/c.h5" run.epochs=1 \
  run.batch_size=4 scheduler.warmup_epochs=0 run.dir="$work/run"
embed=("$brainmt" embed run.dir="$work/run" embed.stride=4)

check "the same bytes on 1 and 4 ranks"
expect 0 stdout "participants      20" "${embed[@]}" out="$work/one.h5" embed.pooling=both embed.tokens=frames
expect 0 stdout "windows           40" ranks 4 "${embed[@]}" out="$work/four.h5" embed.pooling=both embed.tokens=frames
cmp "$work/one.h5" "$work/four.h5" >"$work/stdout" || fail "the files differ"
expect 0 stdout "every row matches its checksum" "$brainmt" inspect --verify "$work/four.h5"
expect 0 stdout "rsfmri_brainmt_segments_v1" "$brainmt" inspect "$work/four.h5"

check "fault 50: a shard that was killed half-way is not there, a second job makes it, a third one keeps it"
expect 0 stdout "written" "${embed[@]}" out="$work/whole.h5"
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=embed.row:0:3:kill9 "${embed[@]}" out="$work/e.h5" shard=1/2 \
  >"$work/stdout" 2>"$work/stderr" && fail "the job ended as if nothing had happened"
[ ! -e "$work/e.h5.shard-1-of-2" ] || fail "half a shard has the name of a whole one"
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT=embed.commit:1:0:kill9 ranks 2 "${embed[@]}" out="$work/e.h5" shard=1/2 \
  >"$work/stdout" 2>"$work/stderr" && fail "the job ended as if nothing had happened"
[ ! -e "$work/e.h5.shard-1-of-2" ] || fail "a shard that one rank did not finish is there"
rm -f "$work"/e.h5.shard-1-of-2.tmp-*  # what a killed job cannot take away itself
expect 3 stderr "shard=1/2" "$brainmt" embed merge=2 out="$work/e.h5"
expect 0 stdout "written" "${embed[@]}" out="$work/e.h5" shard=1/2
expect 0 stdout "was complete" "${embed[@]}" out="$work/e.h5" shard=1/2
expect 0 stdout "written" ranks 2 "${embed[@]}" out="$work/e.h5" shard=2/2
head -c 3000 "$work/e.h5.shard-2-of-2" >"$work/half" && cp "$work/e.h5.shard-2-of-2" "$work/kept" && mv "$work/half" "$work/e.h5.shard-2-of-2"
expect 3 stderr "shard-2-of-2" "$brainmt" embed merge=2 out="$work/e.h5"
[ ! -e "$work/e.h5" ] || fail "a file was made of half a shard"
expect 0 stderr "making it again" "${embed[@]}" out="$work/e.h5" shard=2/2
cmp "$work/kept" "$work/e.h5.shard-2-of-2" >"$work/stdout" || fail "the shard that was made again has other bytes"
expect 0 stdout "participants      20" "$brainmt" embed merge=2 out="$work/e.h5"
cmp "$work/e.h5" "$work/whole.h5" >"$work/stdout" || fail "the shards together are not the whole file"

check "what is asked for wrongly"
expect 2 stderr "run.dir=DIR or weights=FILE" "$brainmt" embed out="$work/x.h5"
expect 2 stderr "expected K/N" "${embed[@]}" out="$work/x.h5" shard=3/2
expect 2 stderr "merge conflicts with shard" "${embed[@]}" out="$work/x.h5" shard=1/2 merge=2
expect 2 stderr "residualize" "${embed[@]}" residualise out="$work/x.h5"
expect 6 stderr "whole.h5" "${embed[@]}" out="$work/whole.h5/x.h5"
expect 3 stderr "whole.h5" "$brainmt" train data.cohort="$work/whole.h5" task=regression task.target=age run.dir="$work/x"

check "residualize"
expect 0 stdout "design            age" "$brainmt" embed residualize in="$work/whole.h5" out="$work/r.h5" run.dir="$work/run" \
  'covariates=[age,sex,mean_fd]'
expect 0 stderr "is a rotation" "$brainmt" embed residualize in="$work/whole.h5" out="$work/r.h5" run.dir="$work/run" \
  'covariates=[age,sex]'
expect 0 stdout "fitted_on" "$brainmt" inspect --verify "$work/r.h5"
expect 3 stderr "residualized already" "$brainmt" embed residualize in="$work/r.h5" out="$work/r2.h5" run.dir="$work/run"
expect 3 stderr "no column" "$brainmt" embed residualize in="$work/whole.h5" out="$work/r2.h5" run.dir="$work/run" 'covariates=[shoe_size]'

check "the documented Python"
python=python3
"$python" -c 'import h5py, numpy' 2>/dev/null || python=/usr/bin/python3  # the distribution's has its packages
if "$python" -c 'import h5py, numpy' 2>/dev/null; then
  cp "$work/whole.h5" "$work/embeddings.h5"
  # shellcheck disable=SC2016  # backquotes of Markdown
  sed -n '/^```python/,/^```/p' "$docs/embeddings.md" | sed '/^```/d' >"$work/example.py"
  cat >>"$work/example.py" <<'PY'
assert x.shape == (20, 16) and x.dtype == "float32" and len(train) == 12 and len(set(ids)) == 20
# The formula of the page, with the covariates of the cohort, gives the rows that are stored.
import numpy

with h5py.File("r.h5") as f, h5py.File("c.h5") as cohort:
    fitted = f["residualization"]
    index = {name: i for i, name in enumerate(cohort["scans/participant_id"].asstr()[:])}
    order = [index[name] for name in ids]
    columns = []
    for term in json.loads(f.attrs["design_columns"]):
        name, _, level = term.partition("=")
        values = cohort["phenotypes/" + name]
        texts = values.asstr()[:] if values.dtype.kind in "SO" else [f"{v:g}" for v in values]
        columns.append([float(texts[i] == level) if level else values[i] for i in order])
    effect = (numpy.transpose(columns) - fitted["centre"][:]) @ fitted["coefficients"][:]
    z = (x - fitted["mean"][:] - effect) / fitted["std"][:]
    assert abs(z @ fitted["projector"][:] - f["embeddings"][:]).max() < 1e-5
PY
  expect 0 stdout "(20, 16) rsfmri_brainmt_segments_v1 cls 8" env -C "$work" "$python" example.py
else
  echo "skipped: the Python of docs/embeddings.md needs python3-h5py"
fi

check "a report of the run"
expect 0 stdout "" "$brainmt" evaluate run.dir="$work/run"
expect 0 stdout "report.html" "$brainmt" report "$work/run"
python3 - "$work/run" >"$work/stdout" 2>"$work/stderr" <<'PY' || fail "the report is not well-formed XML with the numbers of metrics.json"
import json, sys, xml.etree.ElementTree as tree
page = open(sys.argv[1] + "/report.html").read()
tree.fromstring(page)
assert f"{json.load(open(sys.argv[1] + '/metrics.json'))['auroc']:.4g}" in page
PY
expect 3 stderr "config.yaml" "$brainmt" report "$work/scans"
expect 6 stderr "c.h5" "$brainmt" report "$work/run" out="$work/c.h5/report.html"

check "leftovers" && expect_no_leftovers
finish
