#!/usr/bin/env bash
# Packs a built brainmt with everything that it needs beyond glibc and the GPU driver, for a node without a package
# manager: shared libraries, Open MPI with its launcher and plugins, configurations, batch scripts, licences. The same
# inputs give the same bytes. docs/bundle.md says how it is used there.
set -euo pipefail
export LC_ALL=C
repository=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<'TEXT'
usage: scripts/bundle.sh [--output FILE] [--add PATH[=NAME]]... [PROGRAM]

  PROGRAM            the built program; build/cpu/bin/brainmt without it
  --output FILE      archive to write, .tar.zst or .tar.gz; brainmt-<version>.tar.zst without it (.gz without zstd)
  --add PATH[=NAME]  a file or folder more (tests, say), as extra/NAME; its programs get their libraries too
  --help             this text

The archive holds one folder: bin/brainmt, bin/mpirun, bin/run (starts any other program of the archive), configs/,
scripts/slurm/, licences/, MANIFEST.tsv (SHA-256, bytes, path, origin of every file). The node needs the glibc that
MANIFEST.tsv names, or a newer one.
TEXT
}

die() { printf 'bundle.sh: %s\n' "$*" >&2; exit "${code:-2}"; }
need() { command -v "$1" >/dev/null || die "'$1' is not installed: $2"; }

program=""
output=""
extras=()
while [ $# -gt 0 ]; do
  case $1 in
    --output | --add)
      [ $# -ge 2 ] || die "$1 needs a value; --help explains it"
      if [ "$1" = --add ]; then extras+=("$2"); else output=$2; fi
      shift
      ;;
    --help) usage; exit 0 ;;
    -*) die "unknown option '$1'; --help lists them" ;;
    *) [ -z "$program" ] || die "one PROGRAM expected, found '$program' and '$1'"; program=$1 ;;
  esac
  shift
done
program=${program:-$repository/build/cpu/bin/brainmt}
if [ ! -f "$program" ] || [ ! -x "$program" ]; then
  die "$program: expected a built program; build it with: cmake --build --preset cpu"
fi
need ldd "it belongs to glibc"
need ompi_info "install Open MPI's programs (Debian: openmpi-bin)"
need objdump "it says which glibc is needed (Debian: binutils)"
need sha256sum "it belongs to coreutils"
version=$("$program" --version | sed -n '1s/^brainmt \([^ ,]*\).*/\1/p')
[ -n "$version" ] || die "$program: --version did not name a version of brainmt"
if [ -z "$output" ]; then
  output=brainmt-$version.tar.gz
  command -v zstd >/dev/null && output=brainmt-$version.tar.zst
fi
case $output in
  *.tar.zst) need zstd "or write a .tar.gz"; name=$(basename "$output" .tar.zst) ;;
  *.tar.gz) need gzip "or write a .tar.zst"; name=$(basename "$output" .tar.gz) ;;
  *) die "--output $output: expected a name that ends in .tar.zst or .tar.gz" ;;
esac
[ -d "$(dirname "$output")" ] || die "--output $output: its folder does not exist"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/$name
origins=$work/origins  # lines: path in the archive, tab, file here
mkdir -p "$root"
: >"$origins"

# put FILE PATH: copies a file, through links, and remembers where it came from.
put() {
  [ ! -e "$root/$2" ] || return 0
  mkdir -p "$root/$(dirname "$2")"
  cp -L --no-preserve=all "$1" "$root/$2" || code=6 die "$root/$2: cannot be written; is the disk of TMPDIR full?"
  [ ! -x "$1" ] || chmod 755 "$root/$2"
  printf '%s\t%s\n' "$2" "$(readlink -f "$1")" >>"$origins"
}

is_elf() { [ "$(head -c 4 "$1" | tr -d '\0')" = $'\177ELF' ]; }

# Of the node: glibc, which fits its kernel and its name services, and the driver's libraries, which fit its driver.
is_of_the_node() {
  case $1 in
    ld-linux*.so* | ld64.so* | libc.so* | libm.so* | libmvec.so* | libdl.so* | libpthread.so* | librt.so* | libutil.so*) ;;
    libresolv.so* | libnss_*.so* | libnsl.so* | libanl.so* | libBrokenLocale.so* | libthread_db.so*) ;;
    libcuda.so* | libnvidia-*.so* | libnvcuvid.so*) ;;
    *) return 1 ;;
  esac
}

# closure_of FILE: what the loader would give it here, "name path" a line; a missing library has no path. Asked once.
closure=""
closure_file=""
closure_of() {
  [ "$closure_file" != "$1" ] || return 0
  closure_file=$1
  closure=$(ldd "$1" 2>/dev/null | awk '$2 == "=>" {print $1, $3 ~ /^\// ? $3 : ""}')
}

