//! The simulator's own account of what it accepted and refused, so that a checker can compare both books.
//!
//! Everything is kept in memory (about 200 bytes and the body for each acceptance: the judge forgets nothing) and, with
//! `--book FILE`, appended to a file of JSON lines before the call is answered. A restart reads the file: sequence
//! numbers go on, windows and the portfolios' counts are restored. Number and pair limits start empty.

mod file;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::limits::Millis;
use crate::state::lock;

/// One accepted message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// 1 for the first acceptance, then without gaps.
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    /// The number, or the Instagram account or page.
    pub(crate) phone_number_id: Box<str>,
    /// Digits, a business-scoped user id, or a social user's id.
    pub(crate) to: Box<str>,
    /// The message's id; a `mid` for social messages.
    pub(crate) wamid: Box<str>,
    #[serde(rename = "type")]
    pub(crate) kind: Box<str>,
    /// `marketing`, `marketing_lite`, `utility`, `authentication`, `service`; absent for social messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) category: Option<Box<str>>,
    /// Whether the customer's window was closed, so that the portfolio's limit counted the recipient.
    #[serde(default)]
    pub(crate) outside_window: bool,
    /// The code of the failed status that this message will get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) late_code: Option<u32>,
    pub(crate) callback_data: Option<Box<str>>,
    #[serde(default)]
    pub(crate) body: Option<Box<RawValue>>,
}

/// A refused call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) time: Timestamp,
    /// The object in the path.
    pub(crate) object: Box<str>,
    pub(crate) code: u32,
}

/// A message that a customer wrote.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Inbound {
    pub(crate) time: Timestamp,
    /// The number or social account written to.
    pub(crate) account: Box<str>,
    pub(crate) from: Box<str>,
    pub(crate) id: Box<str>,
}

/// One line of the file, such as `{"refused": {…}}`. Not tagged inside: a raw body would not survive it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Accepted(Arc<Entry>),
    Refused(Refused),
    Inbound(Inbound),
}

/// The counts of `GET /_sim/summary`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) accepted: u64,
    pub(crate) accepted_by_type: BTreeMap<Box<str>, u64>,
    pub(crate) accepted_by_number: BTreeMap<Box<str>, u64>,
    pub(crate) refused: u64,
    pub(crate) refused_by_code: BTreeMap<u32, u64>,
    pub(crate) inbound: u64,
}

/// See the module.
pub(crate) struct Book {
    keep_bodies: bool,
    /// What the file held at the start, for restoring windows and counts; taken once.
    restored: Mutex<Vec<Line>>,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    entries: Vec<Arc<Entry>>,
    summary: Summary,
    file: Option<std::fs::File>,
}

impl Book {
    /// An empty book, or the one that `path` keeps.
    pub(crate) fn open(path: Option<&Path>, keep_bodies: bool) -> Result<Self, Error> {
        let (file, restored) = match path {
            Some(path) => {
                let (file, lines) = file::open(path).map_err(|source| Error::File { path: path.into(), source })?;
                (Some(file), lines)
            }
            None => (None, Vec::new()),
        };
        let mut pages = Pages::default();
        for line in &restored {
            pages.note(line);
        }
        pages.file = file;
        Ok(Self { keep_bodies, restored: Mutex::new(restored), pages: Mutex::new(pages) })
    }

    /// What the file held at the start. The second call gets nothing.
    pub(crate) fn take_restored(&self) -> Vec<Line> {
        std::mem::take(&mut lock(&self.restored))
    }

    /// Enters an acceptance under the next sequence number.
    pub(crate) fn accept(&self, mut entry: Entry) -> Arc<Entry> {
        if !self.keep_bodies {
            entry.body = None;
        }
        let mut pages = lock(&self.pages);
        entry.seq = pages.entries.len() as u64 + 1;
        let entry = Arc::new(entry);
        pages.write(&Line::Accepted(entry.clone()));
        entry
    }

