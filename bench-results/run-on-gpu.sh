#!/usr/bin/env bash
# The one command for a machine with a real GPU: builds, asks every GPU the questions with known answers, lets it find what is
# known to be there, measures all modes with the answers checked, and records them here.
#
#   bench-results/run-on-gpu.sh                                 every GPU that is found
#   bench-results/run-on-gpu.sh --device "GeForce RTX 4090"     this one
#   bench-results/run-on-gpu.sh --device llvmpipe --allow-software   a rehearsal on a machine without one
#
# Hold the rates against the bounds that bench-results/isa/README.md predicts: a rate above its bound is a fault in the count.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- --device gpu

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

for mode in search search-shared headers merkle verify; do
  say "bench --mode $mode"
  "$cityseal" bench --mode "$mode" --seconds 10 --record bench-results "$@"
done
say "bench --mode latency"
"$cityseal" bench --mode latency --record bench-results "$@"

say "one page of all records"
"$cityseal" bench report bench-results --out "${CARGO_TARGET_DIR:-target}/bench-report.html"
