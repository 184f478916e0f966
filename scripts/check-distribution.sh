#!/usr/bin/env bash
# Does BrainMT build and pass on another release of Debian or Ubuntu? Makes a bare tree of that release with debootstrap,
# runs scripts/quickstart.sh and the Release tests of the last commit inside it, and says what differs from here. /proc,
# /sys and /dev (with /dev/pts and /dev/shm) are mounted in a mount namespace of this script's own and go away with it,
# however it ends.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
cd "$repository"
# shellcheck source=scripts/lib/deps.sh
source scripts/lib/deps.sh

usage() {
  cat <<'TEXT'
usage: scripts/check-distribution.sh [options] RELEASE

  RELEASE          a code name that debootstrap knows, such as trixie, bookworm, noble
  --mirror URL     where its packages come from; without it the mirror of this machine's apt sources
  --keyring FILE   keys that sign RELEASE, where debootstrap does not know them
  --tree DIR       the tree; build/distributions/RELEASE without it. One that is there is used again
  --fresh          remove the tree first: packages and build from nothing
  --quickstart     the quickstart only, no tests
  --tests REGEX    of the tests only these (as for ctest -R)
  --print-mirror   print the mirror and stop
  --help           this text

Needs root, debootstrap, 5 GB of disk and about an hour on two cores. Written to build/distributions: RELEASE.log and
RELEASE.tsv (versions of the packages there and here). Exit code 0 where quickstart and tests pass.
TEXT
}

release="" mirror="" keyring="" tree="" fresh=0 tests=. only_mirror=0
while [ $# -gt 0 ]; do
  case $1 in
    --mirror | --keyring | --tree | --tests)
      [ $# -ge 2 ] || die "$1 needs a value; --help explains it"
      declare "${1#--}=$2"
      shift
      ;;
    --fresh) fresh=1 ;;
    --quickstart) tests="" ;;
    --print-mirror) only_mirror=1 ;;
    --help) usage; exit 0 ;;
    -*) die "unknown option '$1'; --help lists them" ;;
    *) [ -z "$release" ] || die "one RELEASE expected, found '$release' and '$1'"; release=$1 ;;
  esac
  shift
done

# The machine's main mirror: the first one that apt has for its own release.
machine_mirror() {
  local codename
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' 2>/dev/null |
    awk -v release="$codename" '$1 == release && $2 == "main" {print $3; exit}'
}

mirror=${mirror:-$(machine_mirror)}
[ -n "$mirror" ] || die "this machine's apt sources name no mirror of its own release; give one with --mirror URL"
if [ "$only_mirror" -eq 1 ]; then
  echo "$mirror"
  exit 0
fi
[ -n "$release" ] || die "which RELEASE? --help explains it"
[[ $release =~ ^[a-z]+$ ]] || die "RELEASE: expected a code name such as trixie, found '$release'"
[ "$(id -u)" -eq 0 ] || die "debootstrap and chroot need root"
command -v debootstrap >/dev/null || die "'debootstrap' is not installed (Debian: debootstrap)"
[ -e "/usr/share/debootstrap/scripts/$release" ] || die "debootstrap does not know '$release': is it older than the release?"

# From here on in namespaces of its own: mounts and processes inside end with this script.
if [ -z "${BRAINMT_DISTRIBUTION_INSIDE:-}" ]; then
  export BRAINMT_DISTRIBUTION_INSIDE=1
  again=("$repository/scripts/check-distribution.sh" --mirror "$mirror" --tests "$tests")
  [ -z "$keyring" ] || again+=(--keyring "$keyring")
  [ -z "$tree" ] || again+=(--tree "$tree")
  [ "$fresh" -eq 0 ] || again+=(--fresh)
  exec unshare --mount --pid --fork --kill-child -- "${again[@]}" "$release"
fi

results=$repository/build/distributions
tree=${tree:-$results/$release}
mkdir -p "$results"
log=$results/$release.log
: >"$log"
if [ "$fresh" -eq 1 ]; then
  # Only what this script made: a tree that debootstrap has finished, or the remains of one.
  [ ! -e "$tree" ] || [ -d "$tree/debootstrap" ] || [ -e "$tree/etc/debian_version" ] || die "$tree: not a tree of this script"
  rm -rf --one-file-system "$tree"
