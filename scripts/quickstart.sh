#!/usr/bin/env bash
# From a fresh machine to test metrics: builds BrainMT, makes a synthetic cohort of NIfTI scans, prepares it, trains a
# small model on 2 MPI ranks and evaluates it on the test split. Everything lies in quickstart/ and build/cpu/.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/deps.sh
source scripts/lib/deps.sh

usage() {
  cat <<'TEXT'
usage: scripts/quickstart.sh [--no-install] [--task sex|cognition|both] [key=value ...]

  --no-install   install no packages; say which are missing and stop
  --task NAME    sex (classification, default), cognition (regression), or both
  --help         this text
  key=value      overrides for 'brainmt train', such as run.epochs=4

Packages (Debian and Ubuntu), installed when missing:
TEXT
  printf '  %s\n' "${build_packages[@]}"
}

install=1
task=sex
overrides=()
while [ $# -gt 0 ]; do
  case $1 in
    --no-install) install=0 ;;
    --task) task=${2:-}; shift ;;
    --task=*) task=${1#*=} ;;
    --help) usage; exit 0 ;;
    *=*) overrides+=("$1") ;;
    *) die "unknown option '$1'; --help lists them" ;;
  esac
  shift
done
case $task in
  sex | cognition) tasks=("$task") ;;
  both) tasks=(sex cognition) ;;
  *) die "--task: expected sex, cognition or both, found '$task'" ;;
esac

ensure_packages "$install" "${build_packages[@]}"
prepare_mpi

say "building"
log=build/configure.log
mkdir -p build
configure cpu >"$log" 2>&1 || { tail -n 20 "$log"; die "configuring failed; $log has all of it"; }
grep -A 7 'BrainMT [0-9]' "$log"
cmake --build --preset cpu --target brainmt
say "built after $(elapsed)"

brainmt=build/cpu/bin/brainmt
ranks() { mpirun --oversubscribe -n 2 "$brainmt" "$@"; }
out=quickstart
mkdir -p "$out"
started=$SECONDS

if [ ! -e "$out/scans/phenotypes.csv" ]; then
  say "synthetic cohort: NIfTI scans with a planted signal"
  # More scans than the default, and an easier cognition, so that minutes of training are enough.
  ranks synth out="$out/scans" subjects=400 cognition_effect=1.5
fi
if [ ! -e "$out/cohort.h5" ]; then
  say "cohort: one parallel HDF5 file"
  ranks prepare input="$out/scans" output="$out/cohort.h5"
fi
for name in "${tasks[@]}"; do
  say "training: $name"
  ranks train --config "configs/quickstart_$name.yaml" run.dir="$out/$name" data.cohort="$out/cohort.h5" "${overrides[@]}"
  say "test split: $name"
  ranks evaluate run.dir="$out/$name" split=test
done

say "done: $((SECONDS - started)) s after building, $(elapsed) in all"
cat <<TEXT
  scans        $out/scans/*.nii.gz, phenotypes.csv
  cohort       $out/cohort.h5, cohort.report.tsv
  runs         $(printf "$out/%s " "${tasks[@]}") (metrics.json, predictions.tsv, log.txt, checkpoints/)
Look into them with: $brainmt inspect PATH
TEXT
