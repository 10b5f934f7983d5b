use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::admission::{Budget, Reservation};
use super::refusal::Refusal;

/// From headers to the last byte: 3 MB need no longer, and a sender that trickles would hold memory.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// Reads the whole body, taking memory from `budget` as it grows beyond what is `reserved`.
pub(super) async fn read(body: Body, limit: usize, budget: &Budget, reserved: &mut Reservation) -> Result<Bytes, Refusal> {
    tokio::time::timeout(DEADLINE, collect(body, limit, budget, reserved)).await.map_err(|_| Refusal::Slow)?
}

async fn collect(body: Body, limit: usize, budget: &Budget, reserved: &mut Reservation) -> Result<Bytes, Refusal> {
    let mut chunks = body.into_data_stream();
    let Some(first) = chunks.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(|_| Refusal::BrokenOff)?;
    admit(first.len(), limit, budget, reserved)?;
    // Most bodies are one chunk, which then is not copied.
    let Some(second) = chunks.next().await else { return Ok(first) };
    let mut whole = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk.map_err(|_| Refusal::BrokenOff)?;
        admit(whole.len() + chunk.len(), limit, budget, reserved)?;
        whole.extend_from_slice(&chunk);
        next = chunks.next().await;
    }
    Ok(whole.freeze())
}

fn admit(bytes: usize, limit: usize, budget: &Budget, reserved: &mut Reservation) -> Result<(), Refusal> {
    if bytes > limit { Err(Refusal::TooLarge(limit)) } else { budget.cover(reserved, bytes) }
}
