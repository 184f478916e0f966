#!/usr/bin/env bash
# Builds preset cuda whole, program and tests, given a Kokkos with the CUDA back end. No GPU is needed to build. Where there
# is one, the tests run on it.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/deps.sh
source scripts/lib/deps.sh

usage() {
  cat <<'TEXT'
usage: scripts/check-cuda.sh [--kokkos DIR] [--arch LIST] [--jobs N] [--program-only]

  --kokkos DIR     where a Kokkos 4.7 or newer with CUDA is installed; default: $Kokkos_ROOT, or a loaded module
  --arch LIST      compute capabilities, as 80;90 (the default); Kokkos must have been built for them
  --jobs N         compilations at a time (2): each takes up to 2 GB
  --program-only   build the program, no tests
  --help           this text

docs/gpu.md has the command that builds such a Kokkos.
TEXT
}

kokkos=${Kokkos_ROOT:-}
arch="80;90"
jobs=2
targets=(all)
while [ $# -gt 0 ]; do
  case $1 in
    --kokkos) kokkos=${2:-}; shift ;;
    --arch) arch=${2:-}; shift ;;
    --jobs) jobs=${2:-}; shift ;;
    --program-only) targets=(brainmt) ;;
    --help) usage; exit 0 ;;
    *) die "unknown option '$1'; --help lists them" ;;
  esac
  shift
done
[[ $jobs =~ ^[1-9][0-9]*$ ]] || die "--jobs: expected a number, found '$jobs'"
command -v nvcc >/dev/null || die "nvcc is not on PATH: load the CUDA toolkit's module"
[ -z "$kokkos" ] || [ -d "$kokkos" ] || die "--kokkos: '$kokkos' is no folder"

say "preset cuda, for sm_${arch//;/, sm_}"
cmake --preset cuda ${kokkos:+-DKokkos_ROOT="$kokkos"} -DCMAKE_CUDA_ARCHITECTURES="$arch"
cmake --build --preset cuda --target "${targets[@]}" -- "-j$jobs"
say "built after $(elapsed)"
build/cuda/bin/brainmt --version
if ! nvidia-smi --list-gpus 2>/dev/null | grep -q GPU; then
  say "no GPU here: built and linked, not run"
  exit 0
fi
build/cuda/bin/brainmt doctor
[ "${targets[0]}" = brainmt ] || ctest --preset cuda
