# shellcheck shell=bash
# A private Slurm of one node on loopback, for tests: its own munge key and socket, configuration, state and spool in
# one temporary folder, free ports, nothing under /etc. Sourced after tests/app/checks.sh; private_slurm starts one for
# as long as the test runs. Only processes that it started are ended.

slurm_pids=()

# slurm_missing: prints why Slurm cannot run here; nothing when it can.
slurm_missing() {
  local tool
  for tool in munged slurmctld slurmd sbatch srun squeue scontrol scancel; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || { echo "no $tool: install slurmctld slurmd slurm-client munge"; return; }
  done
  [ "$(id -u)" -eq 0 ] || echo "slurmd starts jobs as other users, which needs root"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_until SECONDS COMMAND...: false when the command does not come true in time.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

write_slurm_conf() {
  local folder=$1 host
  host=$(hostname -s)
  cat >"$folder/slurm.conf" <<EOF
ClusterName=brainmt-test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
AuthType=auth/munge
# A requeued job waits as long as its old credential lives; 5 s is the least.
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
TmpFS=$folder/tmp
# Shared memory of the ranks is named by the job's number: two tests at once must not have the same ones.
FirstJobId=$(($$ % 60000 * 1000 + 1))
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=100000
KillWait=5
MaxArraySize=100
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
EOF
  # slurmd loads a cgroup plugin even when nothing uses it; this one mounts nothing.
  echo 'CgroupPlugin=cgroup/v1' >"$folder/cgroup.conf"
}

# prepare_slurm FOLDER: its key and configuration.
prepare_slurm() {
  local folder=$1
  PATH=$PATH:/usr/sbin:/sbin
  mkdir -p "$folder/state" "$folder/spool" "$folder/tmp"
  chmod 755 "$folder"
  head -c 1024 /dev/urandom >"$folder/munge.key"
  chmod 600 "$folder/munge.key"
  write_slurm_conf "$folder"
  export SLURM_CONF=$folder/slurm.conf
}

start_controller() {
  local folder=$1
  munged --foreground --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munged.seed" \
    >"$folder/munged.out" 2>&1 &
  slurm_pids+=("$!")
  wait_until 10 test -S "$folder/munge.socket" || { echo "munged did not start:"; cat "$folder/munged.log"; return 1; }
  slurmctld -D >"$folder/slurmctld.out" 2>&1 &
  slurm_pids+=("$!")
  wait_until 20 scontrol ping || { echo "slurmctld did not start:"; tail -20 "$folder/slurmctld.log"; return 1; }
}

start_slurm() {
  local folder=$1
  prepare_slurm "$folder"
  start_controller "$folder" || return 1
  slurmd -D >"$folder/slurmd.out" 2>&1 &
  slurm_pids+=("$!")
  wait_until 30 sh -c 'sinfo --noheader --format=%T | grep -qx idle' ||
    { echo "slurmd did not start:"; tail -20 "$folder/slurmd.log"; return 1; }
}

# Jobs first, so that nothing of them outlives the daemons.
stop_slurm() {
  local pid
  [ "${#slurm_pids[@]}" -gt 0 ] || return 0
  timeout 10 scancel --me >/dev/null 2>&1
  wait_until 15 queue_is_empty
  for ((pid = ${#slurm_pids[@]} - 1; pid >= 0; --pid)); do
    kill "${slurm_pids[pid]}" 2>/dev/null
  done
  wait_until 10 no_daemons || kill -9 "${slurm_pids[@]}" 2>/dev/null
  slurm_pids=()
}

# private_slurm: starts one in the folder $slurm; ends the test as skipped (exit code 77) where there can be none.
private_slurm() {
  local reason
  reason=$(slurm_missing)
  [ -z "$reason" ] || { echo "skipped: $reason"; exit 77; }
  slurm=$(mktemp -d)
  trap 'stop_slurm; rm -rf "$slurm"; clean_up' EXIT
  start_slurm "$slurm" || { echo "skipped: a private Slurm does not start here"; exit 77; }
}

# shellcheck disable=SC2154  # work, logs: of the test
# wait_for SECONDS COMMAND...: as a check; where it fails, it shows the files of the folder $logs.
wait_for() {
  wait_until "$@" && return
  squeue --array >"$work/stdout"
  cat "$logs"/* >"$work/stderr" 2>/dev/null
  fail "not within $1 s: ${*:2}"
}

# weights RUN_DIR: digests of the parameters and the optimizer's state at its end.
weights() { (cd "$1/checkpoints/$(cat "$1/checkpoints/latest")" && sha256sum model.safetensors optimizer.safetensors); }

queue_is_empty() { [ -z "$(squeue --noheader)" ]; }

no_daemons() {
  local pid
  for pid in "${slurm_pids[@]}"; do
    ! kill -0 "$pid" 2>/dev/null || return 1
  done
}
