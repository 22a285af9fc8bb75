//! The texts below the flags in `--help`: examples, exit codes and file formats of each command.

pub(super) const ROOT: &str = "\
Examples:
  cityseal demo                                      see everything at work, in a few seconds
  cityseal devices                                   list the devices and their states
  cityseal seal --header HEX --nonces 0..=99999999   search for the nonce of a header
  cityseal verify headers.bin --network mainnet      check a chain of headers from its genesis
  cityseal receipt verify receipt.json --key K       check what another party verified and signed
  cityseal bench                                     measure this machine; every answer is checked
  cityseal drill                                     inject faults into each device; check that answers stay right
  cityseal serve                                     offer sealing and verification over gRPC
  cityseal help verify                               describe a command and its flags

Exit codes:
  0 yes (sealed, valid, right)
  1 a clear no (exhausted, fault, wrong answer)
  2 anything else
Answers go to stdout; notes, progress and errors go to stderr.

Environment: CITYSEAL_CONFIG (a TOML file of defaults), CITYSEAL_KERNEL, CITYSEAL_LOG, NO_COLOR.
Flags override the environment, and the environment overrides the file.";

pub(super) const DEVICES: &str = "\
Examples:
  cityseal devices                      every adapter, with the reason why it is used or not
  cityseal devices --allow-software     test and use software adapters too
  cityseal devices --json

Exit codes: 0 listed, 2 anything else.";

pub(super) const SELFTEST: &str = "\
Examples:
  cityseal selftest                     every kernel of this CPU and every ready device
  cityseal selftest --device gpu
  cityseal selftest --kernel avx2 --json

Exit codes: 0 every answer was right, 1 one was wrong, 2 anything else.";

pub(super) const DEMO: &str = "\
Examples:
  cityseal demo
  cityseal demo --keep city

With --keep the folder has: headers.bin, blocks.dat, city.toml (the chain and its rules), forged-blocks.dat,
forged-headers.bin, chain.receipt, auditor.pub, auditor.key (made new each time), and README.txt with commands to try.

Exit codes: 0 every answer was right, 2 anything else.";

pub(super) const DRILL: &str = "\
Examples:
  cityseal drill                                     every ready device; the CPU is treated as an untrusted device
  cityseal drill --device \"GeForce RTX 4090\" --json
  cityseal drill --device llvmpipe --allow-software

Each device gets these faults, one after the other: a loss, a hang, a driver that never returns, false hits, missed
hits, zeros, and wrong hashes in a chain. The device is real and runs its batches; only its answers are changed. Each
result is compared with that of the CPU alone, and the searched nonces are checked for gaps. \"Taken over after\" is the
time from the fault until a CPU thread started the work that the device had.

Exit codes: 0 every answer was right, 1 one was wrong, 2 anything else.";

pub(super) const BENCH: &str = "\
Examples:
  cityseal bench --kernel all --threads 1      every kernel of this CPU on one thread
  cityseal bench --mode headers --seconds 2    header hashing, 2 seconds a row
  cityseal bench --sweep all                   a row for 1, 2, 4, … and all threads
  cityseal bench --mode headers --by-batch     header hashing by batch size
  cityseal bench --mode latency                latency of a hit, a cancel and a round trip
  cityseal bench --device gpu --json           the GPUs, as JSON
  cityseal bench --record bench-results        save the figures with their machine and commit
  cityseal bench compare before after          compare two records: better, same or worse beyond noise
  cityseal bench report bench-results --out bench.html

Each figure is the median of several laps. The baseline, a plain loop of the sha2 crate on the same number of threads,
runs between the laps. A row is printed as soon as it is measured.

Exit codes: 0 measured, 1 an answer was wrong, 2 anything else.";

pub(super) const COMPARE: &str = "\
Examples:
  cityseal bench compare before.json after.json
  cityseal bench compare bench-results/before bench-results/after --json

A row is a device with its kernel, mode and number of threads. Its noise is the spread of its laps,
(max - min) / median, on the noisier of the two sides, and at least 2 %. A median is better or worse if it differs by
more than that.

Exit codes: 0 nothing is worse, 1 a row is worse or its answers were wrong, 2 no comparison (unreadable, or no row in
common).";

pub(super) const REPORT: &str = "\
Examples:
  cityseal bench report bench-results --out bench.html
  cityseal bench report bench-results --out bench.html --svg plots

