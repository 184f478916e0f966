#!/usr/bin/env bash
# Row 45: a locale with decimal commas, one with its own idea of upper case, another time zone, a clock that is set back by an
# hour: the same bytes come out of synth, prepare and train, and durations stay positive.
# Usage: row_45_locale_and_clock.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"

# bytes NAME ENVIRONMENT...: what the commands make, as one list of checksums.
bytes() {
  local out=$work/$1
  shift
  mkdir "$out"
  expect 0 stdout "4 scans" env "$@" "$brainmt" synth out="$out/scans" subjects=4 'grid=[8,8,8]' frames=10
  expect 0 stdout "4 scans" env "$@" "$brainmt" prepare input="$out/scans" output="$out/c.h5"
  expect 0 stdout "finished" env "$@" "${train[@]}" run.dir="$out/run" data.cohort="$out/c.h5" optimizer.lr=1.5e-4
  # The tenth column of the report is how long a scan took.
  (cd "$out" && sha256sum scans/* c.h5 run/checkpoints/step-*/*.safetensors run/split.json &&
    cat run/config.yaml && cut -f 1-9,11- c.report.tsv) | sed "s|$out||g" >"$out/bytes"
}
same() { diff "$work/plain/bytes" "$work/$1/bytes" >"$work/stdout" || fail "other bytes"; }

bytes plain LC_ALL=C TZ=UTC

mkdir "$work/locales"
for locale in de_DE tr_TR; do
  check "$locale"
  if ! localedef --no-archive -i "$locale" -f UTF-8 "$work/locales/$locale.UTF-8" 2>/dev/null; then
    echo "without the sources of locales (Debian: locales): $locale is left out"
    continue
  fi
  # The comma must really be in force, or this would test nothing.
  LOCPATH=$work/locales LC_ALL=$locale.UTF-8 locale -k decimal_point 2>/dev/null | grep -qF '","' || fail "the locale does not work"
  bytes "$locale" LOCPATH="$work/locales" LC_ALL="$locale.UTF-8"
  same "$locale"
done

check "time zone"
bytes zone TZ=Pacific/Kiritimati
same zone

check "clock set back by an hour during the run"
cat >"$work/clock.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
/* Real time runs, then jumps back by an hour after the first calls, again and again; the monotonic clock is left alone. */
static int calls;
static long shift(void) { return (++calls / 50) % 2 ? 3600 : 0; }
int clock_gettime(clockid_t id, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int code = real(id, t);
  if (code == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec -= shift();
  return code;
}
int gettimeofday(struct timeval *t, void *zone) {
  struct timespec now;
  (void)zone;
  int code = clock_gettime(CLOCK_REALTIME, &now);
  if (t) t->tv_sec = now.tv_sec, t->tv_usec = now.tv_nsec / 1000;
  return code;
}
time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return out ? (*out = now.tv_sec) : now.tv_sec;
}
C
if cc -shared -fPIC -o "$work/clock.so" "$work/clock.c" -ldl 2>"$work/stderr"; then
  bytes clock LD_PRELOAD="$work/clock.so"
  same clock
  # No duration and no rate of the log is negative or beyond the minutes that the test has.
  grep -ohE '"[a-z_]*(_s|per_s)":-[0-9.]+' "$work/clock/run/metrics.jsonl" >"$work/stdout" && fail "a negative duration"
  grep -qE ' in (-|[0-9]{4,})[0-9.]* s' "$work/clock/run/log.txt" && fail "a duration that was taken from the wall clock"
else
  fail "the clock could not be built"
fi
finish
