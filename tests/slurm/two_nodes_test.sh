#!/usr/bin/env bash
# A run over two nodes of a private Slurm: the bits of one node, a network that is cut in mid-run, and the rest of the
# run on the other node. A node is a network namespace with its own name, address and shared memory; a bridge joins them
# with the controller. Usage: two_nodes_test.sh BRAINMT MPIEXEC. Exit code 77: skipped.
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/../app/checks.sh"
# shellcheck source=tests/slurm/fixture.sh
. "$(dirname "$0")/fixture.sh"

PATH=$PATH:/usr/sbin:/sbin
nodes=(one two)
# Names and addresses of this test alone; 198.18.0.0/15 is for trials of networks.
bridge=bmt$$
subnet=198.18.$(($$ % 254 + 1))
space() { printf 'bmt-%s-%s\n' "$$" "$1"; }
port() { printf 'b%s-%s\n' "$$" "$1"; }  # the bridge's end of a node's cable

# network_missing: prints why there can be no such nodes here; nothing when there can.
network_missing() {
  local tool
  for tool in ip unshare mount; do
    command -v "$tool" >/dev/null || { echo "no $tool: install iproute2, util-linux"; return; }
  done
  ip netns add "$(space trial)" 2>/dev/null || { echo "no network namespace can be made"; return; }
  ip netns exec "$(space trial)" unshare --uts --mount true 2>/dev/null || echo "no name or mount namespace can be made"
  ip netns delete "$(space trial)"
  ip link add "$bridge" type bridge 2>/dev/null || { echo "no bridge can be made"; return; }
  ip link delete "$bridge"
}

lay_network() {
  local node number=10
  ip link add "$bridge" type bridge
  ip address add "$subnet.1/24" dev "$bridge"
  ip link set "$bridge" up
  printf '127.0.0.1 localhost\n%s.1 %s\n' "$subnet" "$(hostname -s)" >"$slurm/hosts"
  for node in "${nodes[@]}"; do
    number=$((number + 1))
    ip netns add "$(space "$node")"
    ip link add "$(port "$node")" type veth peer name eth0 netns "$(space "$node")"
    ip link set "$(port "$node")" master "$bridge" up
    ip -n "$(space "$node")" address add "$subnet.$number/24" dev eth0
    ip -n "$(space "$node")" link set eth0 up
    ip -n "$(space "$node")" link set lo up
    printf '%s.%s %s\n' "$subnet" "$number" "$node" >>"$slurm/hosts"
    printf 'NodeName=%s NodeHostname=%s NodeAddr=%s.%s CPUs=2 RealMemory=8000 State=UNKNOWN\n' \
      "$node" "$node" "$subnet" "$number" >>"$slurm/nodes"
  done
}

# shellcheck disable=SC2317  # called when the test ends
remove_network() {
  local node
  for node in "${nodes[@]}"; do
    ip netns pids "$(space "$node")" 2>/dev/null | xargs -r kill -9 2>/dev/null
    ip link delete "$(port "$node")" 2>/dev/null
    ip netns delete "$(space "$node")" 2>/dev/null
  done
  ip link delete "$bridge" 2>/dev/null
}

# The fixture's configuration with two nodes in the place of its one.
start_nodes() {
  local node
  prepare_slurm "$slurm"
  lay_network
  sed -i -e '/^NodeName=/d' -e '/^PartitionName=/d' -e 's#/\(spool\|tmp\)$#/\1.%n#' -e 's#/slurmd\.#/slurmd.%n.#' \
    -e "s|^\(SlurmctldHost=.*\)(.*|\1($subnet.1)|" "$slurm/slurm.conf"
  cat "$slurm/nodes" >>"$slurm/slurm.conf"
  echo "PartitionName=main Nodes=one,two Default=YES MaxTime=INFINITE State=UP" >>"$slurm/slurm.conf"
  start_controller "$slurm" || return 1
  for node in "${nodes[@]}"; do
    mkdir -p "$slurm/spool.$node" "$slurm/tmp.$node"
    # shellcheck disable=SC2016  # for the inner shell
    ip netns exec "$(space "$node")" unshare --uts --mount sh -c 'mount -t tmpfs tmpfs /dev/shm
      mount --bind "$1/hosts" /etc/hosts; hostname "$2"; exec slurmd -D -N "$2"' sh "$slurm" "$node" \
      >"$slurm/slurmd.$node.out" 2>&1 &
    slurm_pids+=("$!")
  done
  wait_until 30 both_idle || { echo "the nodes do not come up:"; tail -n 20 "$slurm"/slurmd.*.log; return 1; }
}

