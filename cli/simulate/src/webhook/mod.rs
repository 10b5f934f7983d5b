//! Signed webhooks (contract §1): what is told to the app, and the workers that post it.

mod deliver;
mod outbox;
mod render;
mod sign;

use std::sync::Arc;

use serde_json::Value;

use crate::limits::Millis;
use crate::state::{Account, Number, Waba};

pub(crate) use outbox::Outbox;
pub(crate) use render::metadata;
pub(crate) use sign::signature;

/// One update of a webhook.
#[derive(Clone)]
pub(crate) enum Update {
    /// A status of a sent message.
    Status(Arc<Number>, Arc<Status>),
    /// A customer's message with its `contacts[]` entry, if it has one.
    Message { number: Arc<Number>, contact: Option<Value>, message: Value },
    /// Another field with its whole `value`, such as `message_template_status_update`; its entry says when it was.
    Field { waba: Arc<Waba>, time: Millis, field: &'static str, value: Value },
    /// An item of an Instagram or Messenger `messaging[]`.
    Social { account: Arc<Account>, time: Millis, item: Value },
}

/// What has become of a sent message (contract §4).
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) wamid: Box<str>,
    /// `sent`, `delivered`, `read` or `failed`.
    pub(crate) step: &'static str,
    pub(crate) at: Millis,
    pub(crate) recipient: Box<str>,
    pub(crate) callback_data: Option<Box<str>>,
    /// The pricing category, on the statuses that carry pricing.
    pub(crate) pricing: Option<Pricing>,
    /// The code of `errors[]`.
    pub(crate) error: Option<u32>,
}

/// The `pricing` object.
#[derive(Debug, Clone)]
pub(crate) struct Pricing {
    pub(crate) category: Box<str>,
    pub(crate) billable: bool,
}
