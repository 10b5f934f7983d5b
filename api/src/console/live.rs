use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use async_stream::stream;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures::Stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout};

use super::person::Person;
use crate::live::LiveEvent;

/// Changes within this time are told together: a page cannot be read faster, and a busy tenant has thousands a second.
const TOGETHER: Duration = Duration::from_millis(300);
/// More names than this at once say "look again".
const NAMES: usize = 200;
/// Sent when nothing happens, so that the browser can tell silence from a dead connection.
const ALIVE: Duration = Duration::from_secs(15);

/// The stream that the console's pages share: names of what changed. Pages then fetch what they show.
pub(super) async fn stream(State(app): State<crate::State>, person: Person) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut events = app.hub.subscribe(person.actor.tenant).events;
    Sse::new(stream! {
        yield Ok(Event::default().event("alive").data(""));
        loop {
            let mut names = BTreeSet::new();
            match timeout(ALIVE, events.recv()).await {
                Err(_) => {
                    yield Ok(Event::default().event("alive").data(""));
                    continue;
                }
                Ok(Ok(event)) => note(&mut names, &event),
                Ok(Err(RecvError::Lagged(_))) => { names.insert("resync".to_owned()); }
                Ok(Err(RecvError::Closed)) => return,
            }
            sleep_until(Instant::now() + TOGETHER).await;
            while let Ok(event) = events.try_recv() {
                note(&mut names, &event);
            }
            if names.len() > NAMES {
                names = BTreeSet::from(["resync".to_owned()]);
            }
            let data = serde_json::to_string(&names).unwrap_or_default();
            yield Ok(Event::default().event("change").data(data));
        }
    })
}

/// The names of one change: its kind, and each thing that a page may be about.
fn note(names: &mut BTreeSet<String>, event: &LiveEvent) {
    names.insert(event.kind.to_owned());
    let mut about = |kind: &str, field: &str| {
        if let Some(id) = event.data[field].as_str() {
            names.insert(format!("{kind}-{id}"));
        }
    };
    about("conversation", if event.kind == "conversation" { "id" } else { "conversation" });
    about("campaign", "campaign");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Feed, Position};

    #[test]
    fn a_change_names_every_page_that_shows_it() {
        let event = LiveEvent {
            id: Position { feed: Feed::Messages, partition: 0, offset: 1 },
            kind: "message",
            data: serde_json::json!({"conversation": "c1", "campaign": "k1", "to": "read"}),
        };
        let mut names = BTreeSet::new();
        note(&mut names, &event);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["campaign-k1", "conversation-c1", "message"]);
    }
}
