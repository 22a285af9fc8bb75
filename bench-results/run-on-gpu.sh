#!/usr/bin/env bash
# The one command for a machine with a real GPU: builds, asks every GPU the questions with known answers, lets it find what is
# known to be there, makes it fail on purpose, measures all modes and all variants of the shaders with the answers checked, and
# records them here.
#
#   bench-results/run-on-gpu.sh                                 every GPU that is found
#   bench-results/run-on-gpu.sh --device "GeForce RTX 4090"     this one, which the tests run on too
#   bench-results/run-on-gpu.sh --device llvmpipe --allow-software   a rehearsal on a machine without one
#
# SECONDS_A_ROW (10) is how long a row is measured, RECORD_IN (bench-results) where records go. The tests run where
# CITYSEAL_TEST_DEVICE holds a part of the GPU's name. `isa_bound` in a row of `search` is its share of the bound that
# bench-results/isa/README.md predicts: above 1 it is a fault in the count.
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

say "questions with known answers"
"$cityseal" selftest "$@"

say "the nonce of the first block, among a million"
merkle_root=3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a
header=01000000$(printf '%064d' 0)${merkle_root}29ab5f49ffff001d00000000
"$cityseal" seal --header "$header" --nonces 2083000000..=2084000000 "$@"

if [ -n "${CITYSEAL_TEST_DEVICE:-}" ]; then
  say "the tests of the shaders and of the whole, on $CITYSEAL_TEST_DEVICE"
  CITYSEAL_REQUIRE=lavapipe cargo test --locked --package cityseal-gpu --test lavapipe
  CITYSEAL_REQUIRE=lavapipe cargo test --locked --package cityseal-tests --test whole -- lavapipe
fi

say "faults on purpose"
"$cityseal" drill "$@"

for mode in search search-shared headers merkle verify; do
  say "bench --mode $mode"
  "$cityseal" bench --mode "$mode" --seconds "$seconds" --record "$records" "$@"
done
say "bench --mode latency"
"$cityseal" bench --mode latency --record "$records" "$@"

for mode in search search-shared; do
  say "bench --mode $mode, each variant of the shaders"
  "$cityseal" bench --mode "$mode" --kernel all --seconds "$seconds" "$@"
done

say "one page of all records"
"$cityseal" bench report "$records" --out "${CARGO_TARGET_DIR:-target}/bench-report.html"
