#!/usr/bin/env bash
# Coverage-guided fuzzing of everything that parses files from outside (tests/fuzz), with address and undefined-behaviour
# sanitizers, two targets at a time. What a fuzzer finds is kept in tests/fuzz/crashes/<target>/, where CTest replays it.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/deps.sh
source scripts/lib/deps.sh

targets=(nifti gzip table safetensors config cifti)
usage() {
  cat <<TEXT
usage: scripts/fuzz.sh [--minimise | --coverage] [seconds] [target ...]

  seconds      for each target, default 60
  target       of: ${targets[*]}; default all
  --minimise   no fuzzing: keep in tests/fuzz/corpus the smallest set of inputs, of it and of those found in
               build/fuzz/corpus, that reaches the same code
  --coverage   no fuzzing: print which share of the parsers' lines the kept inputs reach
  --help       this text

Executions and coverage are printed for each target. Any crash, leak of memory, run above 1 s or above 512 MB fails.
TEXT
}

mode=fuzz
seconds=60
chosen=()
for argument in "$@"; do
  case $argument in
    --minimise) mode=minimise ;;
    --coverage) mode=coverage ;;
    --help) usage; exit 0 ;;
    -* | '') die "unknown option '$argument'; --help lists them" ;;
    *[!0-9]*) [[ " ${targets[*]} " == *" $argument "* ]] || die "unknown target '$argument', expected one of ${targets[*]}"
      chosen+=("$argument") ;;
    *) seconds=$argument ;;
  esac
done
[ "${#chosen[@]}" -gt 0 ] || chosen=("${targets[@]}")

bin=build/fuzz/bin
found=build/fuzz/corpus # inputs of earlier and of this run; only --minimise moves them into the repository
kept=tests/fuzz/corpus
crashes=tests/fuzz/crashes
# Freed memory is reused soon, so that the limit counts what the reader holds and not what the sanitizer keeps back.
export ASAN_OPTIONS=quarantine_size_mb=8:allocator_may_return_null=1
most_inputs=60
limits=(-max_len=4096 -timeout=1 -rss_limit_mb=512)

build() {
  mkdir -p build
  configure fuzz >build/fuzz-configure.log 2>&1 || { tail -n 20 build/fuzz-configure.log; die "configuring failed"; }
  cmake --build --preset fuzz --target "$@" -- -j2 >build/fuzz-build.log 2>&1 || { tail -n 40 build/fuzz-build.log; die "building failed"; }
}

fuzz_one() {
  local target=$1 log=build/fuzz/$1.log code=0 folders=("$found/$1" "$kept/$1")
  mkdir -p "${folders[@]}" "$crashes/$target"
  # Past crashes are inputs too: one that comes back stops the run at once.
  "$bin/fuzz_$target" "${folders[@]}" "$crashes/$target" "${limits[@]}" -max_total_time="$seconds" -print_final_stats=1 \
    -artifact_prefix="$crashes/$target/" >"$log" 2>&1 || code=$?
  awk -v target="$target" -v code="$code" '
    / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "corp:") corpus = $(i + 1) } }
    /^stat::number_of_executed_units/ { runs = $2 }
    /^stat::peak_rss_mb/ { rss = $2 }
    END { printf "%-12s %10d executions, %5d edges, %s inputs, peak %d MB: %s\n", target, runs, cov, corpus, rss,
          code == 0 ? "no finding" : "FAILED" }' "$log"
  if [ "$code" -ne 0 ]; then
    grep -E 'ERROR|SUMMARY|runtime error|what\(\)|Test unit written' "$log" | head -n 8
    rmdir --ignore-fail-on-non-empty "$crashes/$target"
    return 1
  fi
  rmdir --ignore-fail-on-non-empty "$crashes/$target"
}

minimise_one() {
  local target=$1 new=build/fuzz/minimised/$1
  rm -rf "$new"
  mkdir -p "$new" "$found/$target" "$kept/$target"
  # Edges only: with hit counts, thousands of inputs would differ.
  "$bin/fuzz_$target" -merge=1 -set_cover_merge=1 -use_counters=0 "${limits[@]}" "$new" "$kept/$target" "$found/$target" \
    >"build/fuzz/$target.merge.log" 2>&1 || die "merging failed; build/fuzz/$target.merge.log says why"
  rm -rf "${kept:?}/$target"
  mkdir "$kept/$target"
  # Some parsers have an edge for each letter: then a selection of all sizes is enough.
  find "$new" -type f -printf '%s %p\n' | sort -n | cut -d ' ' -f 2- >"$new.list"
  awk -v most="$most_inputs" -v all="$(wc -l <"$new.list")" 'all <= most || int(NR * most / all) > int((NR - 1) * most / all)' \
    "$new.list" | xargs cp -t "$kept/$target"
  printf '%-12s %3d inputs, the largest of %d bytes\n' "$target" "$(find "$kept/$target" -type f | wc -l)" \
    "$(find "$kept/$target" -type f -printf '%s\n' | sort -n | tail -n 1)"
}

# The parsers' own files; headers and the fuzzers themselves would blur the numbers.
coverage() {
  local target tool=llvm-cov merge=llvm-profdata
  command -v "$tool" >/dev/null || { tool=llvm-cov-14 merge=llvm-profdata-14; }
  for target in "${chosen[@]}"; do
    LLVM_PROFILE_FILE=build/fuzz/$target.profraw "$bin/fuzz_coverage" "$target" "$kept/$target" "$crashes/$target" >/dev/null ||
      die "$target: a kept input fails"
  done
  "$merge" merge -o build/fuzz/all.profdata build/fuzz/*.profraw
  "$tool" report "$bin/fuzz_coverage" -instr-profile=build/fuzz/all.profdata io src/config |
    awk '/\.cpp/ { printf "%-40s %5d lines, %6s reached\n", $1, $8, $10 }'
}

case $mode in
  fuzz)
    build "${chosen[@]/#/fuzz_}"
    say "fuzzing ${chosen[*]}: $seconds s each"
    failed=0
    pids=()
    for target in "${chosen[@]}"; do
      while [ "$(jobs -rp | wc -l)" -ge 2 ]; do sleep 0.2; done
      fuzz_one "$target" &
      pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    exit "$failed"
    ;;
  minimise)
    build "${chosen[@]/#/fuzz_}"
    for target in "${chosen[@]}"; do minimise_one "$target"; done
    ;;
  coverage)
    build fuzz_coverage
    coverage
    ;;
esac
