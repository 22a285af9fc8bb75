//! `StatusService`: a snapshot of the running service.

use std::sync::Arc;

use cityseal_proto::v1;
use cityseal_proto::v1::status_service_server::StatusService;
use tonic::{Request, Response, Status};

use super::call_note::peer_of;
use super::caller::Caller;
use super::heavy::Heavy;
use super::shares::Holder;
use super::status::StatusBoard;

#[derive(Debug)]
pub(crate) struct Statuses {
    board: Arc<StatusBoard>,
    heavy: Arc<Heavy>,
}

impl Statuses {
    pub(crate) const fn new(board: Arc<StatusBoard>, heavy: Arc<Heavy>) -> Self {
        Self { board, heavy }
    }
}

#[tonic::async_trait]
impl StatusService for Statuses {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let caller = Caller::of(request.extensions());
        let holder = Holder::of_work(&caller, peer_of(request.extensions()));
        let (board, message) = (Arc::clone(&self.board), request.into_inner());
        // Waits for the engine's lock.
        let taken = self.heavy.run(holder, move || board.snapshot(&caller, &message)).await?;
        Ok(Response::new(taken))
    }
}
