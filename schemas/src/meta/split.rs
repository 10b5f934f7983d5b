//! One webhook POST, cut into updates: one per message, status, error, echo, messaging item, call, group event,
//! preference, and one per change that holds no such list.
//!
//! Each update is a byte-for-byte slice of the body plus the [`Context`] around it, which is all that
//! [`super::parse`] needs; both are stored side by side in the raw topic. The body is walked once. An element that
//! cannot be understood becomes an update of shape [`Shape::Unknown`] and the rest goes on; only a body that is not a
//! JSON object with `entry[]` is an error.

use std::borrow::Cow;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::contacts::Contacts;
use super::event::Channel;
use super::fields;
use super::scan::{Node, Scanner, Syntax};

/// Why a body cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not UTF-8, as JSON must be.
    #[error("the body is not JSON: byte {at} is not UTF-8")]
    Encoding {
        /// offset of the first bad byte
        at: usize,
    },
    /// The text is not JSON (cut off, or something else altogether).
    #[error("the body is not JSON: expected {expected} at byte {at}")]
    Syntax {
        /// offset in the body
        at: usize,
        /// what should have stood there
        expected: &'static str,
    },
    /// JSON, but not an object.
    #[error("the body is not a webhook: expected a JSON object with `entry[]`")]
    NotAnObject,
    /// An object without the list of entries.
    #[error("the body is not a webhook: `entry` is missing or is not a list")]
    NoEntry,
}

impl Error {
    /// Stable name for metrics and dead letters.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Encoding { .. } => "encoding",
            Self::Syntax { .. } => "syntax",
            Self::NotAnObject => "not_an_object",
            Self::NoEntry => "no_entry",
        }
    }
}

impl From<Syntax> for Error {
    fn from(Syntax { at, expected }: Syntax) -> Self {
        Self::Syntax { at, expected }
    }
}

/// Which list an update was taken from, hence how to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr, strum::EnumString)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Shape {
    /// `value.messages[]`
    Message,
    /// `value.statuses[]`
    Status,
    /// `value.errors[]`
    Error,
    /// `value.message_echoes[]`
    Echo,
    /// `value.user_preferences[]`
    UserPreference,
    /// `value.user_id_update[]`
    UserIdUpdate,
    /// `value.calls[]`
    Call,
    /// `value.statuses[]` of field `calls`
    CallStatus,
    /// `value.groups[]`
    Group,
    /// `value.history[]`, and any message of field `history`
    History,
    /// `value.state_sync[]`
    ContactSync,
    /// `entry.messaging[]`, or a change whose value is such an item (dashboard tests)
    Messaging,
    /// `entry.standby[]`
    Standby,
    /// a whole element of `changes[]`
    Change,
    /// whatever could not be understood
    Unknown,
}

/// What surrounds an update in its body. Stored beside the slice, so that parsing a raw record and parsing the body
/// give the same event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context<'a> {
    /// `None` when nobody knows the object
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub channel: Option<Channel>,
    /// as received
    #[serde(borrow)]
    pub object: Cow<'a, str>,
    /// WABA id, or Instagram/page id
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub entry_id: Option<Cow<'a, str>>,
    /// seconds (WhatsApp) or milliseconds (Instagram, Messenger), as received
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entry_time: Option<i64>,
    /// `changes[].field`
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub field: Option<Cow<'a, str>>,
    /// `phone_number_id`, or Instagram/page id: the tenant key
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub account: Option<Cow<'a, str>>,
    /// `metadata.display_phone_number`
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub display_phone_number: Option<Cow<'a, str>>,
    /// which list the update was taken from
    pub shape: Shape,
    /// the element of `contacts[]` that belongs to this update, as JSON text; matched by id, never by position
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<Cow<'a, str>>,
    /// index of the update in the body, from 0
    pub position: u32,
}

impl Context<'_> {
    /// The same context with its own copy of every text.
    pub fn into_owned(self) -> Context<'static> {
        let own = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Context {
            channel: self.channel,
            object: Cow::Owned(self.object.into_owned()),
            entry_id: own(self.entry_id),
            entry_time: self.entry_time,
            field: own(self.field),
            account: own(self.account),
            display_phone_number: own(self.display_phone_number),
            shape: self.shape,
            contact: own(self.contact),
            position: self.position,
        }
    }
}

/// One update of a body. The context's fields can be read directly (`update.account`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update<'a> {
    /// what surrounds it
    pub context: Context<'a>,
    /// its bytes in the body
    pub slice: &'a [u8],
    /// bytes of `value.metadata` in the body
    pub metadata: Option<&'a [u8]>,
}

