//! Many uploads at once: none blocks the others, and none blocks sealing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cityseal_chain::Network;
use cityseal_client::{ChainParameters, Client, JobState, SealOutcome, Verdict, VerifyRequest};
use cityseal_proto::v1;
use cityseal_proto::v1::VerdictKind as Kind;
use cityseal_proto::v1::verify_chain_response;
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::support::{Running, blocks, easy, headers_of, last_hash, request, start};
use crate::watching::end_of;
use crate::wire::{begin, block_chunk, finish, verdict_of};

/// An upload that the test feeds by hand.
struct Upload {
    sender: mpsc::Sender<v1::VerifyChainRequest>,
    answers: Streaming<v1::VerifyChainResponse>,
}

impl Upload {
    async fn begin(service: &Running) -> Self {
        let (sender, receiver) = mpsc::channel(4);
        sender.send(begin()).await.unwrap();
        let call = service.verifier().await.verify_chain(ReceiverStream::new(receiver)).await.unwrap();
        Self { sender, answers: call.into_inner() }
    }

    /// Waits until everything up to that height is validated.
    async fn wait_for(&mut self, height: u64) {
        loop {
            let answer = self.answers.message().await.unwrap().unwrap().part;
            let Some(verify_chain_response::Part::Progress(progress)) = answer else { panic!("{answer:?}") };
            if progress.validated_through == Some(height) {
                return;
            }
        }
    }
}

#[tokio::test]
async fn uploads_continue_while_another_one_stalls() {
    let service = start().await;
    let blocks = blocks(60, 2000);
    let mut stalled = Upload::begin(&service).await;
    stalled.sender.send(block_chunk(blocks[..10].concat())).await.unwrap();
    stalled.wait_for(9).await;
    let mut moving = [Upload::begin(&service).await, Upload::begin(&service).await];
    for (part, height) in blocks.chunks(20).zip([19, 39, 59]) {
        for upload in &mut moving {
            upload.sender.send(block_chunk(part.concat())).await.unwrap();
        }
        for upload in &mut moving {
            upload.wait_for(height).await;
        }
    }
    for Upload { sender, answers } in moving {
        sender.send(finish(60, last_hash(&headers_of(&blocks)))).await.unwrap();
        assert_eq!(verdict_of(answers).await.unwrap().kind(), Kind::Valid);
    }
    drop(stalled.sender);
    let verdict = verdict_of(stalled.answers).await.unwrap();
    assert_eq!((verdict.kind(), verdict.count), (Kind::Incomplete, 10));
}

/// Verifies the same blocks repeatedly until `stop` is set; counts the verdicts.
async fn verify_until(client: Client, blocks: Bytes, stop: Arc<AtomicBool>, verdicts: Arc<AtomicU64>) {
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).blocks();
    while !stop.load(Ordering::SeqCst) {
        let answer = client.verify_bytes(&request, blocks.clone()).await.unwrap();
        assert_eq!(answer.verdict, Verdict::Valid);
        verdicts.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn jobs_are_sealed_and_small_chains_verified_during_four_continuous_uploads() {
    let service = start().await;
    let all = Bytes::from(blocks(400, 20_000).concat());
    let stop = Arc::new(AtomicBool::new(false));
    let counts: Vec<Arc<AtomicU64>> = (0..4).map(|_| Arc::default()).collect();
    let mut uploads = Vec::new();
    for count in &counts {
        let (client, stop) = (service.client().await, Arc::clone(&stop));
        uploads.push(tokio::spawn(verify_until(client, all.clone(), stop, Arc::clone(count))));
    }
    let client = service.client().await;
    let small = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).blocks();
    // Until every upload has reached a verdict in the meantime.
    let mut salt = 0;
    while salt < 3 || counts.iter().any(|count| count.load(Ordering::SeqCst) == 0) {
        salt += 1;
        let job = client.submit(&request(easy(salt, 1 << 16))).await.unwrap();
        assert_eq!(end_of(&client, &job.id).await.0.state, JobState::Ended(SealOutcome::Sealed));
        let answer = client.verify_bytes(&small, blocks(5, 300).concat().into()).await.unwrap();
        assert_eq!(answer.verdict, Verdict::Valid);
    }
    stop.store(true, Ordering::SeqCst);
    for upload in uploads {
        upload.await.unwrap();
    }
}
