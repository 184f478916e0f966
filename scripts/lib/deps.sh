# Sourced by quickstart.sh and test.sh: the packages that BrainMT needs on Debian and Ubuntu, and what both scripts share.
# shellcheck shell=bash disable=SC2034

# package: why it is needed
build_packages=(
  "build-essential: C++20 compiler"
  "cmake: build system, 3.22 or newer"
  "ninja-build: runs the build"
  "git: the revision in --version"
  "libopenmpi-dev: MPI"
  "openmpi-bin: mpirun"
  "libhdf5-openmpi-dev: parallel HDF5, the cohort store"
  "libtrilinos-kokkos-dev: Kokkos, the kernels' back end, where no other is given"
  "libdnnl-dev: oneDNN, matrix products and convolutions on the host"
  "libyaml-cpp-dev: configuration files"
  "nlohmann-json3-dev: safetensors headers, metrics"
  "libcli11-dev: command line"
  "libspdlog-dev: log"
  "libfmt-dev: text formatting"
  "libeigen3-dev: principal components of embeddings"
  "libopenblas-openmp-dev: BLAS and LAPACK, dense algebra of connectivity and baselines"
  "libpng-dev: pictures of matrices in pages"
  "zlib1g-dev: compressed NIfTI"
  "libisal-dev: fast frame checksums (optional; zlib's otherwise)"
  "libzip-dev: UK Biobank's archives, read in place (optional; they have to be unpacked otherwise)"
  "libxgboost-dev: boosted trees beside the networks (optional; that baseline is refused otherwise)"
  "libssl-dev: SHA-256 of checkpoints"
  "libgtest-dev: tests"
)
check_packages=(
  "ccache: repeated builds"
  "clang-format: style check"
  "clang-tidy: static analysis"
  "clang: fuzzers"
  "libclang-rt-dev: fuzzers, their sanitizers"
  "shellcheck: checks of shell scripts"
  "python3-h5py: reads a cohort by its documented layout, makes hostile ones"
  "locales: tests under other locales"
  "slurmctld: tests of job arrays and time limits run under a private Slurm; its controller"
  "slurmd: its node, which starts the jobs"
  "slurm-client: sbatch, srun, squeue, scontrol, scancel"
  "munge: what its daemons and commands trust each other by"
  "iproute2: the nodes of a private Slurm, network namespaces (--full)"
  "strace: tests that nothing is opened that should not be"
)

say() { printf '== %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

is_installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'; }

# ensure_packages INSTALL ENTRY...: names what is missing; installs it when INSTALL is 1, otherwise ends the script.
ensure_packages() {
  local install=$1 entry missing=()
  shift
  command -v dpkg-query >/dev/null || { say "not a Debian system: taking the libraries that CMake finds"; return; }
  for entry in "$@"; do
    is_installed "${entry%%:*}" && continue
    missing+=("${entry%%:*}")
    say "missing: $entry"
  done
  [ "${#missing[@]}" -eq 0 ] && return
  [ "$install" -eq 1 ] || die "missing packages: ${missing[*]}. Install them, or run without --no-install."
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || die "installing needs root or sudo; missing: ${missing[*]}"
  say "installing ${missing[*]}"
  as_root apt-get update -qq || die "apt-get update failed: is there a network or a package mirror?"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]}"
}

# ensure_cuda_parts INSTALL: where there is a CUDA toolkit, the headers of cuDNN's front end, which no distribution ships;
# they go into the checkout, not into anyone's Python. Without them the build leaves the CUDA layer out, so a failure is no
# more than a remark.
cudnn_frontend=nvidia-cudnn-frontend==1.32.0
ensure_cuda_parts() {
  local install=$1 headers
  command -v nvcc >/dev/null && command -v python3 >/dev/null || return 0
  headers=$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/include
  [ -e "$headers/cudnn_frontend.h" ] || [ -e build/cudnn-frontend/include/cudnn_frontend.h ] && return 0
  [ "$install" -eq 1 ] || { say "missing: $cudnn_frontend (PyPI): the CUDA layer is left out"; return 0; }
  say "fetching the headers of $cudnn_frontend (PyPI): the CUDA layer"
  python3 -m pip install --quiet --no-deps --disable-pip-version-check --root-user-action ignore \
    --target build/cudnn-frontend "$cudnn_frontend" || say "pip could not fetch it: the CUDA layer is left out"
}

# Ranks on a small machine: Open MPI refuses root in containers, and binds each rank to one core (version 5 by PRRTE).
prepare_mpi() {
  export OMP_NUM_THREADS=1 OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_hwloc_default_binding_policy=none
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
}

# configure PRESET: with ccache where it is installed; a build that began without it stays so, as another launcher would
# compile everything again. Its cache lies where ccache keeps it (~/.cache/ccache), or in the checkout where that cannot be
# written; paths are hashed relative to the checkout, so that a second clone finds everything.
configure() {
  local launcher=() cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/ccache
  if [ -z "${CCACHE_DIR:-}" ]; then
    { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null || cache=$PWD/build/ccache
    export CCACHE_DIR=$cache
  fi
  export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=1
  export CCACHE_SLOPPINESS=pch_defines,time_macros  # precompiled headers; we use no __DATE__
  [ -d build/cudnn-frontend ] && export CUDNN_FRONTEND_ROOT=$PWD/build/cudnn-frontend
  [ -e "build/$1/CMakeCache.txt" ] || ! command -v ccache >/dev/null || launcher=(-D CMAKE_CXX_COMPILER_LAUNCHER=ccache)
  cmake --preset "$1" "${launcher[@]}"
}

# "1:07" since the script started.
elapsed() { printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60)); }
