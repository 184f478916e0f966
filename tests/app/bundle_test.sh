#!/usr/bin/env bash
# The archive of scripts/bundle.sh on a machine that has nothing: a root file system of the archive, glibc and a shell,
# where the distribution's libraries, Open MPI and configurations cannot be found. Usage: bundle_test.sh BRAINMT MPIEXEC
# Exit code 77: this machine permits no such root file system.
# shellcheck source=tests/app/checks.sh
. "$(dirname "$0")/checks.sh"
bundle=$(cd "$(dirname "$0")/../.." && pwd)/scripts/bundle.sh

# Usage errors: one line, nothing written.
expect 0 stdout "--add PATH" "$bundle" --help
expect 2 stderr "unknown option '--ouput'" "$bundle" --ouput x
expect_one_line
expect 2 stderr "expected a built program" "$bundle" "$work/none"
expect_one_line
expect 2 stderr "ends in .tar.zst or .tar.gz" "$bundle" --output "$work/a.zip" "$brainmt"
expect_one_line
expect 2 stderr "no such file or folder" "$bundle" --output "$work/a.tar.gz" --add "$work/none" "$brainmt"
expect_one_line
[ -z "$(find "$work" -name '*.tar*')" ] || fail "an archive was written in spite of an error"

# The same bytes twice, with a folder and a program more.
mkdir -p "$work/more/deep"
echo hello >"$work/more/deep/note.txt"
extras=(--add "$work/more=data")
probe=$(dirname "$brainmt")/test_comm_agreement
if [ -x "$probe" ]; then extras+=(--add "$probe=tests/test_comm_agreement"); else probe=""; fi
expect 0 stdout "files, " "$bundle" --output "$work/b.tar.gz" "${extras[@]}" "$brainmt"
mv "$work/b.tar.gz" "$work/first.tar.gz"
expect 0 stdout "files, " "$bundle" --output "$work/b.tar.gz" "${extras[@]}" "$brainmt"
cmp "$work/first.tar.gz" "$work/b.tar.gz" || fail "two runs gave different archives"

# A root file system with what the node has: glibc, a shell, devices, /proc; nothing of the distribution beside it.
node=$work/node
home=$node/tmp # where the commands run
mkdir -p "$node"/{proc,sys,dev,tmp,bin,opt,etc}
for file in $(ldd /bin/sh "$(command -v readlink)" | grep -oE '/[^ ]+\.so[^ ]*' | sort -u); do
  mkdir -p "$node${file%/*}"
  cp -L "$file" "$node$file"
done
library=$(ldd /bin/sh | grep -oE '/[^ ]+libc\.so\.6')
for name in libm libdl libpthread librt libutil libresolv libnss_files libmvec; do
  for found in "${library%/*}/$name".so.[0-9]*; do [ ! -e "$found" ] || cp -L "$found" "$node${library%/*}/"; done
done
cp -L /bin/sh "$node/bin/sh"
cp -L "$(command -v readlink)" "$node/bin/readlink"
echo "root:x:0:0::/tmp:/bin/sh" >"$node/etc/passwd"
tar -C "$node/opt" -xf "$work/b.tar.gz"

# Every file is listed with its sum, and those of packages have a licence.
(cd "$node/opt/b" && grep -v '^#' MANIFEST.tsv | awk -F '\t' '{print $1 "  " $3}' | sha256sum --quiet -c -) ||
  fail "MANIFEST.tsv and the files differ"
[ "$(find "$node/opt/b" -type f | wc -l)" -eq "$(($(grep -vc '^#' "$node/opt/b/MANIFEST.tsv") + 1))" ] ||
  fail "MANIFEST.tsv does not list every file"
