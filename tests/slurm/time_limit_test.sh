#!/usr/bin/env bash
# A real time limit, of a private Slurm: a job of one minute that needs longer is warned by Slurm itself, or stops by
# itself because it knows its end; it saves, requeues itself, and ends in the bits of a run that nothing interrupted.
# Mostly it sleeps. Usage: time_limit_test.sh BRAINMT MPIEXEC. Exit code 77: skipped.
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/../app/checks.sh"
# shellcheck source=tests/slurm/fixture.sh
. "$(dirname "$0")/fixture.sh"

home=$(cd "$(dirname "$0")/../.." && pwd)
logs="$work/logs"
mkdir "$logs"
cd "$work" || exit 1

check "the warning signal before there is a program to tell"
# shellcheck disable=SC2016  # for the inner shell
expect 75 stderr "before the program was started" env -u SLURM_JOB_ID \
  bash -c '. "$0/scripts/slurm/common.sh"; kill -s USR1 $$; launch touch started' "$home"
[ ! -e started ] || fail "the program was started"

check "the end of the job: an answer that is no time changes nothing"
mkdir bin
end_by() {  # what export_job_end makes of the answer
  printf '#!/bin/sh\n%s\n' "$1" >bin/squeue
  chmod +x bin/squeue
  # shellcheck disable=SC2016
  PATH=$work/bin:$PATH SLURM_JOB_ID=7 SLURM_JOB_END_TIME=5 \
    bash -c '. "$0/scripts/slurm/common.sh"; export_job_end; env | sed -n "s/^SLURM_JOB_END_TIME=//p"' "$home"
}
[ "$(end_by 'echo 1800000000')" = 1800000000 ] || fail "a time is not taken"
for answer in 'echo NONE' 'echo' 'printf "1\n2\n"' 'exit 1'; do
  [ "$(end_by "$answer")" = 5 ] || fail "'$answer' is taken for a time"
done

private_slurm

expect 0 stdout "24 scans" "$brainmt" synth out="$work/scans" subjects=24 'grid=[10,10,10]' frames=12
expect 0 stdout "24 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5"
# 18 steps, of two seconds each in the jobs.
keys=('model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 task=classification task.target=sex "data.cohort=$work/c.h5"
  'data.split_fractions=[0.5,0.25,0.25]' run.epochs=3 run.batch_size=1 scheduler.warmup_epochs=1)
export BRAINMT_HOME=$home BRAINMT=$brainmt
# submit NAME STOP_MARGIN WARNING
submit() {
  BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT='step.begin:0:*:sleep=2' expect 0 stdout "" sbatch --parsable --ntasks=2 --time=1 \
    --signal="B:USR1@$3" --output="$logs/$1.log" "$home/scripts/slurm/train.sbatch" "${keys[@]}" "run.dir=$work/$1" \
    run.stop_margin="$2"
}
# Slurm looks every 30 s for jobs whose warning is due before it looks again: this one is told 5 to 35 s after its start.
submit warned 0 25
# No warning (@0): what stops this one is the end that it knows, less 35 s.
submit knows 35 0
expect 0 stdout "finished" ranks 2 "$brainmt" train "${keys[@]}" run.dir="$work/undisturbed"
wait_for 150 queue_is_empty

# ended NAME: requeued, continued, and the same in the end.
ended() {
  cp "$logs/$1.log" "$work/stderr"
  grep -q "requeueing" "$logs/$1.log" || fail "it did not requeue itself"
  grep -q "continuing from step" "$logs/$1.log" || fail "it was not continued"
  grep -q "finished" "$logs/$1.log" || fail "it did not finish"
  diff <(weights "$work/undisturbed") <(weights "$work/$1") >"$work/stdout" || fail "it ends in other bits"
}
check "Slurm warns before the time limit"
ended warned
grep -q "told to save and leave" "$logs/warned.log" || fail "Slurm did not warn it"

check "a run that knows when its job ends"
ended knows
grep -qE "run.stop_margin=35 s before SLURM_JOB_END_TIME, which is in [1-6]?[0-9] s" "$logs/knows.log" || fail "it does not know the end"
! grep -q "told to save and leave" "$logs/knows.log" || fail "it was warned although nothing was asked for"

check "neither was ended by the limit"
! grep -h "DUE TO TIME LIMIT" "$logs"/*.log >"$work/stdout" || fail "a job was ended"
finish