Exit codes: 0 written, 2 anything else.";

pub(super) const SEAL: &str = "\
Examples:
  cityseal seal --header HEX --nonces 2083000000..=2084000000
  cityseal seal --header HEX --target 207fffff --nonces 0..=20 --all --json
  cityseal seal --header HEX --version-mask 1fffe000 --time-window 600
  cityseal seal --template job.json

On a terminal, progress shows the percentage searched, the time to the end of the space at the current rate, and how
likely the rest of the space holds a seal.

Exit codes: 0 sealed, 1 exhausted (the whole space was searched), 2 anything else.";

/// What `seal --help` adds about the file of `--template`.
pub(super) fn seal_with_template() -> String {
    format!("{SEAL}\n\n{TEMPLATE_HEAD}\n{TEMPLATE_SAMPLE}\n\n{TEMPLATE_NOTES}")
}

const TEMPLATE_HEAD: &str = "Template file (job.json), with every key that one file can have:";

/// A template that the program accepts: the successor of Bitcoin's genesis block, with an extranonce in its coinbase.
pub(super) const TEMPLATE_SAMPLE: &str = r#"{
  "version": "20000000",
  "prev_block_hash": "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
  "time": 1231469665,
  "bits": "1d00ffff",
  "version_mask": "1fffe000",
  "time_window": 60,
  "nonces": { "first": 0, "last": 4294967295 },
  "target": "1d00ffff",
  "coinbase": {
    "prefix": "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0904ffff001d",
    "suffix": "ffffffff0100f2052a01000000015100000000",
    "extranonce_size": 4,
    "extranonce_first": "00000000",
    "extranonce_last": "ffffffff"
  },
  "merkle_branch": ["9b0fc92260312ce44e74ef369f5c66bb85b66f1e4a8e1f0a9e2b3c4d5e6f7081"]
}"#;

const TEMPLATE_NOTES: &str = "\
\"header\" (160 hex digits in wire order) may replace version, prev_block_hash, merkle_root, time and bits. Without a
coinbase, \"merkle_root\" (64 hex digits, as block explorers show them) is required, unless \"header\" is given. With a
coinbase the Merkle root is computed for each extranonce from the coinbase and merkle_branch (64 hex digits a node, in
wire order, as Stratum sends them); \"merkle_root\" is then refused. The other keys are optional.";

pub(super) const VERIFY: &str = "\
Examples:
  cityseal verify headers.bin                                  Bitcoin's main chain from its genesis
  cityseal verify tail.bin --start-height 822528 --context before.bin
  gunzip -c headers.hex.gz | cityseal verify - --network testnet3 --start-height 1
  cityseal verify city.bin --network city.toml --json
  cityseal verify ~/.bitcoin/blocks                            the best chain in a node's folder of blocks
  cityseal verify headers.bin --shard 2/3 --out 2.part         one third, on one of three machines
  cityseal verify --join 1.part 2.part 3.part                  merge the shards into one verdict
  cityseal verify --txoutproof proof.hex --txid TXID           is this transaction in the proof's block?
  cityseal verify --txoutproof proof.hex headers.bin           and is that block in this chain?

A proof by itself shows that transactions are in the block with its header, and that this header has the work that it
claims. Whether the block is in the best chain, which may require more work, is checked only with FILE.

Exit codes: 0 valid, 1 a fault (the first one, exactly), 2 incomplete or bad input.";

pub(super) const SERVE: &str = "\
Examples:
  cityseal serve                                  on 127.0.0.1:50051
  cityseal serve --listen 127.0.0.1:0 --json      on a free port; the address is printed as JSON
  cityseal serve --key auditor.key                issue signed receipts
  cityseal serve --state state                    keep jobs across restarts and crashes
  cityseal serve --dashboard 127.0.0.1:8080       with a dashboard for a browser
  cityseal serve --listen 0.0.0.0:50051 --config city.toml      with TLS and tenants (see `cityseal certs --help`)

Ctrl-C or SIGTERM drains the service: its health becomes NOT_SERVING, after --lame-duck it accepts no new work, ends its
open streams and stops. With --state its jobs continue when it is started again; otherwise they are cancelled. A second
signal ends it at once. SIGHUP reloads certificates, tokens and tenants; so does a change
of one of their files. If a new file is broken, the old state stays.

Exit codes: 0 drained after a signal, 2 anything else.";
