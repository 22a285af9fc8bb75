//! The binary verifies real chains on every worker: they are valid, and the JSON is identical.

use cityseal_engine::chain::{BlockHeader, Network, Parameters};
use cityseal_engine::{Engine, VerifyRequest};
use cityseal_tests::data::{data_bytes, data_bytes_if_any, data_dir, data_file, mainnet_start};
use cityseal_tests::easy_chain::{easy_chain, packed};
use cityseal_tests::folder::Folder;
use cityseal_tests::on_every_worker;
use cityseal_tests::program::{Ended, Program};
use cityseal_tests::shipped::mainnet_headers;
use cityseal_tests::worker::Worker;
use serde_json::Value;

use crate::cityseal;

/// The worker that all others are compared with.
const REFERENCE: Worker = Worker::Kernel("portable");

fn verify(worker: Worker, words: &[&str]) -> Program {
    cityseal().args(["verify", "--json"]).args(worker.flags()).args(words.iter().copied())
}

/// The JSON without the fields that differ between runs.
fn comparable(ended: &Ended) -> Value {
    let mut answer = ended.json();
    let fields = answer.as_object_mut().expect("an answer is an object");
    fields.remove("devices").expect("an answer lists its devices");
    fields.remove("seconds").expect("an answer has its duration");
    answer
}

/// Asserts that the worker finds `count` valid headers up to height `tip`, with the JSON of the reference worker.
/// Returns the JSON.
fn assert_valid(worker: Worker, program: impl Fn(Worker) -> Program, count: u64, tip: u64) -> Value {
    let ended = program(worker).run().with_code(0);
    let answer = comparable(&ended);
    assert_eq!((&answer["verdict"], &answer["count"]), (&"valid".into(), &count.into()));
    assert_eq!(answer["tip"]["height"], tip);
    worker.assert_done_in(&ended.json(), "headers", count);
    if worker != REFERENCE {
        assert_eq!(answer, comparable(&program(REFERENCE).run()));
    }
    answer
}

fn the_start_of_mainnet_is_valid(worker: Worker, _test: &str) {
    let start = mainnet_start();
    let folder = Folder::new();
    let file = folder.write("mainnet.bin", &start.headers);
    let answer = assert_valid(worker, |worker| verify(worker, &[&file]), start.count(), start.count() - 1);
    assert_eq!(answer["tip"]["hash"], start.tip_hash);
    assert!(answer["tip"]["chain_work"].as_str().unwrap().ends_with(start.chain_work), "{answer}");
    assert_eq!(answer["not_checked"], serde_json::json!([]));
}
on_every_worker!(the_start_of_mainnet_is_valid);

fn a_later_part_of_mainnet_ends_with_the_work_of_the_whole_chain(worker: Worker, _test: &str) {
    let start = mainnet_start();
    // Every header up to this height has bits 1d00ffff, the work of 0x1_0001_0001 hashes.
    let from: u64 = 1_000;
    let (folder, work_before) = (Folder::new(), format!("{:064x}", from * 0x1_0001_0001));
    let file = folder.write("late.bin", &start.headers[80 * from as usize..]);
    let words = [&*file, "--start-height", "1000", "--start-work", &work_before];
    let answer = assert_valid(worker, |worker| verify(worker, &words), start.count() - from, start.count() - 1);
    assert!(answer["tip"]["chain_work"].as_str().unwrap().ends_with(start.chain_work), "{answer}");
}
on_every_worker!(a_later_part_of_mainnet_ends_with_the_work_of_the_whole_chain);

/// Runs a check on every worker that this machine has.
fn on_all(test: &str, check: impl Fn(Worker)) {
    Worker::ALL.into_iter().filter(|worker| worker.ready_or_skip(test)).for_each(check);
}

fn signet_is_valid_except_for_its_signatures() {
    let test = "signet_is_valid_except_for_its_signatures";
    let Some(file) = data_file(test, "headers/signet_0_2015.bin") else { return };
    let file = file.to_string_lossy();
    on_all(test, |worker| {
        let answer = assert_valid(worker, |worker| verify(worker, &[&file, "--network", "signet"]), 2_016, 2_015);
        let rules: Vec<&Value> = answer["not_checked"].as_array().unwrap().iter().map(|range| &range["rule"]).collect();
        assert_eq!(rules, ["BIP325"]);
    });
}

fn an_alternative_mainnet_is_valid_past_a_clamped_retarget() {
    let test = "an_alternative_mainnet_is_valid_past_a_clamped_retarget";
    let Some(file) = data_file(test, "headers/mainnet_alt_0_2016.bin") else { return };
    let file = file.to_string_lossy();
    on_all(test, |worker| {
        assert_valid(worker, |worker| verify(worker, &[&file]), 2_017, 2_016);
    });
}

fn testnet_from_stdin_is_valid_through_its_easy_headers() {
    let test = "testnet_from_stdin_is_valid_through_its_easy_headers";
    let Some(bytes) = data_bytes(test, "headers/testnet3_1_546_and_fork.hex") else { return };
    let text = String::from_utf8(bytes).unwrap();
    let main = text.lines().filter(|line| !line.starts_with("fork:")).collect::<Vec<_>>().join("\n") + "\n";
    let words = ["-", "--network", "testnet3", "--start-height", "1"];
    on_all(test, |worker| {
        assert_valid(worker, |worker| verify(worker, &words).stdin(main.clone().into_bytes()), 546, 546);
    });
}

