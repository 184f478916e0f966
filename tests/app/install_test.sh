#!/usr/bin/env bash
# install_test.sh BRAINMT MPIEXEC CMAKE BUILD: cmake --install into a prefix, which is then moved.
# shellcheck source=tests/app/checks.sh
source "$(dirname "$0")/checks.sh"
cmake=$3
build=$4
unset BRAINMT_CONFIG_DIR
cd "$work" || exit 1

check "cmake --install"
expect 0 "" "" "$cmake" --install "$build" --prefix "$work/first"
mv first moved
for file in bin/brainmt share/brainmt/configs/model/small.yaml share/brainmt/docs/layouts.md share/brainmt/README.md; do
  [ -e "moved/$file" ] || fail "not installed: $file"
done
[ -n "$(find moved/share/brainmt/scripts/slurm -name '*.sbatch' -executable -o -name '*.sbatch')" ] || fail "no batch scripts"
expect 0 stdout brainmt moved/bin/brainmt --version

check "configurations of the prefix"
# A change there tells them from those of the checkout.
sed -i 's/^\( *\)embed_dim:.*/\1embed_dim: 48/' moved/share/brainmt/configs/model/small.yaml
expect 0 stdout "embed_dim: 48" moved/bin/brainmt train --cfg model=small
ln -s moved/bin/brainmt linked
expect 0 stdout "embed_dim: 48" ./linked train --cfg model=small
finish
