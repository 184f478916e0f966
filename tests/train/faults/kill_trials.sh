#!/usr/bin/env bash
# Kills at random moments: BRAINMT_KILL_TRIALS of them (default 20), a fifth on two ranks. The full measure is
# BRAINMT_KILL_TRIALS=200 ctest --preset cpu -R fault_row_03 -V
# Usage: kill_trials.sh KILL_TRIALS BRAINMT MPIEXEC COHORT
set -eu
trials=${BRAINMT_KILL_TRIALS:-20}
exec "$1" "$2" "$3" "$4" $((trials - trials / 5)) $((trials / 5))