# put_libraries FILE: the whole closure.
put_libraries() {
  local library path missing=""
  closure_of "$1"
  while read -r library path; do
    if [ -z "$library" ] || is_of_the_node "$library"; then continue; fi
    if [ -n "$path" ]; then put "$path" "lib/$library"; else missing+=" $library"; fi
  done <<<"$closure"
  [ -z "$missing" ] || code=3 die "$1: needs libraries that are not found here:$missing; set LD_LIBRARY_PATH as for running it"
}

# ompi KIND: one of Open MPI's folders.
ompi() { ompi_info --parsable --path "$1" 2>/dev/null | sed -n 's/^path:[^:]*://p' | head -n 1; }

# Plugins for fabrics bring their own drivers; the archive speaks shared memory and TCP (the site's MPI speaks more).
is_for_a_fabric() {
  closure_of "$1"
  grep -qE 'lib(fabric|ibverbs|rdmacm|ucp|uct|psm2|psm_infinipath|portals|efa)\.so' <<<"$closure"
}

# Open MPI 4 starts ranks by orterun and orted; version 5 by PRRTE, behind an mpirun of its own.
put_open_mpi() {
  local launcher plugins data settings file programs
  launcher=$(ompi bindir)
  plugins=$(ompi pkglibdir)
  data=$(ompi pkgdatadir)
  settings=$(ompi sysconfdir)
  programs=(orterun orted)
  [ -x "$launcher/orterun" ] || programs=(mpirun prte prterun prted)
  for file in "${programs[@]}"; do
    if [ ! -x "$launcher/$file" ] || [ ! -d "$plugins" ]; then
      code=3 die "Open MPI was not found: expected $file (or orterun and orted) in '$launcher', plugins in '$plugins'"
    fi
    put "$launcher/$file" "ompi/bin/$file"
    put_libraries "$launcher/$file"
  done
  for file in "$plugins"/*.so; do
    is_for_a_fabric "$file" && continue
    put "$file" "ompi/lib/plugins/${file##*/}"
    put_libraries "$file"
  done
  for file in "$data"/*.txt "$data"/*.ini; do [ ! -f "$file" ] || put "$file" "ompi/share/${file##*/}"; done
  for file in "${data%/*}"/prte/*.txt; do [ ! -f "$file" ] || put "$file" "ompi/share/prte/${file##*/}"; done
  for file in openmpi-mca-params.conf prte-mca-params.conf; do
    [ ! -f "$settings/$file" ] || put "$settings/$file" "ompi/etc/$file"
  done
}