impl<'a> Deref for Update<'a> {
    type Target = Context<'a>;

    fn deref(&self) -> &Context<'a> {
        &self.context
    }
}

/// Cuts a body into updates, in the order of the body.
pub fn split(body: &[u8]) -> Result<Vec<Update<'_>>, Error> {
    let text = std::str::from_utf8(body).map_err(|error| Error::Encoding { at: error.valid_up_to() })?;
    let mut scanner = Scanner::new(text);
    if !scanner.enter(b'{') {
        Node::read(text)?;
        return Err(Error::NotAnObject);
    }
    let mut object = None;
    let mut entries = None;
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        if key == "entry" && scanner.enter(b'[') {
            let mut drafts = Vec::new();
            let mut head = true;
            while scanner.next_item(head)? {
                head = false;
                drafts.push(entry(&mut scanner)?);
            }
            entries = Some(drafts);
        } else {
            let value = Node::scanned(scanner.value()?);
            match &*key {
                "object" => object = value.text(),
                "entry" => entries = None,
                _ => {}
            }
        }
    }
    scanner.end()?;
    let object = object.unwrap_or_default();
    let mut out = Output { channel: Channel::of_object(&object), object, updates: Vec::new() };
    for entry in entries.ok_or(Error::NoEntry)? {
        out.entry(entry);
    }
    Ok(out.updates)
}

/// An entry as walked; the object that says how to read it may follow it in the body.
#[derive(Default)]
struct Entry<'a> {
    id: Option<Cow<'a, str>>,
    time: Option<i64>,
    pieces: Vec<Piece<'a>>,
}

enum Piece<'a> {
    /// An item of `messaging[]`, `standby[]`, or something not understood.
    Item(Shape, &'a str),
    Change(Box<Change<'a>>),
}

#[derive(Default)]
struct Change<'a> {
    slice: &'a str,
    field: Option<Cow<'a, str>>,
    value: Option<Node<'a>>,
    metadata: Option<Node<'a>>,
    contacts: Vec<Node<'a>>,
    items: Vec<(Shape, &'a str)>,
    /// Whether `value` has any of the lists, even an empty one.
    lists: bool,
}

fn entry<'a>(scanner: &mut Scanner<'a>) -> Result<Entry<'a>, Syntax> {
    let start = scanner.mark();
    let mut entry = Entry::default();
    if !scanner.enter(b'{') {
        entry.pieces.push(Piece::Item(Shape::Unknown, scanner.value()?));
        return Ok(entry);
    }
    let mut first = true;
    let mut lists = false;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        let shape = match &*key {
            "changes" => Shape::Change,
            "messaging" => Shape::Messaging,
            "standby" => Shape::Standby,
            _ => {
                let value = Node::scanned(scanner.value()?);
                match &*key {
                    "id" => entry.id = value.id(),
                    "time" => entry.time = value.integer(),
                    _ => {}
                }
                continue;
            }
        };
        lists = true;
        if !scanner.enter(b'[') {
            let value = scanner.value()?;
            if value != "null" {
                entry.pieces.push(Piece::Item(Shape::Unknown, value));
            }
            continue;
        }
        let mut head = true;
        while scanner.next_item(head)? {
            head = false;
            entry.pieces.push(if scanner.peek() != Some(b'{') {
                Piece::Item(Shape::Unknown, scanner.value()?)
            } else if shape == Shape::Change {
                Piece::Change(Box::new(change(scanner)?))
            } else {
                Piece::Item(shape, scanner.value()?)
            });
        }
    }
    if !lists {
        entry.pieces.push(Piece::Item(Shape::Unknown, scanner.since(start)));
    }
    Ok(entry)
}

fn change<'a>(scanner: &mut Scanner<'a>) -> Result<Change<'a>, Syntax> {
    let start = scanner.mark();
    let mut change = Change::default();
    scanner.enter(b'{');
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        match &*key {
            "value" => value(scanner, &mut change)?,
            "field" => change.field = Node::scanned(scanner.value()?).text(),
            _ => {
                scanner.value()?;
            }
        }
    }
    change.slice = scanner.since(start);
    Ok(change)
}

/// The lists that hold updates, by their key in `value`.
fn list(key: &str) -> Option<Shape> {
    Some(match key {
        "messages" => Shape::Message,
        "statuses" => Shape::Status,
        "errors" => Shape::Error,
        "message_echoes" => Shape::Echo,
        "user_preferences" => Shape::UserPreference,
        "user_id_update" => Shape::UserIdUpdate,
        "calls" => Shape::Call,
        "groups" => Shape::Group,
        "history" => Shape::History,
        "state_sync" => Shape::ContactSync,
        _ => return None,
    })
}

