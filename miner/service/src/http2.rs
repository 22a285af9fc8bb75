//! The HTTP/2 settings of the service.

use tonic::transport::Server;

use super::limits::{
    CONNECTION_WINDOW_SPARE_BYTES, FRAME_BYTES_MAX, HEADER_LIST_BYTES_MAX, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT,
    STREAM_WINDOW_BYTES, STREAMS_PER_CONNECTION_MAX,
};

/// A server with these settings, whose connections have room for `uploads` stalled uploads each.
pub(crate) fn server(uploads: usize) -> Server {
    let uploads = u32::try_from(uploads).unwrap_or(u32::MAX);
    let window = uploads.saturating_mul(STREAM_WINDOW_BYTES).saturating_add(CONNECTION_WINDOW_SPARE_BYTES);
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(window)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
}