grep -q "^# brainmt .*; needs glibc 2\.[0-9]* or newer" "$node/opt/b/MANIFEST.tsv" || fail "MANIFEST.tsv names no glibc"
[ -s "$node/opt/b/licences/brainmt" ] || fail "our licence is missing"
grep -q hello "$node/opt/b/extra/data/deep/note.txt" || fail "the folder that was added is missing"
find "$node/opt/b" -name 'libc.so*' -o -name 'libcuda.so*' -o -name 'ld-linux*' | grep -q . && fail "glibc or the driver was packed"

# on_node COMMAND...: there, from an empty environment, in a mount namespace of its own.
namespace=(unshare --mount)
[ "$(id -u)" -eq 0 ] || namespace=(unshare --map-root-user --mount)
on_node() {
  # shellcheck disable=SC2016  # for the shells inside
  timeout 200 env -i HOME=/tmp OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
    OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_vader_single_copy_mechanism=none \
    OMPI_MCA_smsc=^cma PRTE_MCA_hwloc_default_binding_policy=none \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin "${namespace[@]}" \
    sh -c 'mount --rbind /proc "$0/proc" && mount --rbind /sys "$0/sys" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"' "$node" \
    /bin/sh -c 'PATH=/bin; cd /tmp && exec "$@"' sh "$@"
}
if ! on_node /bin/sh -c : 2>"$work/why"; then
  echo "skipped: no root file system of one's own here: $(tail -n 1 "$work/why")"
  [ "$failures" -eq 0 ] || finish
  exit 77
fi
check "the node has nothing of ours"
expect 127 stderr "" on_node brainmt --version
# shellcheck disable=SC2016  # for the shell inside
on_node /bin/sh -c 'for folder in /usr/lib/*/openmpi /etc/openmpi /lib/*/libmpi* /usr; do [ ! -e "$folder" ] || echo "$folder"; done' \
  >"$work/found"
[ ! -s "$work/found" ] || fail "the node is not empty: $(cat "$work/found")"

check "one process"
there=/opt/b/bin
expect 0 stdout "HDF5" on_node $there/brainmt --version
expect 0 stdout "pitfalls" on_node $there/brainmt doctor
expect 0 stdout "usage: brainmt train" on_node $there/brainmt train --help
expect 2 stderr "did you mean 'prepare'" on_node $there/brainmt prepaer
expect 0 stdout "hello" on_node $there/run /bin/sh -c 'echo hello'
expect 2 stderr "usage: bin/run" on_node $there/run

check "through a link, and moved"
ln -s ../opt/b/bin/brainmt "$node/bin/by-link"
expect 0 stdout "HDF5" on_node /bin/by-link --version
expect 0 stdout "HDF5" on_node by-link --version

check "two ranks"
expect 0 stdout "8 scans" on_node $there/brainmt synth out=scans subjects=8 'grid=[10,12,10]' frames=24
expect 0 stdout "8 scans" on_node $there/mpirun --oversubscribe -n 2 $there/brainmt prepare input=scans output=c.h5
expect 0 stdout "run.max_steps" on_node $there/mpirun --oversubscribe -n 2 $there/brainmt train model=small data.cohort=c.h5 \
  run.dir=run task=classification task.target=sex model.num_frames=8 'data.split_fractions=[0.5,0.25,0.25]' run.max_steps=3
[ -s "$home/run/metrics.jsonl" ] || fail "training left no metrics"
expect 0 stdout "samples/s" on_node $there/mpirun --oversubscribe -n 2 $there/brainmt bench step model=small 'grid=[10,12,10]' \
  'frames=[8]' samples=2 repeats=1 seconds=0.01
# An error of the launcher is explained, which takes Open MPI's texts.
expect 132 stderr "unable to launch the specified application" on_node $there/mpirun -n 1 /bin/no-such-program
if [ -n "${probe:-}" ]; then
  check "a test program"
  expect 0 stdout "PASSED" on_node $there/run /opt/b/extra/tests/test_comm_agreement
  expect 0 stdout "PASSED" on_node $there/mpirun --oversubscribe -n 2 /opt/b/extra/tests/test_comm_agreement
fi
expect_no_leftovers
finish
