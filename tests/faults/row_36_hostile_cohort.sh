#!/usr/bin/env bash
# Row 36: cohort files made with h5py that would lead the reader elsewhere or cost it memory: all refused with exit 3, and
# what they point at is not opened. Usage: row_36_hostile_cohort.sh BRAINMT MPIEXEC DATA
# shellcheck source=tests/faults/rows.sh
. "$(dirname "$0")/rows.sh"
python=${BRAINMT_PYTHON:-python3}
"$python" -c 'import h5py' 2>/dev/null || skip "no Python with h5py on this machine (Debian: python3-h5py)"

# One file a hostile idea; each line of the output: NAME EXPECTED, a text of the message.
"$python" - "$data/c.h5" "$work" >"$work/list" <<'PYTHON'
import shutil, sys
import h5py, numpy as np

source, work = sys.argv[1:]
secret = work + "/secret.bin"
open(secret, "wb").write(b"s" * 100000)
shutil.copy(source, work + "/other.h5")
h5py.get_config()

def variant(name, expected, array="frames"):
    def make(change):
        path = f"{work}/{name}.h5"
        shutil.copy(source, path)
        with h5py.File(path, "r+") as f:
            shape, kind = f[array].shape, f[array].dtype
            values = f[array][...]
            del f[array]
            change(f, shape, kind, values)
        print(name, expected, sep="\t")
    return make

@variant("soft_link", "link")
def _(f, shape, kind, values): f["moved"] = values; f["frames"] = h5py.SoftLink("/moved")
@variant("external_link", "link")
def _(f, shape, kind, values): f["frames"] = h5py.ExternalLink(work + "/other.h5", "/frames")
@variant("link_to_a_group", "link", "scans/frames")
def _(f, shape, kind, values):
    f.move("scans", "hidden"); f["hidden/frames"] = values; f["scans"] = h5py.SoftLink("/hidden")
@variant("external_storage", "another file")
def _(f, shape, kind, values): f.create_dataset("frames", shape, kind, external=[(secret, 0, h5py.h5f.UNLIMITED)])
@variant("virtual", "one piece")
def _(f, shape, kind, values):
    layout = h5py.VirtualLayout(shape, kind); layout[...] = h5py.VirtualSource(work + "/other.h5", "frames", shape)
    f.create_virtual_dataset("frames", layout)
@variant("huge_chunk", "one piece")
def _(f, shape, kind, values): f.create_dataset("frames", (1 << 30, 1 << 20), kind, chunks=(1 << 10, 1 << 20))
@variant("gzip", "one piece")
def _(f, shape, kind, values): f.create_dataset("frames", data=values, chunks=shape, compression="gzip")
@variant("unknown_filter", "one piece")
def _(f, shape, kind, values):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(shape)
    plist.set_filter(32999, h5py.h5z.FLAG_OPTIONAL, ())
    h5py.h5d.create(f.id, b"frames", h5py.h5t.py_create(kind), h5py.h5s.create_simple(shape), plist)
@variant("huge_sparse", "frames")
def _(f, shape, kind, values): f.create_dataset("frames", (1 << 40, shape[1]), kind, chunks=(1, shape[1]))
@variant("other_type", "element type")
def _(f, shape, kind, values): f["frames"] = values.astype("f8")
@variant("other_rank", "frames")
def _(f, shape, kind, values): f["frames"] = values.ravel()
@variant("group", "not an array")
def _(f, shape, kind, values): f.create_group("frames")
@variant("missing", "missing")
def _(f, shape, kind, values): pass
@variant("long_text", "text", "scans/participant_id")
def _(f, shape, kind, values): f["scans/participant_id"] = np.zeros(shape, dtype="S100000")
@variant("variable_text", "scans/participant_id", "scans/participant_id")
def _(f, shape, kind, values): f.create_dataset("scans/participant_id", shape, h5py.string_dtype())
@variant("wrapping_frames", "frames", "scans/frames")
def _(f, shape, kind, values): f["scans/frames"] = np.full(shape, 2**63, dtype="u8")
@variant("overlapping_scans", "scan", "scans/first_frame")
def _(f, shape, kind, values): f["scans/first_frame"] = np.zeros(shape, dtype="u8")
@variant("huge_mask", "mask", "mask")
def _(f, shape, kind, values): f.create_dataset("mask", (1 << 14, 1 << 14, 1 << 14), kind, chunks=(1, 1, 1 << 14))
PYTHON
[ "$(wc -l <"$work/list")" -eq 18 ] || fail "the files could not be made"

while IFS=$'\t' read -r name expected; do
  check "$name"
  expect 3 stderr "$expected" timeout 20 "$brainmt" inspect --verify "$work/$name.h5"
  grep -qF "$name.h5" "$work/stderr" || fail "the file is not named"
  expect_one_line
done <"$work/list"

check "what the links point at is never opened"
if command -v strace >/dev/null; then
  for name in external_link external_storage virtual; do
    strace -f -e trace=open,openat -o "$work/trace" "$brainmt" inspect "$work/$name.h5" >/dev/null 2>&1
    grep -qE 'other\.h5|secret\.bin' "$work/trace" && fail "$name leads elsewhere"
  done
fi
# Nor is a plugin looked for: the search path holds one that would end the process when it is loaded.
expect 3 stderr "one piece" env HDF5_PLUGIN_PATH="$work" "$brainmt" inspect "$work/unknown_filter.h5"
finish
