#!/usr/bin/env bash
# What the command line says to a newcomer, home folders in paths, and the shells' completion. Usage: words_test.sh BRAINMT
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"
cd "$work" || exit 1
brainmt=$(realpath "$brainmt")

check "all missing keys at once, with an example"
expect 2 stderr "run.dir" "$brainmt" train
for key in data.cohort task "for example: brainmt train"; do
  grep -qF "$key" stderr || fail "no '$key'"
done
expect_one_line
expect 2 stderr "output" "$brainmt" prepare
grep -qF input stderr || fail "no 'input'"

check "options and positions"
expect 2 stderr "model=small" "$brainmt" train --model small
expect 2 stderr "input=scans output=c2.h5" "$brainmt" prepare scans c2.h5
expect 2 stderr "brainmt_released" "$brainmt" train --cfg model=large
expect 2 stderr "ends in .h5" "$brainmt" prepare input=scans output=c2
expect 2 stderr "scheduler.warmup_epochs=1" "$brainmt" train run.epochs=3 run.dir=r data.cohort=c.h5 task=regression task.target=age
grep -qF "run.epochs=6" stderr || fail "no number of epochs that would do"

check "home folders"
mkdir home
HOME=$work/home expect 0 stdout "2 scans" "$brainmt" synth 'out=~/scans' subjects=2 'grid=[8,8,8]' frames=8
echo 'input: ~/scans' >home/settings.yaml
# shellcheck disable=SC2088  # brainmt expands it
HOME=$work/home expect 0 stdout "2 scans" "$brainmt" prepare --config '~/settings.yaml' 'output=~/c.h5'
[ -s home/c.h5 ] || fail "no cohort in the home folder"
[ ! -e '~' ] || fail "a folder named ~"

check "help"
for command in synth prepare parcellate inspect train evaluate embed fc sweep report compare weights bench doctor; do
  expect 0 stdout "usage: brainmt $command" "$brainmt" $command --help
  [ -z "$(awk 'length($0) > 80' stdout)" ] || fail "$command --help is wider than 80 columns"
done

check "completion"
expect 0 stdout "complete" "$brainmt" completion bash
cp stdout completion.bash
# complete_words WORD...: what bash offers for the last word.
complete_words() {
  bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
           eval "$(complete -p brainmt | sed "s/.* -F \([^ ]*\) .*/\1/") brainmt"; printf "%s\n" "${COMPREPLY[@]}"' \
    complete completion.bash "$@" >"$work/stdout" 2>"$work/stderr"
}
complete_words brainmt pre
grep -qx "prepare *" stdout || fail "no command"
complete_words brainmt prepare norm
grep -q "^normalize=" stdout || fail "no key"
complete_words brainmt train --con
grep -qx -- "--config *" stdout || fail "no option"
expect 0 stdout "#compdef brainmt" "$brainmt" completion zsh
expect 2 stderr "bash" "$brainmt" completion fish
finish
