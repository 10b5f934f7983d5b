//! Meta's wire formats: webhook bodies of WhatsApp, Instagram and Messenger, and answers of the Graph API.
//!
//! [`split`](fn@split) cuts one POST into updates without building a document, [`parse`](fn@parse) reads one update
//! (from the body, or stored with its [`Context`]) into an [`Event`], [`events`] does both. [`response`](fn@response)
//! reads an answer of the Graph API, [`codes`] is the table of Meta's error codes. Nothing here does I/O or fails on
//! a single bad element; the wire contract's paragraphs are cited as "contract §n".
//!
//! # The keys of an event
//!
//! | key | meaning |
//! | --- | --- |
//! | `kind` | [`Kind`] |
//! | `type` | message type as Meta names it (`voice` → `audio`, `unknown` → `unsupported`), inferred from the payload's key if absent; on Instagram and Messenger the first attachment's type, else `text`; of a group event its type |
//! | `subtype` | kind of interactive reply; of system message; type of the edited or unsupported message; name of an Instagram reaction |
//! | `id` | wamid or mid; absent on Instagram reactions, whose mid is the `target` |
//! | `account`, `waba` | `phone_number_id` or Instagram/page id; `entry.id` on WhatsApp |
//! | `from`, `to` | digits or business-scoped id, as the item names them; of an echo the business and the customer |
//! | `recipient`, `participant`, `group_id` | of a status; `group_id` also of a group's messages and events |
//! | `user_id` | business-scoped id, where `from` or `recipient` is the number; of a `user_id_update` the present one |
//! | `timestamp` | RFC 3339; changes without a time of their own take the entry's |
//! | `text` | text body, button text, title of a reply, body of a flow reply, text of an order, body of a system message, title of a postback, emoji of a reaction, new text of an edit |
//! | `payload` | button payload, id of a button or list reply, `response_json` of a flow reply (a string, as received), answer to a call permission request, postback payload |
//! | `attachments` | media with their captions; addresses expire |
//! | `reply_to` | id answered; of a reply to a story, the story (its address is in `data`) |
//! | `target`, `removed` | the message that a reaction, edit or revoke is about; `removed` for a reaction or message taken back |
//! | `data` | location, contact cards, order, system object, call, read, delivery, optin, group event, preference, and the whole value of account-level changes |
//! | `conversation` | conversation of a status, where Meta still sends it |
//! | `contact` | the sender's or recipient's element of `contacts[]` |
//! | `reject` | why the event cannot be attributed |
//! | `raw` | the update itself, where nobody knows it |
//!
//! # Deduplication keys
//!
//! A key is equal for the same fact, whichever POST carries it, and differs between facts that share an id.
//! `account` is the account, or the entry where no account is known.
//!
//! | fact | key |
//! | --- | --- |
//! | message of a customer (reaction, edit, revoke, system on WhatsApp: own wamid) | `message:account:id` |
//! | echo | `echo:account:id` |
//! | status; call status | `status:account:id:status:participant`; `call_status:…` |
//! | message taken back on Instagram (repeats the mid) | `revoke:account:id` |
//! | edit on Instagram (repeats the mid) | `edit:account:id:num_edit` |
//! | reaction on Instagram (names the target's mid) | `reaction:account:target:sender:action:emoji:time` |
//! | postback | `postback:account:id` |
//! | read; delivery | `read:account:sender:mid or watermark`; `delivery:account:sender:watermark:hash of mids` |
//! | preference | `user_preference:account:user:category:value:time` |
//! | new user id | `user_id_update:account:previous:current` |
//! | call | `call:account:id:event` |
//! | anything without an id, on Instagram or Messenger | `kind:account:sender:time:hash of the item` |
//! | anything else without an id | `kind:account:hash of field, entry, entry time and content` |

pub mod codes;
mod contacts;
mod dedup;
mod event;
mod fields;
mod identity;
mod json;
pub mod parse;
pub mod response;
mod scan;
pub mod split;
mod time;

#[cfg(test)]
mod fixtures_test;
#[cfg(test)]
mod names_test;
#[cfg(test)]
mod properties_test;

pub use event::{Attachment, Channel, Contact, Event, Fault, Forwarded, Kind, Pricing};
pub use identity::is_user_id;
pub use json::Json;
pub use parse::parse;
pub use response::{Response, response};
pub use split::{Context, Shape, Update, split};

/// Every event of a webhook body, in its order.
pub fn events(body: &[u8]) -> Result<Vec<Event>, split::Error> {
    Ok(split(body)?.iter().map(|update| parse(&update.context, update.slice)).collect())
}
