#!/usr/bin/env bash
# A cohort, an unfinished run, weights and embeddings that revision af466ce wrote still open, and the run continues to what
# that revision itself made of it. older_af466ce/README.md says how the files were made.
# Usage: older_files_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

# Of a number, or of 1 for smaller ones: sums of fp32 in another order, through at most 12 steps of AdamW, whose rate is
# 3e-3. A step left out, or taken with other moments or draws, moves losses by more than 1e-3.
readonly tolerance=1e-4

cp -r "$(dirname "$0")/older_af466ce" "$work/old"
chmod -R u+w "$work/old"
cd "$work/old" || exit 1

# numbers FIELD... <metrics.jsonl: step, split and these fields of each line; other fields are times, or may be added.
numbers() {
  local line field
  while read -r line; do
    for field in step split "$@"; do
      grep -o "\"$field\":[^,}]*" <<<"$line" | tr '\n' ' '
    done
    echo
  done
}

# same_numbers FOUND EXPECTED: the same words; numbers within the tolerance (of the number, or of 1 for smaller ones).
same_numbers() {
  awk -v tolerance="$tolerance" '
    function abs(x) { return x < 0 ? -x : x }
    { gsub(/[,:{}\[\]]/, " & "); line = $0 }
    NR == FNR { expected[FNR] = line; lines = FNR; next }
    { ++found; n = split(line, a); m = split(expected[FNR], b); bad = n != m
      for (i = 1; i <= n && !bad; ++i)
        if (a[i] != b[i]) bad = a[i] !~ /^-?[0-9]/ || b[i] !~ /^-?[0-9]/ || abs(a[i] - b[i]) > tolerance * (abs(b[i]) > 1 ? abs(b[i]) : 1)
      if (bad) { print "line " FNR ": " line " instead of " expected[FNR]; wrong = 1 } }
    END { if (found != lines) { print found + 0 " lines instead of " lines; wrong = 1 }; exit wrong }' "$2" "$1" || fail "$1 and $2 differ"
}

check "the files open"
expect 0 stdout "state              stopped at step 7; the same command continues it" "$brainmt" inspect run
for text in "participants       train 6, val 3, test 3" "target             sex" "checkpoints        [6,7]"; do
  grep -qF "$text" "$work/stdout" || fail "inspect does not say '$text'"
done
expect 0 stdout "12" "$brainmt" inspect cohort.h5
expect 0 stdout "head.weight" "$brainmt" inspect weights.safetensors
expect 0 stdout "12" "$brainmt" inspect embeddings.h5

check "predictions are those of the revision"
expect 0 stdout "accuracy" "$brainmt" evaluate run.dir=run checkpoint=latest split=all bootstrap=0 out="$work/e"
same_numbers "$work/e/predictions.all.tsv" expected/predictions.tsv
expect 0 stdout "accuracy" "$brainmt" evaluate weights=weights.safetensors data.cohort=cohort.h5 split=all bootstrap=0 \
  out="$work/alone"
expect 0 stdout "windows" "$brainmt" embed run.dir=run out="$work/e.h5"
expect 0 stdout "windows" "$brainmt" embed weights=weights.safetensors data.cohort=cohort.h5 out="$work/alone.h5"
expect 0 stdout "w.safetensors" "$brainmt" weights export in=run out="$work/w.safetensors"
expect 0 stdout "i.safetensors" "$brainmt" weights import in=weights.safetensors out="$work/i.safetensors"
expect 0 stdout "page.html" "$brainmt" report run out="$work/page.html"
expect 0 stdout "written" "$brainmt" embed residualize in=embeddings.h5 run.dir=run 'covariates=[age]' out="$work/r.h5"

check "the run continues to the same end"
cp -r run again
expect 0 stdout "finished" "$brainmt" train --config run/config.yaml run.max_steps=0
grep -q "continuing from step 7" run/log.txt || fail "the run began anew"
fields=(loss grad_norm lr accuracy auroc)
numbers "${fields[@]}" <run/metrics.jsonl >"$work/found"
numbers "${fields[@]}" <expected/metrics.jsonl >"$work/expected"
[ "$(wc -l <"$work/expected")" -eq 9 ] || fail "expected/metrics.jsonl has no nine lines"
same_numbers "$work/found" "$work/expected"
expect 0 stdout "accuracy" "$brainmt" evaluate run.dir=run checkpoint=latest split=all bootstrap=0 out="$work/end"
same_numbers "$work/end/predictions.all.tsv" expected/predictions.finished.tsv

check "not with other settings"
expect 2 stderr "optimizer.lr (was 0.003, is 0.002)" "$brainmt" train --config again/config.yaml run.dir=again \
  run.max_steps=0 optimizer.lr=0.002
expect_one_line

finish
