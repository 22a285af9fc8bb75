//! Whole real chains through the binary, on every worker: valid, and with one and the same JSON.

use cityseal_engine::chain::{BlockHeader, Network, Parameters};
use cityseal_engine::{Engine, VerifyRequest};
use cityseal_tests::data::{data_bytes, data_file};
use cityseal_tests::easy_chain::{easy_chain, packed};
use cityseal_tests::folder::Folder;
use cityseal_tests::on_every_worker;
use cityseal_tests::program::{Ended, Program};
use cityseal_tests::worker::Worker;
use serde_json::Value;

use crate::cityseal;

/// The worker that all others are compared with.
const REFERENCE: Worker = Worker::Kernel("portable");

fn verify(worker: Worker, words: &[&str]) -> Program {
    cityseal().args(["verify", "--json"]).args(worker.flags()).args(words.iter().copied())
}

/// The JSON without what may differ from run to run.
fn comparable(ended: &Ended) -> Value {
    let mut answer = ended.json();
    let fields = answer.as_object_mut().expect("an answer is an object");
    fields.remove("devices").expect("an answer says who worked");
    fields.remove("seconds").expect("an answer says how long it took");
    answer
}

/// Demands VALID with `count` headers up to `tip`, by this worker and exactly as by the reference. Gives the JSON.
fn demand_valid(worker: Worker, program: impl Fn(Worker) -> Program, count: u64, tip: u64) -> Value {
    let ended = program(worker).run().with_code(0);
    let answer = comparable(&ended);
    assert_eq!((&answer["verdict"], &answer["count"]), (&"valid".into(), &count.into()));
    assert_eq!(answer["tip"]["height"], tip);
    worker.demand_share_in(&ended.json(), "headers", count);
    if worker != REFERENCE {
        assert_eq!(answer, comparable(&program(REFERENCE).run()));
    }
    answer
}

fn mainnet_is_valid_up_to_its_first_real_retarget(worker: Worker, test: &str) {
    let Some(file) = data_file(test, "headers/mainnet_0_32260.bin") else { return };
    let file = file.to_string_lossy();
    let answer = demand_valid(worker, |worker| verify(worker, &[&file]), 32_261, 32_260);
    assert!(answer["tip"]["chain_work"].as_str().unwrap().ends_with("7e066822ed1a"), "{answer}");
    assert_eq!(answer["not_checked"], serde_json::json!([]));
}
on_every_worker!(mainnet_is_valid_up_to_its_first_real_retarget);

fn signet_is_valid_but_for_its_signatures(worker: Worker, test: &str) {
    let Some(file) = data_file(test, "headers/signet_0_2015.bin") else { return };
    let file = file.to_string_lossy();
    let answer = demand_valid(worker, |worker| verify(worker, &[&file, "--network", "signet"]), 2_016, 2_015);
    let rules: Vec<&Value> = answer["not_checked"].as_array().unwrap().iter().map(|range| &range["rule"]).collect();
    assert_eq!(rules, ["BIP325"]);
}
on_every_worker!(signet_is_valid_but_for_its_signatures);

fn an_alternative_mainnet_is_valid_past_a_clamped_retarget(worker: Worker, test: &str) {
    let Some(file) = data_file(test, "headers/mainnet_alt_0_2016.bin") else { return };
    let file = file.to_string_lossy();
    demand_valid(worker, |worker| verify(worker, &[&file]), 2_017, 2_016);
}
on_every_worker!(an_alternative_mainnet_is_valid_past_a_clamped_retarget);

fn testnet_from_stdin_is_valid_through_its_easy_headers(worker: Worker, test: &str) {
    let Some(bytes) = data_bytes(test, "headers/testnet3_1_546_and_fork.hex") else { return };
    let text = String::from_utf8(bytes).unwrap();
    let main = text.lines().filter(|line| !line.starts_with("fork:")).collect::<Vec<_>>().join("\n") + "\n";
    let words = ["-", "--network", "testnet3", "--start-height", "1"];
    demand_valid(worker, |worker| verify(worker, &words).stdin(main.clone().into_bytes()), 546, 546);
}
on_every_worker!(testnet_from_stdin_is_valid_through_its_easy_headers);

/// The row of the CSV of period edges: (header, chain work).
fn edge(csv: &str, height: u64) -> (String, String) {
    let row = csv.lines().find(|line| line.starts_with(&format!("{height},"))).expect("the height is an edge");
    let mut cells = row.split(',').skip(1).map(str::to_owned);
    (cells.next().expect("a header"), cells.next().expect("chain work"))
}

fn a_late_part_of_mainnet_ends_with_the_recorded_work(worker: Worker, test: &str) {
    let Some(file) = data_file(test, "headers/mainnet_822528_826559.bin") else { return };
    let Some(csv) = data_bytes(test, "headers/mainnet_period_edges_0_832608.csv") else { return };
    let (csv, file) = (String::from_utf8(csv).unwrap(), file.to_string_lossy());
    let (_, work_before) = edge(&csv, 822_527);
    let (header, work) = edge(&csv, 826_559);
    let words = [&*file, "--start-height", "822528", "--start-work", &work_before];
    let answer = demand_valid(worker, |worker| verify(worker, &words), 4_032, 826_559);
    let wire = BlockHeader::from_hex(&header).unwrap();
    assert_eq!(answer["tip"]["chain_work"], work);
    assert_eq!(answer["tip"]["hash"], wire.hash().to_display_hex());
}
on_every_worker!(a_late_part_of_mainnet_ends_with_the_recorded_work);

/// Each edge of a period by itself: of what needs more history nothing is judged, and that is said.
fn every_edge_of_a_period_is_judged_as_the_portable_kernel_judges_it(worker: Worker, test: &str) {
    let Some(csv) = data_bytes(test, "headers/mainnet_period_edges_0_832608.csv") else { return };
    let (Some(engine), Some(reference)) = (worker.engine(test), REFERENCE.engine(test)) else { return };
    let csv = String::from_utf8(csv).unwrap();
    let rows: Vec<(u64, BlockHeader)> = csv.lines().skip(1).map(edge_of).collect();
    assert!(rows.len() > 800, "{} rows", rows.len());
    for (height, header) in rows {
        let verify = |engine: &Engine| {
            let request = VerifyRequest::new(Parameters::of(Network::Mainnet)).start_height(height).now(u64::MAX / 2);
            engine.verify(request, &header.to_wire()[..], |_| {}).unwrap()
        };
        let [found, expected] = [&engine, &reference].map(verify);
        assert_eq!((found.verdict, found.count, found.tip), (expected.verdict, 1, expected.tip), "height {height}");
        assert_eq!(found.not_checked, expected.not_checked, "height {height}");
    }
}
on_every_worker!(every_edge_of_a_period_is_judged_as_the_portable_kernel_judges_it);

fn edge_of(row: &str) -> (u64, BlockHeader) {
    let mut cells = row.split(',');
    let height = cells.next().unwrap().parse().unwrap();
    (height, BlockHeader::from_hex(cells.next().unwrap()).unwrap())
}

fn a_broken_link_is_the_same_fault_in_every_notation(worker: Worker, _test: &str) {
    let mut chain = easy_chain(300);
    chain[200].time += 1;
    // Seal it again, so that only its child is wrong: its link leads to a header that is not there.
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