# put_siblings LIBRARY PATTERN FOLDER: files beside a packed library, as PATTERN below its folder, with their closures.
put_siblings() {
  local library folder file
  for library in "$root"/lib/$1; do
    [ -f "$library" ] || continue
    folder=$(dirname "$(sed -n "s|^lib/${library##*/}\t||p" "$origins")")
    for file in "$folder"/$2; do
      [ ! -f "$file" ] || { put "$file" "$3/${file##*/}"; put_libraries "$file"; }
    done
  done
}

# Loaded by name at run time, so that no closure lists them: plugins of PMIx and hwloc, parts of cuDNN and NVRTC.
put_loaded_by_name() {
  put_siblings 'libpmix.so.*' 'pmix/*.so' ompi/lib/pmix
  put_siblings 'libpmix.so.*' 'pmix2/lib/pmix/*.so' ompi/lib/pmix
  put_siblings 'libhwloc.so.*' 'hwloc/hwloc_pci.so' ompi/lib/hwloc
  put_siblings 'libcudnn.so.*' 'libcudnn_*.so.[0-9]' lib
  put_siblings 'libnvrtc.so.*' 'libnvrtc-builtins.so.[0-9]*.[0-9]' lib
}

put_extra() {
  local path=${1%%=*} target file
  target=extra/$(basename "$path")
  [ "$1" = "$path" ] || target=extra/${1#*=}
  case /$target/ in */../* | *//*) die "--add $1: expected a name inside the archive" ;; esac
  [ -e "$path" ] || die "--add $1: no such file or folder"
  if [ -d "$path" ]; then
    while read -r -d '' file; do
      put "$file" "$target/${file#"$path"/}"
      ! is_elf "$file" || put_libraries "$file"
    done < <(find "$path" -type f -print0 | sort -z)
  else
    put "$path" "$target"
    ! is_elf "$path" || put_libraries "$path"
  fi
}

# Wrappers are sh: what they set reaches what they start, and nothing else.
put_wrappers() {
  local wrapper what launcher=ompi/bin/orterun
  [ -e "$root/$launcher" ] || launcher=ompi/bin/mpirun
  mkdir -p "$root/bin"
  for wrapper in brainmt:libexec/brainmt "mpirun:$launcher" "mpiexec:$launcher" run:; do
    what=${wrapper#*:}
    {
      cat <<'TEXT'
#!/bin/sh
# Starts a program of this folder with the libraries of this folder. The folder may be moved; links to this file work.
self=$0
while [ -h "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=${self%/*}/$target ;; esac
done
case $self in */*) ;; *) self=$(command -v "$self") ;; esac
root=$(cd "${self%/*}/.." && pwd -P) || exit 70
. "$root/share/environment.sh"
TEXT
      if [ -n "$what" ]; then
        # shellcheck disable=SC2016  # for the wrapper to expand
        printf 'exec "$root/%s" "$@"\n' "$what"
      else
        cat <<'TEXT'
if [ $# -eq 0 ]; then
  echo "usage: bin/run PROGRAM [ARGUMENT...]: starts a program of extra/, or any other, as bin/brainmt is started" >&2
  exit 2
fi
exec "$@"
TEXT
      fi
    } >"$root/bin/${wrapper%%:*}"
    chmod 755 "$root/bin/${wrapper%%:*}"
  done
  mkdir -p "$root/share"
  cat >"$root/share/environment.sh" <<'TEXT'
# Sourced by bin/*: where the loader, Open MPI, PMIx, hwloc and brainmt find their parts below $root.
LD_LIBRARY_PATH=$root/lib:$root/ompi/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
PATH=$root/bin:$PATH
OPAL_PREFIX=$root/ompi OPAL_BINDIR=$root/ompi/bin OPAL_LIBDIR=$root/lib OPAL_PKGLIBDIR=$root/ompi/lib/plugins
OPAL_DATADIR=$root/ompi/share OPAL_PKGDATADIR=$root/ompi/share OPAL_SYSCONFDIR=$root/ompi/etc
OMPI_MCA_mca_base_component_path=$root/ompi/lib/plugins
PRTE_PREFIX=$root/ompi PRTE_BINDIR=$root/ompi/bin PRTE_DATADIR=$root/ompi/share PRTE_SYSCONFDIR=$root/ompi/etc
PMIX_INSTALL_PREFIX=$root/ompi PMIX_PKGLIBDIR=$root/ompi/lib/pmix PMIX_MCA_mca_base_component_path=$root/ompi/lib/pmix
HWLOC_PLUGINS_PATH=$root/ompi/lib/hwloc
BRAINMT_CONFIG_DIR=${BRAINMT_CONFIG_DIR:-$root/configs} BRAINMT_STARTED_AS=$root/bin/brainmt
# Open MPI gives up where it finds neither of these, even when it needs none.
if [ -z "${OMPI_MCA_plm:-}" ] && ! command -v ssh >/dev/null && ! command -v rsh >/dev/null; then
  export OMPI_MCA_plm=^rsh PRTE_MCA_plm=^ssh
fi
export LD_LIBRARY_PATH PATH OPAL_PREFIX OPAL_BINDIR OPAL_LIBDIR OPAL_PKGLIBDIR OPAL_DATADIR OPAL_PKGDATADIR
export OPAL_SYSCONFDIR OMPI_MCA_mca_base_component_path PMIX_INSTALL_PREFIX PMIX_PKGLIBDIR
export PRTE_PREFIX PRTE_BINDIR PRTE_DATADIR PRTE_SYSCONFDIR PMIX_MCA_mca_base_component_path HWLOC_PLUGINS_PATH BRAINMT_CONFIG_DIR BRAINMT_STARTED_AS
# Without a word of the launcher about threads, one a rank is the tested setting.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
TEXT
}

# find_packages: fills package_of[FILE] with "name version" for the files that packages own, in one query.
declare -A package_of=()
find_packages() {
  local files=() file owner line
  command -v dpkg-query >/dev/null || return 0
  declare -A version_of=()
  while IFS=$'\t' read -r owner line; do version_of[$owner]=$line; done < <(dpkg-query -W -f='${Package}\t${Version}\n')
  # /lib and /usr/lib are one folder today, but packages may list either.
  while IFS=$'\t' read -r _ file; do files+=("$file" "${file#/usr}"); done <"$origins"
  while IFS= read -r line; do
    owner=${line%%[:,]*}
    file=/${line#*: /}
    package_of[$file]="$owner ${version_of[$owner]:-}"
    package_of[/usr$file]="$owner ${version_of[$owner]:-}"
  done < <(dpkg-query -S "${files[@]}" 2>/dev/null | grep ': /')
}

# licence_near FILE: prints the licence of a file that no package owns: that of the Python package which lists it (NVIDIA's
# libraries come so), or one that lies in its folder or above.
licence_near() {
  local folder=${1%/*} record found=""
  while [ -n "$folder" ] && [ -z "$found" ]; do
    while read -r record; do
      grep -q "/${1##*/}," "$record" || continue
      found=$(find "${record%/*}" -type f -iname '*licen[cs]e*' | sort | head -n 1)
    done < <(find "$folder" -maxdepth 3 -path '*dist-info*' -name RECORD 2>/dev/null | sort)
    [ -n "$found" ] ||
      found=$(find "$folder" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'eula*' \) 2>/dev/null | sort | head -n 1)
    folder=${folder%/*}
  done
  printf '%s' "$found"
}

# Licence texts: of packages where the distribution keeps them, of other libraries as they are found, ours.
put_licences() {
  local path file package found
  : >"$work/packages"
  find_packages
  while IFS=$'\t' read -r path file; do
    package=${package_of[$file]:-}
    case $path:$file in libexec/brainmt:* | *:"$repository"/*) package="brainmt $version" ;; esac
    printf '%s\t%s\n' "$path" "${package:-without a package}" >>"$work/packages"
    if [ -f "/usr/share/doc/${package%% *}/copyright" ]; then
      put "/usr/share/doc/${package%% *}/copyright" "licences/${package%% *}"
    elif [ -z "$package" ]; then
      found=$(licence_near "$file")
      if [ -n "$found" ]; then
        put "$found" "licences/${path##*/}"
      else
        printf 'bundle.sh: warning: no licence text found for %s\n' "$path" >&2
      fi
    fi
  done < <(grep -v $'^licences/' "$origins" | grep -v $'^extra/' | sort)
  put "$repository/LICENSE" licences/brainmt
}

# The newest glibc symbol that anything in the archive asks for.
needed_glibc() {
  find "$root" -type f -print0 | sort -z | while read -r -d '' file; do
    ! is_elf "$file" || objdump -T "$file" 2>/dev/null | grep -oE 'GLIBC_2\.[0-9]+' || true
  done | sort -uV | tail -n 1 | sed 's/^GLIBC_//'
}

write_manifest() {
  {
    printf '# brainmt %s; needs glibc %s or newer\n# sha256\tbytes\tpath\torigin\n' "$version" "$(needed_glibc)"
    cd "$root" && find . -type f ! -name MANIFEST.tsv -printf '%P\t%s\n' | sort >"$work/sizes"
    cut -f 1 "$work/sizes" | tr '\n' '\0' | xargs -0 sha256sum | awk -F '\t' -v OFS='\t' '
      FILENAME == ARGV[1] { origin[$1] = $2; next }
      FILENAME == ARGV[2] { bytes[$1] = $2; next }
      { path = substr($0, 67); print substr($0, 1, 64), bytes[path], path, path in origin ? origin[path] : "-" }
    ' "$work/packages" "$work/sizes" -
  } >"$work/manifest"
  mv "$work/manifest" "$root/MANIFEST.tsv"
}

# One order, one owner, one time: SOURCE_DATE_EPOCH, or that of the commit.
pack() {
  local epoch=${SOURCE_DATE_EPOCH:-$(git -C "$repository" log -1 --format=%ct 2>/dev/null || echo 0)} compress=(gzip -9 -n)
  case $output in *.zst) compress=(zstd -q -12 -T1) ;; esac
  find "$root" -type d -exec chmod 755 {} +
  find "$root" -type f ! -perm -u+x -exec chmod 644 {} +
  if ! { tar -C "$work" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$epoch" -cf - "$name" |
    "${compress[@]}" >"$output.tmp-$$" && mv "$output.tmp-$$" "$output"; }; then
    rm -f "$output.tmp-$$"
    code=6 die "$output: cannot be written"
  fi
}

put "$program" libexec/brainmt
put_libraries "$program"
put_open_mpi
for extra in "${extras[@]}"; do put_extra "$extra"; done
put_loaded_by_name
while read -r -d '' file; do put "$file" "${file#"$repository"/}"; done \
  < <(find "$repository/configs" "$repository/scripts/slurm" -type f -print0 | sort -z)
put_wrappers
put_licences
(write_manifest)
pack
printf '%s: %s files, %s bytes, %s packed\n' "$output" "$(grep -vc '^#' "$root/MANIFEST.tsv")" \
  "$(awk -F '\t' '!/^#/ {sum += $2} END {print sum}' "$root/MANIFEST.tsv")" "$(stat -c %s "$output")"
