//! Receipts of uploads: signed with the service's key, and equal to those of the command line.

use std::process::Command;
use std::sync::Arc;

use cityseal_chain::Network;
use cityseal_client::{ChainParameters, Client, ClientError, FalseReceipt, Verdict, VerifyRequest};
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_receipt::{ItemKind, PublicKey, Receipt, ReceiptError, SecretKey, StatementParts};
use tonic::Code;

use crate::support::{Folder, blocks, chain, loopback, reason, start, start_with};
use crate::wire::{message, regtest, verdict};

const NOW_S: u64 = 1_800_000_000;

fn key(seed: u8) -> Arc<SecretKey> {
    Arc::new(SecretKey::from_seed(&[seed; 32], Some("the service of a test".to_owned())).unwrap())
}

async fn signing_client() -> Client {
    start_with(loopback().signer(key(1)).commit(env!("CITYSEAL_COMMIT"))).await.client().await
}

fn asking(trusted: Vec<PublicKey>) -> VerifyRequest {
    VerifyRequest::new(ChainParameters::Network(Network::Regtest)).now(NOW_S).receipt(trusted)
}

#[tokio::test]
async fn valid_and_faulty_chains_have_a_receipt_and_a_truncated_one_has_none() {
    let client = signing_client().await;
    let request = asking(vec![key(1).public_key()]);
    let packed = chain(300);
    let valid = client.verify_bytes(&request, packed.clone().into()).await.unwrap();
    let stated = valid.receipt.unwrap().into_statement();
    assert_eq!((stated.parts().count, stated.parts().kind), (300, ItemKind::Headers));
    let mut broken = packed.clone();
    broken[100 * 80 + 70] ^= 1;
    let fault = client.verify_bytes(&request, broken.into()).await.unwrap();
    assert_eq!(fault.receipt.unwrap().statement().parts().fault.as_ref().unwrap().height, 100);
    let cut = client.verify_bytes(&request, packed[..packed.len() - 1].to_vec().into()).await.unwrap();
    assert!(matches!(cut.verdict, Verdict::Incomplete { .. }) && cut.receipt.is_none());
    let unasked = VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    assert!(client.verify_bytes(&unasked, packed.into()).await.unwrap().receipt.is_none());
}

#[tokio::test]
async fn a_receipt_of_a_service_that_is_not_trusted_is_refused() {
    let client = signing_client().await;
    let foreign = client.verify_bytes(&asking(vec![key(2).public_key()]), chain(3).into()).await.unwrap_err();
    let signer = key(1).public_key();
    let is_foreign = matches!(
        foreign,
        ClientError::FalseReceipt(FalseReceipt::Refused(ReceiptError::Foreign { key })) if key == signer
    );
    assert!(is_foreign, "{foreign}");
    assert!(client.verify_bytes(&asking(Vec::new()), chain(3).into()).await.is_ok());
}

#[tokio::test]
async fn a_service_without_a_key_refuses_receipts_before_anything_is_sent() {
    let begin = message(Part::Begin(v1::VerifyBegin { want_receipt: true, ..regtest() }));
    let status = verdict(&start().await, vec![begin]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "NO_RECEIPT_KEY"));
    assert!(status.message().contains("--key"), "{status:?}");
}

/// Returns the statement that the command line signs for the same bytes with the same key.
fn signed_by_command_line(bytes: &[u8]) -> StatementParts {
    let folder = Folder::new();
    let (input, secret) = (folder.file("chain.bin", bytes), folder.secret("key", &key(1)));
    let receipt = folder.path("receipt.json");
    let ended = Command::new(env!("CARGO_BIN_EXE_cityseal"))
        .args(["verify", "--network", "regtest", "--device", "cpu", "--json", "--now", &NOW_S.to_string()])
        .args(["--receipt", receipt.to_str().unwrap(), "--key", secret.to_str().unwrap(), input.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    Receipt::read(&std::fs::read(receipt).unwrap()).unwrap().statement().parts().clone()
}

#[tokio::test]
async fn the_service_states_what_the_command_line_states() {
    let client = signing_client().await;
    let (headers, blocks) = (chain(5000), blocks(300, 2000).concat());
    for (request, bytes) in [(asking(Vec::new()), headers), (asking(Vec::new()).blocks(), blocks)] {
        let expected = signed_by_command_line(&bytes);
        let answer = client.verify_bytes(&request, bytes.into()).await.unwrap();
        let stated = answer.receipt.unwrap().statement().parts().clone();
        // The date of creation may differ; device names and their shares of the work belong to this machine.
        assert_eq!(
            StatementParts { made: expected.made.clone(), devices: expected.devices.clone(), ..stated },
            expected
        );
    }
}
