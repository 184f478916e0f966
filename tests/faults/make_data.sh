#!/usr/bin/env bash
# What the tests of the rows share, and must not change: scans/, phenotypes, cohort c.h5. Usage: make_data.sh BRAINMT FOLDER
set -euo pipefail
brainmt=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
"$brainmt" synth out="$folder/scans" subjects=8 'grid=[8,8,8]' frames=10 dtype=float32
"$brainmt" prepare input="$folder/scans" output="$folder/c.h5"
