# shellcheck shell=bash
# Sourced by the batch scripts: values of the site, starting the ranks, passing the warning signal on, requeueing.
#
# A site value is, in this order: the variable BRAINMT_<NAME> (BRAINMT_LAUNCHER, BRAINMT_MPI, BRAINMT_CPU_BIND,
# BRAINMT_MODULES, BRAINMT_MAX_RESTARTS), the line `name:` of the file that BRAINMT_SITE names (a path, or NAME for
# configs/site/NAME.yaml), or the default below. Nothing that is read is ever evaluated.
set -u

brainmt_home=${BRAINMT_HOME:-${SLURM_SUBMIT_DIR:-.}}
brainmt=$brainmt_home/build/cpu/bin/brainmt
[ ! -x "$brainmt_home/bin/brainmt" ] || brainmt=$brainmt_home/bin/brainmt # an archive of scripts/bundle.sh
# shellcheck disable=SC2034  # for the scripts that source this
brainmt=${BRAINMT:-$brainmt}

# say TEXT...: into the job's log.
say() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }

# A warning signal that comes before there is a program to tell: it must not end this shell.
told=0
trap 'told=1' USR1

# site_file: prints the path of the site's file; nothing where none is chosen.
site_file() {
  local name=${BRAINMT_SITE:-}
  [ -n "$name" ] || return 0
  if [ -f "$name" ]; then printf '%s\n' "$name"; else printf '%s\n' "$brainmt_home/configs/site/$name.yaml"; fi
}

# site_value NAME DEFAULT: one flat `name: value` of the file; quotes around the value and a comment behind it are dropped.
site_value() {
  local name=$1 fallback=$2 variable file line
  variable=BRAINMT_$(printf '%s' "$name" | tr '[:lower:]' '[:upper:]')
  if [ -n "${!variable:-}" ]; then printf '%s\n' "${!variable}"; return; fi
  file=$(site_file)
  line=""
  if [ -n "$file" ]; then
    [ -r "$file" ] || { say "site file $file: cannot be read"; exit 2; }
    line=$(sed -n -e "s/^$name:[[:space:]]*//p" "$file" | sed -e 's/[[:space:]]*#.*$//' -e 's/^"\(.*\)"$/\1/' | head -n 1)
  fi
  printf '%s\n' "${line:-$fallback}"
}

load_modules() {
  local modules module
  read -r -a modules <<<"$(site_value modules '')"
  for module in "${modules[@]}"; do
    module load "$module" || { say "module $module: cannot be loaded"; exit 2; }
  done
}

# job_id: of this job, or of this task of an array alone.
job_id() {
  if [ -n "${SLURM_ARRAY_JOB_ID:-}" ]; then
    printf '%s_%s\n' "$SLURM_ARRAY_JOB_ID" "$SLURM_ARRAY_TASK_ID"
  else
    printf '%s\n' "${SLURM_JOB_ID:-}"
  fi
}

# export_job_end: SLURM_JOB_END_TIME, by which a run stops itself in time (run.stop_margin). Slurm 22.05 does not set it,
# and a job that was submitted from inside of another may have that one's. Without an answer, what is set stays.
export_job_end() {
  local end
  [ -n "${SLURM_JOB_ID:-}" ] || return 0
  end=$(SLURM_TIME_FORMAT=%s squeue --noheader --jobs="$(job_id)" --format=%e 2>/dev/null)
  [[ ! $end =~ ^[0-9]+$ ]] || export SLURM_JOB_END_TIME=$end
}

# launch COMMAND...: runs it on all ranks of the job and returns its exit code. The warning signal before the time limit
# reaches only this shell (--signal=B:USR1@seconds): it is passed on, and the wait goes on until the ranks have saved.
launch() {
  local words=() child code launcher
  export_job_end
  launcher=$(site_value launcher srun)
  # Ranks get the CPUs of their task: srun does not take them over from the job.
  export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1} OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
  case $launcher in
    srun)
      words=(srun "--mpi=$(site_value mpi pmix)" "--cpu-bind=$(site_value cpu_bind cores)" --kill-on-bad-exit=1)
      [ -z "${SLURM_GPUS_PER_TASK:-}" ] ||
        words+=("--gpus-per-task=$SLURM_GPUS_PER_TASK" "--gpu-bind=per_task:$SLURM_GPUS_PER_TASK")
      ;;
    mpirun) words=(mpirun -n "${SLURM_NTASKS:-1}") ;;
    *) say "launcher '$launcher': expected srun or mpirun"; exit 2 ;;
  esac
  [ "$told" -eq 0 ] || { say "told to leave before the program was started"; return 75; }
  "${words[@]}" "$@" &
  child=$!
  trap 'say "told to save and leave"; kill -s USR1 "$child" 2>/dev/null' USR1
  while :; do
    wait "$child"
    code=$?
    # A trapped signal ends `wait`, not the program.
    kill -0 "$child" 2>/dev/null || break
  done
  trap '' USR1
  return "$code"
}

# finish CODE: ends the script; after a checkpoint (75) the job goes back into the queue, this task of an array alone.
# A program that was interrupted again and again without a further step does not end with 75.
finish() {
  local code=$1 id restarts=${SLURM_RESTART_COUNT:-0} most
  most=$(site_value max_restarts 50)
  id=$(job_id)
  if [ "$code" -eq 75 ] && [ -n "$id" ]; then
    if [ "$restarts" -lt "$most" ]; then
      say "requeueing $id (restart $((restarts + 1)))"
      scontrol requeue "$id" || say "scontrol requeue $id failed: submit again to continue"
    else
      say "$id was restarted $restarts times; submit again to continue"
    fi
  fi
  exit "$code"
}

# run_dir_of ARGUMENT...: the value of run.dir= among them.
run_dir_of() {
  local argument
  for argument in "$@"; do
    case $argument in run.dir=*) printf '%s\n' "${argument#run.dir=}" ;; esac
  done
}

# gained_steps RUN_DIR CODE: false when the program was interrupted for the third time in a row at the same checkpoint.
gained_steps() {
  local file=$1/requeue.txt latest before="" count=0
  [ "$2" -eq 75 ] && [ -d "$1" ] || return 0
  latest=$(head -n 1 "$1/checkpoints/latest" 2>/dev/null)
  latest=${latest:-none}
  [ ! -f "$file" ] || read -r before count <"$file"
  [ "$before" = "$latest" ] && count=$((count + 1)) || count=0
  printf '%s %d\n' "$latest" "$count" >"$file"
  [ "$count" -lt 2 ] || { say "two restarts gained no step (at $latest): give the job more time"; return 1; }
}
