//! Conversations and their messages, from the archive.

use sluice_schemas::ids::TenantId;
use uuid::Uuid;

use super::paging::Paging;
use crate::view::{Conversation, Message, Page};
use crate::{Error, State};

/// The archive.
#[derive(Clone)]
pub struct History;

/// The archive of this process.
fn archive(app: &State) -> Result<&History, Error> {
    app.history.as_ref().ok_or_else(|| Error::Unavailable { service: "history", cause: "this process has no archive".into() })
}

/// Conversations, most recent first.
pub async fn recent(app: &State, _tenant: TenantId, _paging: &Paging, _q: &str) -> Result<Page<Conversation>, Error> {
    let _ = archive(app)?;
    Ok(Page { data: Vec::new(), next_cursor: None })
}

/// One conversation.
pub async fn conversation(app: &State, _tenant: TenantId, _id: Uuid) -> Result<(Conversation, i64), Error> {
    let _ = archive(app)?;
    Err(Error::NotFound("conversation".into()))
}

/// Messages of a conversation before a moment, newest page, oldest first.
pub async fn messages(app: &State, _tenant: TenantId, _id: Uuid, _paging: &Paging) -> Result<Page<Message>, Error> {
    let _ = archive(app)?;
    Ok(Page { data: Vec::new(), next_cursor: None })
}
