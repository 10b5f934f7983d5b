//! Which element of `contacts[]` belongs to an update: matched by id, never by position (contract §2).

use std::borrow::Cow;
use std::collections::HashMap;

use super::identity;
use super::scan::Node;
use super::split::Shape;

/// Up to this many contacts are searched one by one: building a map costs more.
const FEW: usize = 8;

/// `contacts[]` of a value by every id they carry.
pub(crate) struct Contacts<'a> {
    listed: Vec<(Cow<'a, str>, &'a str)>,
    by_id: HashMap<Cow<'a, str>, &'a str>,
}

impl<'a> Contacts<'a> {
    pub fn new(contacts: &[Node<'a>]) -> Self {
        let mut listed = Vec::with_capacity(contacts.len());
        for contact in contacts {
            for id in contact.fields(["wa_id", "user_id"]).into_iter().flatten().filter_map(identity::borrow) {
                listed.push((id, contact.raw()));
            }
        }
        let mut by_id = HashMap::new();
        if listed.len() > FEW {
            for (id, contact) in listed.drain(..) {
                by_id.entry(id).or_insert(contact);
            }
        }
        Self { listed, by_id }
    }

    fn find(&self, id: Option<Node<'a>>) -> Option<&'a str> {
        let id = identity::borrow(id?)?;
        let listed = || self.listed.iter().find(|(listed, _)| *listed == id).map(|(_, contact)| *contact);
        self.by_id.get(&id).copied().or_else(listed)
    }

    /// The contact an update belongs to.
    pub fn of(&self, shape: Shape, update: Node<'a>) -> Option<&'a str> {
        if self.listed.is_empty() && self.by_id.is_empty() {
            return None;
        }
        let names = match shape {
            // `from` stands first in practice: most messages are matched without reading on.
            Shape::Message => match self.find(update.peek("from")) {
                Some(contact) => return Some(contact),
                None => ["from_user_id", "from", "", ""],
            },
            Shape::Status | Shape::CallStatus => {
                ["recipient_participant_id", "recipient_participant_user_id", "recipient_id", "recipient_user_id"]
            }
            Shape::Echo => ["to", "to_user_id", "recipient_user_id", ""],
            Shape::UserPreference | Shape::UserIdUpdate => ["wa_id", "user_id", "", ""],
            Shape::Call => ["from", "from_user_id", "to", "to_user_id"],
            _ => return None,
        };
        update.fields(names).into_iter().find_map(|id| self.find(id))
    }
}
