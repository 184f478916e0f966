#!/usr/bin/env bash
# Row 44: links planted where the commands write. None is followed: what they point at stays as it is. (The race and
# the temporary names are in symlink_test.cpp.) Usage: row_44_planted_links.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"
victim=$work/victim
echo "untouched" >"$victim"
expect_untouched() {
  [ "$(cat "$victim")" = untouched ] || fail "something was written through a link"
}

check "prepare: cohort and report"
ln -s "$victim" "$work/c.h5"
ln -s "$victim" "$work/c.report.tsv"
expect 0 stdout "8 scans" "$brainmt" prepare input="$data/scans" output="$work/c.h5"
expect_untouched
for output in c.h5 c.report.tsv; do [ ! -L "$work/$output" ] || fail "the link at $output was left"; done

check "train: every file of a run directory"
for name in lock log.txt metrics.jsonl metrics.csv config.yaml split.json provenance.json overrides.txt; do
  rm -rf "$work/run"
  echo "untouched" >"$victim"
  mkdir "$work/run"
  ln -s "$victim" "$work/run/$name"
  timeout 60 "${train[@]}" run.dir="$work/run" data.cohort="$data/c.h5" >"$work/stdout" 2>"$work/stderr"
  code=$?
  expect_untouched
  # Replaced by a file of our own, or refused; never used.
  case $code in
    0) [ ! -L "$work/run/$name" ] || fail "$name: the link was left, and the run went on" ;;
    2 | 3 | 6) grep -qF "$name" "$work/stderr" || fail "$name is not named in the refusal" ;;
    *) fail "$name: exit code $code" ;;
  esac
done

check "synth: a scan and the table"
mkdir "$work/scans"
ln -s "$victim" "$work/scans/sub-0001.nii.gz"
ln -s "$victim" "$work/scans/phenotypes.csv"
expect 0 stdout "2 scans" "$brainmt" synth out="$work/scans" subjects=2 'grid=[8,8,8]' frames=8
expect_untouched
check "leftovers" && expect_no_leftovers
finish
