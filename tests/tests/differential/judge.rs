//! CitySeal's verdicts, from the library and from the binary.

use cityseal_engine::chain::{Network, Parameters, Verdict};
use cityseal_engine::{BlockBatch, Engine, VerifyReport, VerifyRequest};
use cityseal_tests::folder::Folder;
use cityseal_tests::program::Program;
use cityseal_tests::synthetic::Home;

use crate::branch::Base;
use crate::cases::{Case, Fault};
use crate::draft::{HEADER_BYTES, hash};

/// Headers below a case that are passed as context: more than the eleven that regtest's rules depend on.
const CONTEXT: u64 = 20;

/// Height, code of the rule, transaction, expected, found.
pub(crate) type Named = (u64, String, Option<usize>, Option<(String, String)>);

pub(crate) fn engine() -> Engine {
    Engine::builder().gpu(false).threads(2).build().expect("the CPU is always available")
}

/// Verifies a case after a context, or after the whole base chain.
pub(crate) fn judge(engine: &Engine, base: &Base, case: &Case, is_whole: bool) -> VerifyReport {
    let first = if is_whole { 0 } else { case.parent + 1 };
    let below = if is_whole { &base.blocks[..=case.parent as usize] } else { &[] };
    let blocks = below.iter().map(Vec::as_slice).chain(case.blocks.iter().map(|block| &block.bytes[..]));
    let request = VerifyRequest::new(Parameters::of(Network::Regtest), base.now).start_height(first);
    let context = if is_whole { Vec::new() } else { context(base, case.parent) };
    let request = request.context(context);
    if case.headers_only {
        let mut verifier = engine.header_verifier(request).expect("the context fits");
        blocks.for_each(|block| {
            verifier.push(&block[..HEADER_BYTES]);
        });
        return verifier.finish(None);
    }
    let mut verifier = engine.block_verifier(request).expect("the context fits");
    let mut batch = BlockBatch::default();
    let mut offset = 0;
    blocks.for_each(|block| {
        batch.push(block, offset);
        offset += block.len() as u64;
    });
    verifier.push(batch);
    verifier.finish(None)
}

fn context(base: &Base, parent: u64) -> Vec<u8> {
    base.headers(parent.saturating_sub(CONTEXT), parent)
}

/// Asserts the expected verdict of a case, including the fault's values if the case has them.
pub(crate) fn assert_as_expected(report: &VerifyReport, case: &Case, what: &str) {
    let found = match &report.verdict {
        Verdict::Fault(fault) => Some((
            fault.height,
            fault.rule.code().to_owned(),
            fault.transaction.map(|at| at as usize),
            Some((fault.expected.to_string(), fault.found.to_string())),
        )),
        Verdict::Valid => None,
        Verdict::Incomplete(cut) => panic!("{what}: incomplete: {cut}"),
    };
    assert_named(found.as_ref(), case, what);
    if case.fault.is_none() {
        let last = &case.blocks[case.blocks.len() - 1].bytes[..HEADER_BYTES];
        assert_eq!(report.tip.map(|tip| tip.hash.to_wire()), Some(hash(last)), "{what}");
    }
}

fn assert_named(found: Option<&Named>, case: &Case, what: &str) {
    let expected = case.fault.as_ref().map(|fault| {
        let Fault { block, rule, transaction, values } = fault.clone();
        let values = values.or_else(|| found.and_then(|found| found.3.clone()));
        (case.parent + 1 + block as u64, rule.to_owned(), transaction, values)
    });
    assert_eq!(found, expected.as_ref(), "{what}");
}

/// Asserts the same for the binary, which reads the case from a file.
pub(crate) fn assert_binary_agrees(program: &Program, base: &Base, case: &Case, what: &str) {
    let home = Home::regtest();
    let folder = Folder::new();
    let (format, bytes): (&str, Vec<u8>) = if case.headers_only {
        ("headers", case.blocks.iter().flat_map(|block| block.bytes[..HEADER_BYTES].to_vec()).collect())
    } else {
        ("blocks", case.blocks.iter().flat_map(|block| home.framed(&block.bytes)).collect())
    };
    let file = folder.write("chain", bytes);
    let context = folder.write("context.bin", context(base, case.parent));
    let (first, now) = ((case.parent + 1).to_string(), base.now.to_string());
    let words = ["verify", &file, "--json", "--format", format, "--network", "regtest", "--device", "cpu"];
    let more = ["--now", &now, "--start-height", &first, "--context", &context];
    let ended = program.clone().args(words).args(more).run();
    let answer = ended.json();
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let fault = &answer["fault"];
    let found = (!fault.is_null()).then(|| {
        let transaction = fault["transaction"].as_u64().map(|at| at as usize);
        let height = fault["height"].as_u64().unwrap_or_default();
        (height, text(&fault["rule"]), transaction, Some((text(&fault["expected"]), text(&fault["found"]))))
    });
    assert_named(found.as_ref(), case, what);
    let (verdict, code) = if case.fault.is_some() { ("fault", 1) } else { ("valid", 0) };
    assert_eq!((&answer["verdict"], ended.code), (&verdict.into(), Some(code)), "{what}");
}
