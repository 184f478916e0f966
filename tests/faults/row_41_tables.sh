#!/usr/bin/env bash
# Row 41: tables that do not fit the scans, as the commands see them: an error that names line and column, or a count of
# what was dropped. Spellings and malformed files are in tests/io/table_test.cpp. Usage: row_41_tables.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"
table=$data/scans/phenotypes.csv
column=$(head -n 1 "$table" | tr ',' '\n' | grep -n -x cognition | cut -d : -f 1)

# with SED_PROGRAM COMMAND...: t.csv is the cohort's table, changed; the command prepares with it.
with() {
  sed "$1" "$table" >"$work/t.csv"
  rm -f "$work/t.h5"
}
prepare=("$brainmt" prepare input="$data/scans" output="$work/t.h5" phenotypes="$work/t.csv" max_bad=0)
refused() { # SED_PROGRAM TEXT...
  local text
  with "$1"
  shift
  for text in "$@"; do expect 3 stderr "$text" "${prepare[@]}"; done
  expect_one_line
  [ ! -e "$work/t.h5" ] || fail "a cohort was made"
}
check "identifier twice" && refused '4p' "line 5 column 1" "sub-0003" "first on line 4"
check "identifier missing" && refused '3s/^[^,]*/NA/' "line 3 column 1"
check "too few fields" && refused '6s/,[^,]*$//' "line 6"
check "decimal comma, unquoted" && refused '6s/[^,]*$/1,5/' "line 6"
check "no rows" && refused '2,9d' "no data"
check "empty" && refused 'd' "expected a header row"
check "no column of ids" && refused '1s/participant_id/person/' "participant_id"
check "column twice" && refused '1s/site/sex/' "line 1 column" "twice"
check "quote not closed" && refused '5s/[^,]*$/"3/' "line 5 column $column" "not closed"

# Text in a column of numbers makes it a column of text: `train` refuses it as a target, with the value.
check "numbers that are none"
for value in '"1,5"' 1e999 0x1F inf 1.2.3 '1 000'; do
  with "6s/[^,]*\$/$value/"
  expect 0 stdout "8 scans" "${prepare[@]}"
  expect 3 stderr "$(tr -d '"' <<<"$value")" "$brainmt" train "${small[@]}" task=regression task.target=cognition run.dir="$work/r" \
    data.cohort="$work/t.h5" --dry-run
  expect_one_error
done

check "missing values are dropped with a count"
with '3,4s/[^,]*$/NA/;5s/[^,]*$//'
expect 0 stdout "8 scans" "${prepare[@]}"
expect 0 stderr "3 without cognition" "$brainmt" train "${small[@]}" task=regression task.target=cognition run.dir="$work/m" \
  data.cohort="$work/t.h5"
ids=$(tr -d '", ' <"$work/m/split.json" | grep -oE 'sub-[0-9]+' | sort)
[ "$(wc -l <<<"$ids") $(sort -u <<<"$ids" | wc -l)" = "5 5" ] || fail "not 5 participants, each once: $ids"
grep -qE 'sub-000[234]' <<<"$ids" && fail "a participant without the target is used"

check "subjects without a row, rows without a scan"
with '2d;6s/^[^,]*/sub-9999/'
expect 0 stdout "2 not in the table" "${prepare[@]}"
grep -qP '^sub-0001\t.*unlisted' "$work/t.report.tsv" || fail "the report does not list sub-0001"

check "one class only"
with "2,\$s/^\([^,]*\),[^,]*/\1,1/"
expect 0 stdout "8 scans" "${prepare[@]}"
expect 3 stderr "sex" "${train[@]}" run.dir="$work/one" data.cohort="$work/t.h5"
expect_one_error
[ ! -d "$work/one/checkpoints" ] || fail "a run began"

check "byte order mark and CRLF change nothing"
{ printf '\357\273\277' && sed 's/$/\r/' "$table"; } >"$work/t.csv"
expect 0 stdout "8 scans" "${prepare[@]}"
"$brainmt" inspect --json "$data/c.h5" | grep -vF "c.h5" >"$work/plain.json"
"$brainmt" inspect --json "$work/t.h5" | grep -vF "t.h5" | diff "$work/plain.json" - >"$work/stdout" ||
  fail "another cohort than from the plain table"
finish
