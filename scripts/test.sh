#!/usr/bin/env bash
# Tests from a clean clone, in three sizes. Default, what a person waits for: build, style and static checks, the Release
# tests that take under 5 s each. --full, what CI runs: also the debug preset (address and undefined-behaviour sanitizers),
# the fuzzers, and every test. --quick: the default's tests alone. CTest's summary of the Release tests comes last.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/deps.sh
source scripts/lib/deps.sh

usage() {
  cat <<'TEXT'
usage: scripts/test.sh [--no-install] [--quick | --full] [--only REGEX]

  without        build, lint, and the Release tests without the label 'slow': at most 15 minutes on two cores, 8 with a warm
                 compiler cache
  --quick        the same without lint
  --full         what CI runs: also the sanitizers of the lower rooms, the fuzzers (20 s each; scripts/fuzz.sh SECONDS for longer) and the slow
                 tests: every fault row, Slurm, random kills (a quarter of them, other ones each time; BRAINMT_KILL_TRIALS=20
                 BRAINMT_WRITER_KILLS=100 BRAINMT_STOP_TRIALS=50 for all), the quickstart's curve; not the label 'nightly'
  --no-install   install no packages; say which are missing and stop
  --only REGEX   of the Release tests these alone (as for ctest -R), slow ones among them
  --help         this text

Packages (Debian and Ubuntu), installed when missing:
TEXT
  printf '  %s\n' "${build_packages[@]}" "${check_packages[@]}"
}

install=1
size=default
only=()
while [ $# -gt 0 ]; do
  case $1 in
    --no-install) install=0 ;;
    --quick) size=quick ;;
    --full) size=full ;;
    --only) [ $# -ge 2 ] || die "--only needs a value; --help explains it"; only=(-R "$2"); shift ;;
    --help) usage; exit 0 ;;
    *) die "unknown option '$1'; --help lists them" ;;
  esac
  shift
done

ensure_packages "$install" "${build_packages[@]}" "${check_packages[@]}"
ensure_cuda_parts "$install"
prepare_mpi
failed=()

say "preset cpu"
configure cpu
cmake --build --preset cpu -- -j2
say "built after $(elapsed)"

if [ "$size" != quick ]; then
  say "lint"
  scripts/lint.sh || failed+=(lint)
  say "lint done after $(elapsed)"
fi
if [ "$size" = full ]; then
  say "preset debug: sanitizers"
  configure debug >/dev/null
  # The rooms where bytes from outside are read, memory is shared out and indices are computed; the rest is built from
  # these and would double the time. Ranks under a launcher are tested in Release: the MPI library leaks by design. Of the second set of kernels, those that
  # are the same sources in both sets have been tested in the first.
  common='kernels_portable_(activations|adamw|elementwise|loss|norm|patches|reduce|tokens)'
  sanitized='base|config|comm|io|linalg|parcels|connectivity|kernels|dnn|autograd|nn|models|fuzz|faults'
  mapfile -t targets < <(cmake --build --preset debug --target help | grep -oE "^test_($sanitized)[a-z0-9_]*" | sort -u)
  cmake --build --preset debug --target "${targets[@]}" fault_probe -- -j2
  export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
  # Tests of the program from outside run in Release.
  ctest --preset debug -R "^($sanitized)" -E "^$common$" -L unit -LE 'slow|mpi|full' -j2 || failed+=(debug)
  say "fuzzers"
  scripts/fuzz.sh 20 || failed+=(fuzz)
  say "sanitizers and fuzzers done after $(elapsed)"
fi

[ "${#failed[@]}" -eq 0 ] || say "FAILED before the Release tests: ${failed[*]}"
say "tests"
# Random moments: every run is another draw of a quarter of them.
export BRAINMT_KILL_TRIALS=${BRAINMT_KILL_TRIALS:-5} BRAINMT_WRITER_KILLS=${BRAINMT_WRITER_KILLS:-25}
export BRAINMT_STOP_TRIALS=${BRAINMT_STOP_TRIALS:-12}
chosen=(-LE slow)
[ "$size" != full ] && [ "${#only[@]}" -eq 0 ] || chosen=(-LE nightly)
ctest --preset cpu -j2 "${chosen[@]}" "${only[@]}" || failed+=(tests)
[ "${#failed[@]}" -eq 0 ]
