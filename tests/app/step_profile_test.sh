#!/usr/bin/env bash
# brainmt bench step --profile on a small model. Usage: step_profile_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

tiny=(bench step model=small 'grid=[24,28,24]' 'frames=[12]' seconds=0.02 repeats=5)

# milliseconds STAGE: of its row, whose second column they are once the name's blanks are gone.
milliseconds() { sed -n "s/^$1  *\([0-9][0-9.]*\) .*/\1/p" "$work/stdout" | head -n 1; }
# expect_that CONDITION...: of awk.
expect_that() { awk "BEGIN { exit !($*) }" || fail "not so: $*"; }
# number NAME: of the report in JSON.
number() { sed -n "s/^ *\"$1\": \([0-9.e+-]*\),*$/\1/p" "$work/profile.json" | head -n 1; }

for count in 1 2; do
  check "$count ranks"
  expect 0 stdout "by stage" ranks "$count" "$brainmt" "${tiny[@]}" --profile --json "$work/profile.json"
  for stage in convolution scan 'short convolution' attention products 'elementwise and norms' communication optimiser \
    input 'not covered' step; do
    found=$(milliseconds "$stage")
    expect_that "${found:-0} > 0"
  done
  [ "$(milliseconds rest)" = 0.000 ] || fail "a label that the table of stages does not know"
  expect_that "$(number covered_share) > 0.9"
  # The parts make the whole.
  expect_that "$(number stages_s) + $(number not_covered_s) - $(number step_s) < 1e-9"
  expect_that "$(number stages_s) + $(number not_covered_s) - $(number step_s) > -1e-9"
done

check "without a profile"
expect 0 stdout "whole steps" "$brainmt" "${tiny[@]}"
grep -q "by stage" "$work/stdout" && fail "a profile without --profile"
expect 2 stderr "expected one number of frames" "$brainmt" bench step --profile model=small 'grid=[12,14,12]' 'frames=[4,8]'

check "models without blocks of a kind, or of any"
for depth in '[0,0]' '[1,0]' '[0,1]'; do
  expect 0 stdout "whole steps" "$brainmt" bench step model=small 'grid=[12,14,12]' 'frames=[4]' seconds=0.02 model.depth="$depth"
done

finish