fn value<'a>(scanner: &mut Scanner<'a>, change: &mut Change<'a>) -> Result<(), Syntax> {
    let start = scanner.mark();
    if !scanner.enter(b'{') {
        change.value = Some(Node::scanned(scanner.value()?));
        return Ok(());
    }
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        let Some(shape) = list(&key) else {
            if key == "contacts" && scanner.enter(b'[') {
                change.contacts.clear();
                let mut head = true;
                while scanner.next_item(head)? {
                    head = false;
                    change.contacts.push(Node::scanned(scanner.value()?));
                }
                continue;
            }
            let value = Node::scanned(scanner.value()?);
            if key == "metadata" {
                change.metadata = value.is_object().then_some(value);
            }
            continue;
        };
        change.lists = true;
        if shape == Shape::UserIdUpdate && scanner.peek() == Some(b'{') {
            change.items.push((shape, scanner.value()?));
        } else if scanner.enter(b'[') {
            let mut head = true;
            while scanner.next_item(head)? {
                head = false;
                let shape = if scanner.peek() == Some(b'{') { shape } else { Shape::Unknown };
                change.items.push((shape, scanner.value()?));
            }
        } else {
            let value = scanner.value()?;
            if value != "null" {
                change.items.push((Shape::Unknown, value));
            }
        }
    }
    change.value = Some(Node::scanned(scanner.since(start)));
    Ok(())
}

struct Output<'a> {
    object: Cow<'a, str>,
    channel: Option<Channel>,
    updates: Vec<Update<'a>>,
}

impl<'a> Output<'a> {
    fn entry(&mut self, entry: Entry<'a>) {
        for piece in entry.pieces {
            let mut context = Context {
                channel: self.channel,
                object: self.object.clone(),
                entry_id: entry.id.clone(),
                entry_time: entry.time,
                field: None,
                account: None,
                display_phone_number: None,
                shape: Shape::Unknown,
                contact: None,
                position: 0,
            };
            if matches!(self.channel, Some(Channel::Instagram | Channel::Messenger)) {
                context.account.clone_from(&entry.id);
            }
            match piece {
                Piece::Item(shape, slice) => self.push(context, shape, slice, None),
                Piece::Change(change) => self.change(context, *change),
            }
        }
    }

    fn push(&mut self, mut context: Context<'a>, shape: Shape, slice: &'a str, metadata: Option<Node<'a>>) {
        context.shape = if self.channel.is_some() { shape } else { Shape::Unknown };
        context.position = u32::try_from(self.updates.len()).unwrap_or(u32::MAX);
        let metadata = metadata.map(|node| node.raw().as_bytes());
        self.updates.push(Update { context, slice: slice.as_bytes(), metadata });
    }

    fn change(&mut self, mut context: Context<'a>, change: Change<'a>) {
        context.field.clone_from(&change.field);
        if self.channel != Some(Channel::Whatsapp) {
            let (shape, slice) = match change.value {
                Some(value) if is_messaging_item(value) => match change.field.as_deref() {
                    Some("standby") => (Shape::Standby, value.raw()),
                    _ => (Shape::Messaging, value.raw()),
                },
                _ => (Shape::Change, change.slice),
            };
            return self.push(context, shape, slice, None);
        }
        if let Some(metadata) = change.metadata {
            let [account, display] = metadata.fields(["phone_number_id", "display_phone_number"]);
            context.account = account.and_then(Node::id);
            context.display_phone_number = display.and_then(Node::id);
        }
        let lists = change.field.as_deref().is_none_or(fields::has_lists);
        if !lists || change.items.is_empty() {
            if !(lists && change.lists) {
                self.push(context, Shape::Change, change.slice, change.metadata);
            }
            return;
        }
        self.updates.reserve(change.items.len());
        let contacts = Contacts::new(&change.contacts);
        for (shape, slice) in change.items {
            let shape = match (shape, change.field.as_deref()) {
                (Shape::Message | Shape::Status, Some("history")) => Shape::History,
                (Shape::Status, Some("calls")) => Shape::CallStatus,
                _ => shape,
            };
            let mut context = context.clone();
            context.contact = contacts.of(shape, Node::scanned(slice)).map(Cow::Borrowed);
            self.push(context, shape, slice, change.metadata);
        }
    }
}

/// Whether a change's value is what `messaging[]` would hold: the dashboard's test button sends it so.
fn is_messaging_item(value: Node<'_>) -> bool {
    let [sender, recipient] = value.fields(["sender", "recipient"]);
    sender.or(recipient).is_some_and(Node::is_object)
}
