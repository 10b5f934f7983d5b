use std::convert::Infallible;
use std::time::Duration;

use async_stream::stream;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde::Deserialize;
use sluice_connectors::postgres::tenants;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use super::extract::Query;
use crate::Error;
use crate::auth::Actor;
use crate::error::Problem;
use crate::live::{Cursor, LiveEvent};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// As `Last-Event-ID`, for clients that cannot set headers.
    cursor: Option<String>,
}

/// Changes of conversations, quotes and messages as they happen (`text/event-stream`). Each event's `id` is a cursor: send it as
/// `Last-Event-ID` to get everything after it, in order within each conversation, and then what comes new.
#[utoipa::path(get, path = "/events", tag = "events",
    params(From, ("Last-Event-ID" = Option<String>, Header, description = "`id` of the last event that was dealt with")),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn stream(
    State(app): State<crate::State>,
    actor: Actor,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned).or(from.cursor);
    let last = last.filter(|text| !text.is_empty());
    let cursor = last.map(|text| text.parse::<Cursor>()).transpose().map_err(|e| Error::field("Last-Event-ID", e.to_string()))?;
    let transaction = app.pool.tenant(actor.tenant).await?;
    let homes = tenants::homes(&transaction).await?;
    transaction.commit().await?;
    Ok(Sse::new(follow(app, actor, homes, cursor)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// What is missing is read again from Kafka, then the hub takes over; whoever falls behind the hub reads again from Kafka.
fn follow(app: crate::State, actor: Actor, homes: Vec<i32>, asked: Option<Cursor>) -> impl Stream<Item = Result<Event, Infallible>> {
    stream! {
        let mut cursor = asked;
        loop {
            let mut subscription = app.hub.subscribe(actor.tenant);
            let now = subscription.from.within(&homes);
            let mut seen = cursor.unwrap_or_else(|| now.clone()).within(&homes);
            // A stream that is closed before its first event can be resumed too.
            yield Ok(Event::default().id(seen.to_string()).event("ready").data("{}"));
            let (sender, mut missed) = mpsc::channel(256);
            let (reader, tenant, from) = (app.replay.clone(), actor.tenant, seen.clone());
            let replay = tokio::spawn(async move { reader.read(tenant, from, now, sender).await });
            while let Some(event) = missed.recv().await {
                seen.advance(event.id);
                yield Ok(shown(&event, &seen));
            }
            if !matches!(replay.await, Ok(Ok(()))) {
                // The client comes back with its last id.
                return;
            }
            loop {
                match subscription.events.recv().await {
                    Ok(event) if seen.has_seen(event.id) => {}
                    Ok(event) => {
                        seen.advance(event.id);
                        yield Ok(shown(&event, &seen));
                    }
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
            cursor = Some(seen);
        }
    }
}

fn shown(event: &LiveEvent, seen: &Cursor) -> Event {
    Event::default().id(seen.to_string()).event(event.kind).data(event.data.to_string())
}