# shellcheck disable=SC2317  # called through wait_until
both_idle() { [ "$(sinfo --noheader --Node --format=%T | grep -cx idle)" -eq 2 ]; }
# shellcheck disable=SC2317
no_ranks() {
  local node
  for node in "${nodes[@]}"; do
    ! ip netns pids "$(space "$node")" | xargs -r ps -o comm= -p | grep -qx brainmt || return 1
  done
}

reason=$(slurm_missing)
[ -n "$reason" ] || reason=$(network_missing)
[ -z "$reason" ] || { echo "skipped: $reason"; exit 77; }
slurm=$(mktemp -d)
trap 'stop_slurm; remove_network; rm -rf "$slurm"; clean_up' EXIT
start_nodes || { echo "skipped: a private Slurm of two nodes does not start here"; exit 77; }
cd "$work" || exit 1

timeout=8
expect 0 stdout "24 scans" "$brainmt" synth out="$work/scans" subjects=24 'grid=[10,10,10]' frames=12
expect 0 stdout "24 scans" "$brainmt" prepare input="$work/scans" output="$work/c.h5"
train=("$brainmt" train 'model.depth=[1,1]' model.embed_dim=16 model.num_frames=8 model.drop_path=0.2 task=classification
  task.target=sex "data.cohort=$work/c.h5" 'data.split_fractions=[0.5,0.25,0.25]' run.epochs=4 run.global_batch=4
  scheduler.warmup_epochs=1 checkpoint.every_steps=2 deterministic=world comm.timeout="$timeout")
on() { srun --mpi=pmix --kill-on-bad-exit=1 --time=5 "$@"; }
# expect_same_end RUN: in the bits of one rank without Slurm.
expect_same_end() { diff <(weights "$work/alone") <(weights "$work/$1") >"$work/stdout" || fail "$1 ends in other bits"; }

check "two nodes give the bits of one"
expect 0 stdout "finished" "${train[@]}" run.batch_size=4 run.dir="$work/alone"
expect 0 stdout "finished" on -N 1 -n 2 -w one "${train[@]}" run.batch_size=1 run.dir="$work/together"
expect 0 stdout "finished" on -N 2 -n 2 "${train[@]}" run.batch_size=2 run.dir="$work/apart"
hosts=$(grep -rhoE '"(one|two)"' "$work/apart" --include='*.json' | sort -u | tr -d '"\n')
[ "$hosts" = onetwo ] || fail "the run says it was on '$hosts', not on both nodes"
expect_same_end together
expect_same_end apart

check "a cut network ends the job within the limit + 10 s, five times as much on a loaded machine"
BRAINMT_ALLOW_FAULTS=1 BRAINMT_FAULT='step.begin:0:*:sleep=1' on -N 2 -n 2 "${train[@]}" run.batch_size=2 \
  run.dir="$work/cut" >"$work/cut.out" 2>"$work/cut.err" &
job=$!
wait_until 60 test -e "$work/cut/checkpoints/latest" || fail "no checkpoint within 60 s"
ip link set "$(port two)" down
begin=$SECONDS
wait "$job"
code=$?
took=$((SECONDS - begin))
cp "$work/cut.out" "$work/stdout"
cp "$work/cut.err" "$work/stderr"
[ "$code" -eq 5 ] || fail "exit code $code instead of 5"
[ "$took" -le $((timeout + 50)) ] || fail "it took $took s with comm.timeout=$timeout"
wait_until 10 no_ranks || fail "ranks are left on a node"
! grep -q finished "$work/cut.out" || fail "it was over before the network was cut"

check "the other node continues to the same bits"
ip link set "$(port two)" up
scancel --me
wait_until 60 queue_is_empty || fail "the job stays in the queue"
wait_until 60 both_idle || { sinfo >"$work/stdout"; fail "the nodes do not come back"; }
expect 0 stderr "continuing from step" on -N 1 -n 1 -w two "${train[@]}" run.batch_size=2 run.dir="$work/cut"
expect_same_end cut

echo "the cut job ended after $took s"
finish
