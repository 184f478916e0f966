#!/usr/bin/env bash
# The program as scripts see it. Usage: cli_test.sh BRAINMT MPIEXEC
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"

# Help and version.
expect 0 stdout "prepare" "$brainmt" --help
expect 0 stdout "HDF5" "$brainmt" --version
for command in synth prepare inspect weights bench doctor; do
  expect 0 stdout "usage: brainmt $command" "$brainmt" "$command" --help
done
expect 0 stdout "pitfalls" "$brainmt" doctor

# Usage errors: 2, one line, with the nearest name.
expect 2 stderr "expected a command" "$brainmt"
expect_one_line
expect 2 stderr "did you mean 'prepare'" "$brainmt" prepaer
expect_one_line
expect 2 stderr "did you mean 'subjects'" "$brainmt" synth out="$work/s" subject=4
expect_one_line
expect 2 stderr "expected integer in [2," "$brainmt" synth out="$work/s" subjects=1
expect 2 stderr "needs out=" "$brainmt" synth
expect 2 stderr "did you mean '--verify'" "$brainmt" inspect --verfy x
expect 2 stderr "no such file" "$brainmt" synth --config "$work/missing.yaml"

# The printed configuration reads back the same, and a locale changes nothing.
expect 0 stdout "sex_effect: 0.5  # command line" "$brainmt" synth --cfg out=a sex_effect=0.5
cp "$work/stdout" "$work/given.yaml"
expect 0 stdout "sex_effect: 0.5" env LC_ALL=de_DE.UTF-8 "$brainmt" synth --cfg --config "$work/given.yaml"
diff <(sed 's/ *#.*//' "$work/given.yaml") <(sed 's/ *#.*//' "$work/stdout") || fail "--cfg does not round-trip"

# A small cohort, on one rank and on two.
expect 0 stdout "4 scans" "$brainmt" synth out="$work/scans" subjects=4 'grid=[10,12,10]' frames=12
expect 0 stdout "4 scans" "$mpiexec" --oversubscribe -n 2 "$brainmt" prepare input="$work/scans" output="$work/c.h5"
expect 0 stdout "matches its checksum" "$brainmt" inspect --verify "$work/c.h5"
expect 0 stdout '"kind": "cohort"' "$brainmt" inspect --json "$work/c.h5"

# Benchmarks of the store, small: on one rank, on two, and their report.
tiny=('grid=[10,12,10]' 'frames=[20]' seconds=0.01 repeats=1)
expect 0 stdout "% of pread" "$brainmt" bench io "${tiny[@]}"
expect 0 stdout "from the store" "$mpiexec" --oversubscribe -n 2 "$brainmt" bench io --with-step model=small "${tiny[@]}" \
  --json "$work/io.json"
grep -qF '"step_ratio"' "$work/io.json" || fail "the ratio is not in the report"
expect 0 stdout "index of 3 files: " "$brainmt" bench cohort scans=9 shards=3 'frames=[20]'

# How gradients travel: refused where this build or the mode cannot, and bfloat16 trains.
tiny_run=(model=small data.cohort="$work/c.h5" task=classification task.target=sex model.num_frames=8
  'data.split_fractions=[0.5,0.25,0.25]' run.max_steps=2)
expect 2 stderr "deterministic=world conflicts with comm.gradient_dtype=bf16" "$brainmt" train run.dir="$work/r" \
  "${tiny_run[@]}" deterministic=world comm.gradient_dtype=bf16
expect_one_line
expect 0 stdout "stopped at run.max_steps" "$mpiexec" --oversubscribe -n 2 "$brainmt" train run.dir="$work/r16" \
  "${tiny_run[@]}" comm.gradient_dtype=bf16
# On any processor, also where oneDNN has no bfloat16.
expect 0 stdout "stopped at run.max_steps" "$brainmt" train run.dir="$work/rb" "${tiny_run[@]}" precision=bf16
expect 2 stderr "comm.gradient_dtype (was bf16, is its default)" "$brainmt" train run.dir="$work/r16" "${tiny_run[@]}" \
  run.batch_size=4
if ! "$brainmt" --version | grep -qi cuda; then
  expect 2 stderr "comm.backend=nccl: this build is for the host" "$mpiexec" --oversubscribe -n 2 "$brainmt" train \
    run.dir="$work/rn" "${tiny_run[@]}" comm.backend=nccl
fi

# Bad input: 3. On two ranks the same, in bounded time, and nothing is left behind.
expect 3 stderr "missing.h5" "$brainmt" inspect "$work/missing.h5"
expect_one_line
head -c 1000 "$work/c.h5" >"$work/cut.h5"
expect 3 stderr "cut.h5" "$brainmt" inspect "$work/cut.h5"
echo "not a tensor file" >"$work/w.safetensors"
expect 3 stderr "w.safetensors" "$brainmt" inspect "$work/w.safetensors"
expect 3 stderr "error" timeout 60 "$mpiexec" --oversubscribe -n 2 "$brainmt" prepare input="$work/none" output="$work/d.h5"
[ ! -e "$work/d.h5" ] || fail "a cohort of nothing was left behind"

# Output that cannot be written: 6. A regular file as parent stops root too.
expect 6 stderr "w.safetensors" "$brainmt" prepare input="$work/scans" output="$work/w.safetensors/c.h5"
expect_one_line
expect 6 stderr "standard output" sh -c "exec \"$brainmt\" doctor >/dev/full"

# A reader that closes the pipe early is not an error.
"$brainmt" doctor 2>"$work/stderr" | head -n 1 >"$work/stdout" || fail "a closed pipe ended the command"

finish
