#!/usr/bin/env bash
# Every test, from a clean clone: style and static checks, the debug preset (address and undefined-behaviour
# sanitizers), the fuzzers, then the Release tests on 1, 2 and 4 ranks. CTest's summary of the latter comes last.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/deps.sh
source scripts/lib/deps.sh

usage() {
  cat <<'TEXT'
usage: scripts/test.sh [--no-install] [--quick | --full] [--only REGEX]

  --no-install   install no packages; say which are missing and stop
  --quick        the Release tests only, without lint, sanitizers and fuzzers
  --full         also the tests with the label 'full', which need more time or rights than every push has; 60 s instead of
                 20 for each fuzzer, and all random kills instead of a quarter
  --only REGEX   of the Release tests these alone (as for ctest -R)
  --help         this text

Packages (Debian and Ubuntu), installed when missing:
TEXT
  printf '  %s\n' "${build_packages[@]}" "${check_packages[@]}"
}

install=1
quick=0
only=()
chosen=(-LE full)
fuzz_seconds=20
while [ $# -gt 0 ]; do
  case $1 in
    --no-install) install=0 ;;
    --quick) quick=1 ;;
    --full) chosen=() fuzz_seconds=60 ;;
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

if [ "$quick" -eq 0 ]; then
  say "lint"
  scripts/lint.sh || failed+=(lint)
  say "preset debug: sanitizers"
  configure debug >/dev/null
  # The rooms where bytes from outside are read, memory is shared out and indices are computed; the rest is built from
  # these and would double the time. Ranks under a launcher are tested in Release: the MPI library leaks by design.
  sanitized='base|config|comm|io|kernels|dnn|autograd|fuzz|faults'
  # Common kernels are the same sources in both sets; the portable set adds its own ones.
  common='kernels_portable_(activations|adamw|elementwise|loss|norm|patches|reduce|tokens)'
  mapfile -t targets < <(cmake --build --preset debug --target help | grep -oE "^test_($sanitized)[a-z0-9_]*" |
    grep -vE "^test_$common" | sort -u)
  cmake --build --preset debug --target "${targets[@]}" -- -j2
  export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
  ctest --preset debug -R "^($sanitized)" -E "^$common" -L unit -LE 'slow|mpi' -j2 || failed+=(debug)
  say "fuzzers"
  scripts/fuzz.sh "$fuzz_seconds" || failed+=(fuzz)
  say "lint, sanitizers and fuzzers done after $(elapsed)"
fi

[ "${#failed[@]}" -eq 0 ] || say "FAILED before the Release tests: ${failed[*]}"
say "tests"
# Kills at random moments: every push is another draw of a quarter of them.
if [ "${#chosen[@]}" -gt 0 ]; then
  export BRAINMT_KILL_TRIALS=${BRAINMT_KILL_TRIALS:-5} BRAINMT_WRITER_KILLS=${BRAINMT_WRITER_KILLS:-25}
fi
ctest --preset cpu -j2 "${chosen[@]}" "${only[@]}" || failed+=(tests)
[ "${#failed[@]}" -eq 0 ]
