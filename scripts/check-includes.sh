#!/usr/bin/env bash
# Include directions: every #include of a folder by another one stands in scripts/includes.txt; families of models are
# named below src/models only. Prints each line that breaks a rule.
set -euo pipefail
cd "$(dirname "$0")/.."

arrows() {
  grep -rnoE '^#include "[a-z_]+/' --include='*.hpp' --include='*.cpp' --include='*.cu' src kernels io jobs bench |
    sed -E 's/^((src\/)?([a-z_]+)\/[^:]*:[0-9]+):#include "([a-z_]+)\//\1 \3 \4/'
}
broken=$(arrows | awk '
  FNR == NR { if ($0 !~ /^#/ && NF) { folder = $1; sub(":", "", folder); known[folder]; for (i = 2; i <= NF; ++i) allowed[folder, $i] } next }
  ($3 in known) && $2 != $3 && !(($2, $3) in allowed) { print $1 ": " $2 " may not include " $3 " (scripts/includes.txt)" }
' scripts/includes.txt -)

# A model is reached by models/model.hpp and models/registry.hpp; "brainmt" is also the program's name.
families=$(sed -nE 's/^ *\{"([a-z_]+)", InputKind.*/\1/p' src/models/registry.cpp | paste -sd '|')
named=$(grep -rnE "models/($families)\.hpp|\\bBrainMT\\b|\"(${families#brainmt|})\"" --include='*.hpp' --include='*.cpp' \
  src kernels io jobs bench | grep -v '^src/models/' |
  sed -E 's/^([^:]*:[0-9]*):.*/\1: names a family of models/' || true)

if [ -n "$broken$named" ]; then
  printf '%s\n' "$broken" "$named" | sed '/^$/d'
  exit 1
fi
