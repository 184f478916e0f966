#!/usr/bin/env bash
# Row 37: one of two ranks cannot open the cohort, or finds a damaged frame in it, while the other reads it well: all
# leave together with exit 3, soon, and one line says why. Usage: row_37_one_rank_fails.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"

# Each rank sees its own c.h5 under the same relative name.
mkdir "$work/rank0" "$work/rank1"
cp "$data/c.h5" "$work/rank0/c.h5"
# shellcheck disable=SC2016  # expanded on the ranks
apart=(bash -c 'cd "$0/rank$OMPI_COMM_WORLD_RANK" && exec "$@"' "$work")
most_seconds=20

expect_common_end() {
  local begin=$SECONDS
  expect 3 stderr "c.h5" ranks 2 "${apart[@]}" "${train[@]}" run.dir="$work/run" data.cohort=c.h5 "$@"
  expect_one_error
  [ $((SECONDS - begin)) -le "$most_seconds" ] || fail "it took $((SECONDS - begin)) s"
  rm -rf "$work/run"
}

for mode in $(modes_of data.io); do
  check "$mode: sound on both"
  cp "$data/c.h5" "$work/rank1/c.h5"
  expect 0 stdout "finished" ranks 2 "${apart[@]}" "${train[@]}" run.dir="$work/run" data.cohort=c.h5 data.io="$mode"
  rm -rf "$work/run"
  check "$mode: missing on one rank"
  rm "$work/rank1/c.h5"
  expect_common_end data.io="$mode"
  check "$mode: cut on one rank"
  head -c 3000 "$data/c.h5" >"$work/rank1/c.h5"
  expect_common_end data.io="$mode"
  check "$mode: a frame damaged on one rank"
  damage_frames "$data/c.h5" "$work/rank1/c.h5"
  expect_common_end data.io="$mode" data.verify=true
done
finish
