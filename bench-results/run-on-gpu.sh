#!/usr/bin/env bash
# For a machine with a real GPU: builds, runs the known-answer tests on every GPU, searches for a known nonce, injects
# faults, measures all modes and all shader variants with checked answers, and records the figures here.
#
#   bench-results/run-on-gpu.sh                                 every GPU that is found
#   bench-results/run-on-gpu.sh --device "GeForce RTX 4090"     this one
#   bench-results/run-on-gpu.sh --device llvmpipe --allow-software   a rehearsal on a machine without a GPU
#
# SECONDS_A_ROW (10): how long a row is measured. RECORD_IN (bench-results): where the records go. If
# CITYSEAL_TEST_DEVICE is set to a part of the GPU's name, the shader tests run on that GPU too. `isa_bound` in a row of
# `search` is the ratio to the bound that bench-results/isa/README.md predicts: a ratio above 1 means that the count is
# wrong.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- --device gpu
seconds=${SECONDS_A_ROW:-10}
records=${RECORD_IN:-bench-results}

cargo build --release --locked --package cityseal
cityseal=${CARGO_TARGET_DIR:-target}/release/cityseal

say() { printf '\n== %s\n' "$*"; }

say "devices"
"$cityseal" devices "$@"

say "known-answer tests"
"$cityseal" selftest "$@"

say "the nonce of the first block, in a range of a million"
merkle_root=3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a
header=01000000$(printf '%064d' 0)${merkle_root}29ab5f49ffff001d00000000
"$cityseal" seal --header "$header" --nonces 2083000000..=2084000000 "$@"

if [ -n "${CITYSEAL_TEST_DEVICE:-}" ]; then
  say "shader tests and tests on real chains, on $CITYSEAL_TEST_DEVICE"
  CITYSEAL_REQUIRE=lavapipe cargo test --locked --package cityseal-gpu --test lavapipe
  CITYSEAL_REQUIRE=lavapipe cargo test --locked --package cityseal-tests --test whole -- lavapipe
fi

say "injected faults"
"$cityseal" drill "$@"

for mode in search search-shared headers merkle verify; do
  say "bench --mode $mode"
  "$cityseal" bench --mode "$mode" --seconds "$seconds" --record "$records" "$@"
done
say "bench --mode latency"
"$cityseal" bench --mode latency --record "$records" "$@"

for mode in search search-shared; do
  say "bench --mode $mode, every shader variant"
  "$cityseal" bench --mode "$mode" --kernel all --seconds "$seconds" "$@"
done

say "one page of all records"
"$cityseal" bench report "$records" --out "${CARGO_TARGET_DIR:-target}/bench-report.html"
