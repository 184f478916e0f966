#!/usr/bin/env bash
# Row 42: a configuration that cannot be meant: exit 2, one line with key, expectation and finding, before MPI starts,
# before data are opened and before anything is written. Usage: row_42_configuration.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"
base=(run.dir="$work/run" data.cohort="$work/never-opened.h5" task=classification task.target=sex)

# COMMAND | ARGUMENTS | TEXT of the message. An argument with \n becomes a file for --config.
while IFS='|' read -r command arguments text; do
  check "$command $arguments"
  case $command in
    train) given=("${base[@]}") ;;
    prepare) given=(input="$work/none" output="$work/c.h5") ;;
    synth) given=(out="$work/scans") ;;
    *) given=() ;;
  esac
  if [[ $arguments == *'\n'* ]]; then
    printf '%b' "$arguments" >"$work/given.yaml"
    arguments="--config $work/given.yaml"
  fi
  # shellcheck disable=SC2086  # several arguments on purpose
  expect 2 stderr "$text" timeout 5 "$brainmt" "$command" "${given[@]}" $arguments
  expect_one_line
done <<'CASES'
train|optimiser.lr=1e-3|did you mean 'optimizer.lr'
train|optimizer.lr=fast|optimizer.lr
train|optimizer.lr=1e999|optimizer.lr
train|optimizer.lr=0x10|optimizer.lr
train|optimizer.lr=1,5|optimizer.lr
train|optimizer.lr=nan|optimizer.lr
train|optimizer.lr=-1|optimizer.lr
train|run.epochs=2.5|run.epochs
train|run.epochs=-3|run.epochs
train|run.epochs=99999999999999999999|run.epochs
train|run.batch_size=0|run.batch_size
train|model.depth=[1]|model.depth
train|model.depth=[1,2|closing bracket
train|model.depth=[a,b]|model.depth
train|model.bidirectional=maybe|model.bidirectional
train|model=enormous|enormous
train|precision=fp12|precision
train|data.split_fractions=[0.5,0.5]|data.split_fractions
train|data.io=telepathy|data.io
train|run.global_batch=3 run.batch_size=2|global_batch
train|model.embed_dim=10|multiple of 8
train|model.embed_dim=16 model.num_heads=3|num_heads
train|task=guess|task
train|novalue|key=value
train|=3|key=value
train|--config /nonexistent.yaml|nonexistent.yaml
train|run:\n  epochs: 3\n  epochs: 4\n|twice
train|run: [1, 2\n|not YAML
train|run:\n  epoch: 3\n|run.epoch
train|- a list\n|a map
train|a: &a [*a]\n|given.yaml
train|run: *missing\n|given.yaml
train|{{{{{{{{{{{{{{{{{{{{{{{{\n|given.yaml
prepare|normalise=zscore|normalize
prepare|max_bad=2|max_bad
prepare|min_frames=0|min_frames
prepare|layout=dicom|layout
prepare|pattern=scans.nii|{subject}
synth|grid=[8,8]|grid
synth|grid=[8,8,100000]|grid
synth|subjects=many|subjects
trian|run.dir=x|train
bench|nothing|nothing
CASES

check "nothing was written"
left=$(cd "$work" && echo ./*)
[ "$left" = "./given.yaml ./stderr ./stdout" ] || fail "found $left"

check "on two ranks it is said once"
expect 2 stderr "did you mean 'optimizer.lr'" ranks 2 "$brainmt" train "${base[@]}" optimiser.lr=1e-3
expect_one_error
check "a batch that the ranks cannot share"
expect 2 stderr "global_batch" ranks 2 "$brainmt" train "${base[@]}" data.cohort="$data/c.h5" run.global_batch=3 run.batch_size=1
expect_one_error

check "no MPI, and little memory, before the refusal"
if command -v strace >/dev/null; then
  strace -f -e trace=openat,socket,clone,clone3 -o "$work/trace" "$brainmt" train "${base[@]}" optimiser.lr=1 2>/dev/null
  grep -qE 'never-opened|socket\(|CLONE_THREAD' "$work/trace" && fail "data, network or threads were touched"
fi
finish