fi
if [ ! -e "$tree/etc/apt/sources.list" ] || [ -d "$tree/debootstrap" ]; then
  say "debootstrap $release"
  options=(--variant=minbase --include=ca-certificates)
  [ -z "$keyring" ] || options+=(--keyring="$keyring")
  [[ $mirror != */ubuntu* ]] || options+=("--components=main,universe")
  debootstrap "${options[@]}" "$release" "$tree" "$mirror" >>"$log" 2>&1 ||
    { tail -n 5 "$log"; die "debootstrap failed; $log has all of it"; }
fi
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount --rbind /dev "$tree/dev"
[ ! -e /etc/resolv.conf ] || cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
grep -qs "[[:space:]]$(hostname)\$" "$tree/etc/hosts" || printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$(hostname)" >>"$tree/etc/hosts"

# inside COMMAND: in the checkout there, with a clean environment.
inside() {
  chroot "$tree" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb \
    bash -c "cd /usr/src/brainmt && $1"
}

say "the commit $(git describe --always) into $tree"
[ -z "$(git status --porcelain --untracked-files=no)" ] || say "uncommitted changes are not part of it"
if [ ! -d "$tree/usr/src/brainmt" ]; then git clone -q --no-hardlinks "$repository" "$tree/usr/src/brainmt"; fi
git -C "$tree/usr/src/brainmt" fetch -q "$repository" HEAD
git -C "$tree/usr/src/brainmt" checkout -q --detach FETCH_HEAD
rm -rf "$tree/usr/src/brainmt/quickstart"

failed=()
# step NAME COMMAND: its output goes to the log, and to the terminal where it fails.
step() {
  local started=$SECONDS
  say "$1"
  if inside "$2" >"$log.step" 2>&1; then
    say "$1: passed in $((SECONDS - started)) s"
  else
    tail -n 30 "$log.step"
    say "$1: FAILED after $((SECONDS - started)) s"
    failed+=("$1")
  fi
  cat "$log.step" >>"$log"
  rm -f "$log.step"
}

step quickstart scripts/quickstart.sh
[ -z "$tests" ] || step tests "scripts/test.sh --quick --only '$tests'"

# versions COMMAND...: package and version of everything that we build with, sorted.
versions() {
  # shellcheck disable=SC2016  # dpkg's own variables
  "$@" dpkg-query -W -f='${db:Status-Abbrev}\t${Package}\t${Version}\n' 2>/dev/null | sed -n 's/^ii *\t//p' |
    grep -E "^(${names// /|}|g\+\+|libc6|libopenmpi[0-9]+[a-z0-9]*|libdnnl[0-9.]+|libhdf5-openmpi-[0-9]+[a-z0-9]*)	" | sort -u
}
names=$(printf '%s\n' "${build_packages[@]}" "${check_packages[@]}" | sed 's/:.*//' | tr '\n' ' ')
names=${names% }
say "versions: package, $release, here"
join -t "$(printf '\t')" -a 1 -a 2 -e - -o 0,1.2,2.2 <(versions chroot "$tree") <(versions env) |
  awk -F '\t' '$2 != $3' | tee "$results/$release.tsv" | column -t -s "$(printf '\t')"

say "test metrics of the quickstart there (other versions of the libraries round otherwise)"
awk '/^task  /,/^written  /' "$log"
skipped=$(grep -E '\*\*\*(Skipped|Not Run)' "$log" | awk '{print $4}' | sort -u | tr '\n' ' ' || true)
[ -z "$skipped" ] || say "skipped tests: $skipped"
grep -E '^[[:space:]]*[0-9]+ - .*\((Failed|Timeout|SEGFAULT|Subprocess aborted|Not Run)\)' "$log" || true
if [ "${#failed[@]}" -gt 0 ]; then
  say "$release: FAILED: ${failed[*]}; $log has all of it"
  exit 1
fi
say "$release: quickstart and tests pass"