/// One test, and therefore one skip, for all chains of the data folder.
#[test]
fn chains_of_other_networks_and_late_periods_are_valid_on_every_worker() {
    if data_dir("chains_of_other_networks_and_late_periods_are_valid_on_every_worker").is_some() {
        signet_is_valid_except_for_its_signatures();
        an_alternative_mainnet_is_valid_past_a_clamped_retarget();
        testnet_from_stdin_is_valid_through_its_easy_headers();
        two_late_periods_of_mainnet_end_with_the_recorded_work();
    }
}

/// The row of a height in the CSV file of period edges: (header, chain work).
fn edge(csv: &str, height: u64) -> (String, String) {
    let row = csv.lines().find(|line| line.starts_with(&format!("{height},"))).expect("the file has the height");
    let mut cells = row.split(',').skip(1).map(str::to_owned);
    (cells.next().expect("a header"), cells.next().expect("chain work"))
}

fn two_late_periods_of_mainnet_end_with_the_recorded_work() {
    let test = "two_late_periods_of_mainnet_end_with_the_recorded_work";
    let Some(file) = data_file(test, "headers/mainnet_822528_826559.bin") else { return };
    let Some(csv) = data_bytes(test, "headers/mainnet_period_edges_0_832608.csv") else { return };
    let (csv, file) = (String::from_utf8(csv).unwrap(), file.to_string_lossy());
    let (_, work_before) = edge(&csv, 822_527);
    let (header, work) = edge(&csv, 826_559);
    let words = [&*file, "--start-height", "822528", "--start-work", &work_before];
    let wire = BlockHeader::from_hex(&header).unwrap();
    on_all(test, |worker| {
        let answer = assert_valid(worker, |worker| verify(worker, &words), 4_032, 826_559);
        assert_eq!(answer["tip"]["chain_work"], work);
        assert_eq!(answer["tip"]["hash"], wire.hash().to_display_hex());
    });
}

/// Headers with their heights: every 37th header that a package ships and, with the data folder, the first and last
/// header of every difficulty period of mainnet.
fn single_headers() -> Vec<(u64, BlockHeader)> {
    let shipped = mainnet_headers();
    let spread =
        (0..).zip(shipped.as_chunks().0).step_by(37).map(|(height, wire)| (height, BlockHeader::from_wire(wire)));
    let mut rows: Vec<_> = spread.collect();
    if let Some(csv) = data_bytes_if_any("headers/mainnet_period_edges_0_832608.csv") {
        let csv = String::from_utf8(csv).unwrap();
        rows.extend(csv.lines().skip(1).map(edge_of));
        assert!(rows.len() > 800, "{} rows", rows.len());
    }
    rows
}

/// Verifies each header alone: rules that need more history are not checked, and the answer lists them.
fn a_single_header_gets_the_verdict_of_the_portable_kernel(worker: Worker, test: &str) {
    let (Some(engine), Some(reference)) = (worker.engine(test), REFERENCE.engine(test)) else { return };
    for (height, header) in single_headers() {
        let verify = |engine: &Engine| {
            let request = VerifyRequest::new(Parameters::of(Network::Mainnet), u64::MAX / 2).start_height(height);
            engine.verify(request, &header.to_wire()[..], |_| {}).unwrap()
        };
        let [found, expected] = [&engine, &reference].map(verify);
        assert_eq!((found.verdict, found.count, found.tip), (expected.verdict, 1, expected.tip), "height {height}");
        assert_eq!(found.not_checked, expected.not_checked, "height {height}");
    }
}
on_every_worker!(a_single_header_gets_the_verdict_of_the_portable_kernel);

fn edge_of(row: &str) -> (u64, BlockHeader) {
    let mut cells = row.split(',');
    let height = cells.next().unwrap().parse().unwrap();
    (height, BlockHeader::from_hex(cells.next().unwrap()).unwrap())
}

fn a_broken_link_is_the_same_fault_in_every_notation(worker: Worker, _test: &str) {
    let mut chain = easy_chain(300);
    chain[200].time += 1;
    // Seal the header again, so that only its child's link is broken.
    let target = chain[200].bits.decode().unwrap();
    while !target.is_met_by(&chain[200].hash()) {
        chain[200].nonce += 1;
    }
    let folder = Folder::new();
    let bytes = folder.write("chain.bin", packed(&chain));
    let text = folder.write("chain.hex", chain.iter().map(|h| h.to_hex() + "\n").collect::<String>());
    let fault_of = |file: &str| {
        let ended = verify(worker, &[file, "--network", "regtest"]).run().with_code(1);
        comparable(&ended)["fault"].clone()
    };
    let (fault, mut fault_in_text) = (fault_of(&bytes), fault_of(&text));
    assert_eq!((&fault["height"], &fault["rule"], &fault["name"]), (&201.into(), &"R06".into(), &"link".into()));
    assert_eq!(fault["offset"], 201 * 80);
    assert_eq!(fault["expected"], chain[200].hash().to_display_hex());
    assert_eq!(fault["found"], chain[201].prev_block_hash.to_display_hex());
    let line = fault_in_text.as_object_mut().unwrap().remove("line");
    assert_eq!(line, Some(202.into()));
    assert_eq!(fault_in_text, fault);
}
on_every_worker!(a_broken_link_is_the_same_fault_in_every_notation);