    /// Enters a refusal.
    pub(crate) fn refuse(&self, now: Millis, object: &str, code: u32) {
        lock(&self.pages).write(&Line::Refused(Refused { time: timestamp(now), object: object.into(), code }));
    }

    /// Enters a customer's message.
    pub(crate) fn inbound(&self, now: Millis, account: &str, from: &str, id: &str) {
        let line = Inbound { time: timestamp(now), account: account.into(), from: from.into(), id: id.into() };
        lock(&self.pages).write(&Line::Inbound(line));
    }

    /// At most `limit` acceptances behind sequence number `after`, and whether more follow.
    pub(crate) fn after(&self, after: u64, limit: usize) -> (Vec<Arc<Entry>>, bool) {
        let pages = lock(&self.pages);
        let rest = pages.entries.get(after as usize..).unwrap_or_default();
        (rest.iter().take(limit).cloned().collect(), rest.len() > limit)
    }

    pub(crate) fn summary(&self) -> Summary {
        lock(&self.pages).summary.clone()
    }
}

impl Pages {
    fn write(&mut self, line: &Line) {
        self.note(line);
        if let Some(file) = &mut self.file
            && let Err(error) = file::append(file, line)
        {
            tracing::error!(%error, "the book's file cannot be written; this run's book stays complete in memory only");
        }
    }

    fn note(&mut self, line: &Line) {
        let summary = &mut self.summary;
        match line {
            Line::Accepted(entry) => {
                summary.accepted += 1;
                bump(&mut summary.accepted_by_type, &entry.kind);
                bump(&mut summary.accepted_by_number, &entry.phone_number_id);
                self.entries.push(entry.clone());
            }
            Line::Refused(refused) => {
                summary.refused += 1;
                *summary.refused_by_code.entry(refused.code).or_default() += 1;
            }
            Line::Inbound(_) => summary.inbound += 1,
        }
    }
}

fn bump(counts: &mut BTreeMap<Box<str>, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.into(), 1);
        }
    }
}

/// Unix milliseconds as a time; the epoch if out of range.
pub(crate) fn timestamp(millis: Millis) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn entry(to: &str) -> Entry {
        Entry {
            seq: 0,
            time: timestamp(1_000),
            phone_number_id: "15550100001".into(),
            to: to.into(),
            wamid: "wamid.A".into(),
            kind: "text".into(),
            category: Some("service".into()),
            outside_window: true,
            late_code: None,
            callback_data: Some("v1.a".into()),
            body: Some(RawValue::from_string(r#"{"to":"1"}"#.into()).unwrap()),
        }
    }

    #[test]
    fn a_restarted_book_goes_on_where_it_was_and_drops_only_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book.jsonl");
        let book = Book::open(Some(&path), true).unwrap();
        book.accept(entry("1"));
        book.refuse(2_000, "15550100001", 131_056);
        book.inbound(3_000, "15550100001", "2", "wamid.B");
        drop(book);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"accep").unwrap();
        let book = Book::open(Some(&path), true).unwrap();
        assert_eq!(book.accept(entry("3")).seq, 2);
        let book = Book::open(Some(&path), true).unwrap();
        let (entries, more) = book.after(0, 10);
        assert_eq!(entries.iter().map(|entry| &*entry.to).collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(entries[0].body.as_ref().unwrap().get(), r#"{"to":"1"}"#);
        assert!(!more);
        assert_eq!(book.summary().refused_by_code[&131_056], 1);
        assert_eq!(book.take_restored().len(), 4);
    }

    #[test]
    fn pages_follow_the_sequence() {
        let book = Book::open(None, false).unwrap();
        for to in ["1", "2", "3"] {
            book.accept(entry(to));
        }
        let (page, more) = book.after(1, 1);
        assert_eq!((page[0].seq, more), (2, true));
        assert!(page[0].body.is_none());
        assert!(book.after(99, 1).0.is_empty());
    }
}
