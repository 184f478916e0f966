#!/usr/bin/env bash
# Row 46: few file descriptors, little address space, no further thread: it works, or one line says what is missing, soon, and
# nothing half-made is left. Usage: row_46_limits.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"
command -v prlimit >/dev/null || skip "no prlimit on this machine (Debian: util-linux)"

check "64 file descriptors"
expect 0 stdout "8 scans" timeout 60 prlimit --nofile=64 "$brainmt" prepare input="$data/scans" output="$work/c.h5"
cmp -s "$work/c.h5" "$data/c.h5" || fail "another cohort"
expect 0 stdout "finished" timeout 60 prlimit --nofile=64 "${train[@]}" run.dir="$work/fd" data.cohort="$work/c.h5"

# A clear end: one error line of ours with a documented code, within the time, and nothing half-made.
expect_clear_end() {
  local code
  timeout 60 "$@" >"$work/stdout" 2>"$work/stderr"
  code=$?
  case $code in
    0) return ;;
    3 | 5 | 6 | 70) expect_one_error ;;
    *) fail "exit code $code: $*" ;;
  esac
}

check "address space"
# From too little to read a scan up to enough; where the loader and MPI itself cannot start is not ours to say.
enough=""
for megabytes in 1500 1000 800 700 600 500; do
  prlimit --as=$((megabytes << 20)) "$brainmt" doctor >/dev/null 2>&1 || break
  enough=$megabytes
  rm -rf "$work/l.h5" "$work/mem"
  expect_clear_end prlimit --as=$((megabytes << 20)) "$brainmt" prepare input="$data/scans" output="$work/l.h5"
  [ ! -e "$work/l.h5" ] || cmp -s "$work/l.h5" "$data/c.h5" || fail "half a cohort"
  expect_clear_end prlimit --as=$((megabytes << 20)) "${train[@]}" run.dir="$work/mem" data.cohort="$data/c.h5"
done
[ -n "$enough" ] || fail "not even 1500 MB are enough to start"
check "a model that does not fit"
expect 70 stderr "out of memory in parameters, asked for " timeout 60 prlimit --as=$((2 << 30)) "${train[@]}" run.dir="$work/big" \
  data.cohort="$data/c.h5" model.embed_dim=8192 'model.depth=[8,8]'
expect_one_error
check "a step that does not fit"
expect 70 stderr "MiB: try a smaller run.batch_size, model.recompute=block" timeout 60 prlimit --as=$((2 << 30)) "$brainmt" bench step \
  model=small 'grid=[91,109,91]' 'frames=[200]' model.embed_dim=128
expect_one_error
[ ! -d "$work/big/checkpoints" ] || [ -z "$(ls "$work/big/checkpoints")" ] || fail "a checkpoint was left"
expect_no_leftovers

check "no further thread"
cat >"$work/threads.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
/* pthread_create() fails once BRAINMT_TEST_THREADS threads were made: what a limit on processes does to those it binds. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *argument) {
  static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  static int made;
  if (!real) real = dlsym(RTLD_NEXT, "pthread_create");
  if (__sync_fetch_and_add(&made, 1) >= atoi(getenv("BRAINMT_TEST_THREADS"))) return EAGAIN;
  return real(thread, attr, run, argument);
}
C
if cc -shared -fPIC -o "$work/threads.so" "$work/threads.c" -ldl 2>"$work/stderr"; then
  # MPI makes threads of its own first; with too few for it, the failure is its own.
  ended=0
  for allowed in 0 1 2 3 4 5 6; do
    expect_threads() { env LD_PRELOAD="$work/threads.so" BRAINMT_TEST_THREADS=$allowed timeout 30 "$@" >"$work/stdout" 2>"$work/stderr"; }
    rm -rf "$work/thread"
    expect_threads "$brainmt" doctor || continue
    expect_threads "${train[@]}" run.dir="$work/thread" data.cohort="$data/c.h5"
    code=$?
    case $code in
      0) break ;;
      5 | 6 | 70)
        expect_one_error
        grep -qi "thread" "$work/stderr" || fail "the message does not speak of threads"
        ended=$((ended + 1))
        ;;
      *) fail "$allowed threads: exit code $code" ;;
    esac
  done
  [ "$code" -eq 0 ] || fail "not even 6 threads are enough"
  [ "$ended" -gt 0 ] || fail "no number of threads was too few: nothing was tested"
  echo "$ended numbers of threads were too few, $allowed are enough"
else
  fail "the shim could not be built"
fi
finish
