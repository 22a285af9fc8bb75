//! Receipts with a valid signature that state another chain or verdict: the client refuses them, and accepts a receipt
//! that states what was sent.

use cityseal_chain::{BlockHash, ChainWork, Network, Parameters, TreeOutline};
use cityseal_client::{ChainParameters, Client, ClientError, ClientOptions, FalseReceipt, VerifyAnswer, VerifyRequest};
use cityseal_proto::v1;
use cityseal_receipt::{
    Build, FaultRow, ItemKind, Made, Openings, Receipt, SecretKey, Statement, StatementParts, VerdictKind,
};
use prost::bytes::Bytes;

use crate::liar::{Script, Verdicts, serve};

fn key() -> SecretKey {
    SecretKey::from_seed(&[5; 32], None).unwrap()
}

/// A verdict that the first header, at height 5, breaks R07.
fn verdict(receipt: Bytes) -> v1::Verdict {
    let value = || Some(v1::FaultValue { value: Some(v1::fault_value::Value::Bits(1)) });
    let fault = v1::Fault {
        height: 5,
        rule: "R07".into(),
        name: "difficulty".into(),
        expected: value(),
        found: value(),
        offset: 0,
        transaction: None,
    };
    v1::Verdict { kind: v1::VerdictKind::Fault.into(), fault: Some(fault), receipt, ..Default::default() }
}

/// The true statement for this verdict.
fn stated() -> StatementParts {
    let openings = Openings::of(&TreeOutline::empty(0)).unwrap();
    StatementParts {
        verdict: VerdictKind::Fault,
        kind: ItemKind::Headers,
        network: "regtest".into(),
        parameters: Parameters::of(Network::Regtest).digest().to_bytes(),
        first_height: 5,
        count: 0,
        parent: BlockHash::ZERO,
        start_work: ChainWork::ZERO,
        tip: None,
        transactions: 0,
        body_bytes: 0,
        fault: Some(FaultRow {
            height: 5,
            rule: "R07".into(),
            name: "difficulty".into(),
            expected: "00000001".into(),
            found: "00000001".into(),
            offset: 0,
            transaction: None,
        }),
        checked: vec!["R07".into()],
        rules: Some([1; 32]),
        not_checked: Vec::new(),
        out_of_scope: Vec::new(),
        headers_root: openings.root(),
        contents_root: None,
        openings,
        build: Build { version: "1".into(), commit: "unknown".into() },
        devices: Vec::new(),
        now: 7,
        made: Made::at(7).unwrap(),
        signer: key().signer(),
    }
}

async fn answered_with(parts: StatementParts) -> Result<VerifyAnswer, ClientError> {
    let receipt = Receipt::sign(Statement::new(parts).unwrap(), &key()).unwrap();
    let verdicts = Verdicts::AtTheEnd(verdict(receipt.to_json().into()));
    let address = serve(Script { verdicts, ..Script::default() }).await;
    let client = Client::connect(ClientOptions::new(format!("http://{address}"))).await.unwrap();
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).start_height(5).now(7);
    client.verify_bytes(&request.receipt(vec![key().public_key()]), Bytes::from(vec![7; 80])).await
}

#[tokio::test]
async fn a_receipt_for_this_chain_and_verdict_is_accepted() {
    let answer = answered_with(stated()).await.unwrap();
    assert_eq!(answer.receipt.unwrap().statement().parts(), &stated());
}

#[tokio::test]
async fn a_receipt_for_another_chain_or_verdict_is_refused_with_the_difference() {
    let fault = |change: fn(&mut FaultRow)| {
        let mut row = stated().fault.unwrap();
        change(&mut row);
        Some(row)
    };
    let one = ChainWork::from_display_hex(&format!("{:064x}", 1)).unwrap();
    let mainnet = Parameters::of(Network::Mainnet).digest().to_bytes();
    let others = [
        (StatementParts { parameters: mainnet, ..stated() }, "the digest of the parameters"),
        (StatementParts { first_height: 6, fault: fault(|row| row.height = 6), ..stated() }, "the first height"),
        (StatementParts { start_work: one, ..stated() }, "the work before it"),
        (StatementParts { now: 8, ..stated() }, "the time for R10"),
        (StatementParts { fault: fault(|row| row.rule = "R08".into()), ..stated() }, "the fault"),
        (
            StatementParts { kind: ItemKind::Blocks, contents_root: Some(stated().headers_root), ..stated() },
            "what the chain is made of",
        ),
    ];
    for (other, differs) in others {
        let error = answered_with(other).await.unwrap_err();
        let ClientError::FalseReceipt(FalseReceipt::Other { what, .. }) = &error else { panic!("{differs}: {error}") };
        assert_eq!(*what, differs);
    }
}
