#!/usr/bin/env bash
# Style and static checks, all of them before the first failure ends the script: clang-format, include directions, shellcheck, headers that
# compile alone, clang-tidy. Needs a configured build/cpu.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

folders=(src kernels io jobs bench tests)
failures=()
check() {
  local name=$1
  shift
  printf -- '-- %s\n' "$name"
  "$@" || failures+=("$name")
}

format() {
  find "${folders[@]}" -name '*.hpp' -o -name '*.cpp' -o -name '*.cu' | sort | xargs clang-format --dry-run --Werror
}
shell() {
  shellcheck -x scripts/*.sh scripts/lib/*.sh scripts/slurm/*.sh scripts/slurm/*.sbatch .ci/run \
    tests/app/*.sh tests/train/faults/*.sh tests/faults/*.sh tests/slurm/*.sh tests/sweep/*.sh
}
headers() {
  local unguarded
  unguarded=$(find src kernels io jobs bench -name '*.hpp' -print0 | xargs -0 grep -L '^#pragma once')
  [ -z "$unguarded" ] || { printf 'without #pragma once: %s\n' "$unguarded"; return 1; }
  cmake --build build/cpu --target header_check -- -j2 --quiet
}
# Where input from outside is parsed: each file takes ten seconds, so the whole tree would take too long for every push.
tidy() {
  # Without precompiled headers, which are another compiler's and hide what a file does not include.
  mkdir -p build/cpu/tidy
  sed -E 's/ -Winvalid-pch//g; s/ -include [^ ]*cmake_pch\.hxx//g' build/cpu/compile_commands.json >build/cpu/tidy/compile_commands.json
  find io src/config -name 'nifti*.cpp' -o -name 'gzip*.cpp' -o -name 'table.cpp' -o -name 'safetensors*.cpp' -o -name 'cohort.cpp' \
    -o -name 'resolve.cpp' -o -name 'yaml.cpp' -o -name 'value.cpp' | sort |
    xargs -n 2 -P 2 clang-tidy -p build/cpu/tidy --quiet --warnings-as-errors='*' 2>/dev/null
}
# The recipe of Spack compiles; the definition of Apptainer has its sections, and its shell parts parse. They are built by
# their tools, which few machines have.
packaging() {
  local definition=packaging/apptainer/brainmt.def section status=0
  python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' packaging/spack/packages/brainmt/package.py || status=1
  for section in files post environment runscript test help; do
    grep -q "^%$section\$" "$definition" || { printf '%s: no section %%%s\n' "$definition" "$section"; status=1; }
  done
  for section in post environment runscript test; do
    sed -n "/^%$section\$/,/^%/{/^%/!p}" "$definition" | sh -n || { printf '%s: %%%s does not parse\n' "$definition" "$section"; status=1; }
  done
  return "$status"
}

check clang-format format
check include-directions scripts/check-includes.sh
check shellcheck shell
check packaging packaging
check header_check headers
check clang-tidy tidy
if [ "${#failures[@]}" -gt 0 ]; then
  printf 'lint failed: %s\n' "${failures[*]}" >&2
  exit 1
fi
