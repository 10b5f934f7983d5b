//! State of one partition of a chain: committed values in a store, this transaction's changes above them.
//!
//! Keys begin with a table byte. Changes reach the store only after Kafka committed them; the changelog is the truth and
//! the store can be deleted at any time.

mod memory;
mod store;
mod sweep;

use indexmap::{IndexMap, IndexSet};
use sluice_schemas::time::Millis;

pub use memory::Memory;
pub use store::{Position, Store, Stores, set_aside};
pub use sweep::Sweep;

/// What the disk says.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The embedded store failed.
    #[error("state store: {0}; the folder may be deleted, it is restored from the changelog")]
    Store(#[source] fjall::Error),
    /// No room on the disk, or in the quota.
    #[error("state store: the disk of `state_dir` is full ({0}): make room there; nothing is lost, the chain goes on by itself")]
    Full(#[source] fjall::Error),
    /// A write in the background failed before this one. Whoever opens the store again learns why.
    #[error("state store: an earlier write failed, as when the disk of `state_dir` is full or broken; the store is opened again")]
    Stopped,
    /// A value that this build cannot read.
    #[error("state store: {0}")]
    Value(String),
}

impl From<fjall::Error> for Error {
    fn from(error: fjall::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match &error {
            fjall::Error::Io(e) | fjall::Error::Storage(fjall::LsmError::Io(e)) if matches!(e.kind(), StorageFull | QuotaExceeded) => {
                Self::Full(error)
            }
            fjall::Error::Poisoned => Self::Stopped,
            _ => Self::Store(error),
        }
    }
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Full(_) => "disk_full",
            Self::Stopped => "store_stopped",
            Self::Value(_) => "value",
        }
    }

    /// Whether the content of the folder is damaged, or of another version. What the disk or its rights refuse is not: it may be
    /// readable later.
    pub fn is_damage(&self) -> bool {
        use std::io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
        match self {
            Self::Store(fjall::Error::Io(e) | fjall::Error::Storage(fjall::LsmError::Io(e))) => {
                matches!(e.kind(), InvalidData | NotFound | UnexpectedEof)
            }
            Self::Store(e) => !matches!(e, fjall::Error::Locked),
            Self::Full(_) | Self::Stopped => false,
            Self::Value(_) => true,
        }
    }
}

/// Bytes of the store, shared and never copied once they are there.
pub use fjall::Slice as Value;

/// What [`Read::scan`] calls with the key and value of each row.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), Error> + 'a;

/// A row: key without the table byte, and value.
pub type Row = (Vec<u8>, Value);

/// Committed state.
pub trait Read {
    /// The value of a key, table byte included.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error>;
    /// Calls `row` for every row of a table, in key order, keys without the table byte.
    fn scan(&self, table: u8, row: &mut Visit<'_>) -> Result<(), Error>;
    /// The first `n` rows of a table behind `key`, in key order, keys without the table byte.
    fn after(&self, table: u8, key: &[u8], n: usize) -> Result<Vec<Row>, Error>;
    /// The day on which dedup saw a hash last.
    fn seen(&self, hash: &[u8; 16]) -> Result<Option<u16>, Error>;
}

/// Hashes are not keyed by anything an outsider chooses freely, and the order of these maps is that of insertion: the
/// hasher decides nothing but speed.
type Hasher = foldhash::fast::RandomState;

/// Uncommitted changes of one transaction, in the order of the first change of each key: a replay must give the same.
#[derive(Debug, Default)]
pub struct Changes {
    /// Key with table byte → value, or `None` for a deletion.
    pub keyed: IndexMap<Value, Entry, Hasher>,
    /// Hashes that dedup saw first in this transaction.
    pub seen: IndexSet<[u8; 16], Hasher>,
    undo: Vec<Undo>,
}

/// A value, or a deletion.
pub type Entry = Option<Value>;

#[derive(Debug)]
enum Undo {
    /// The newest key was not there before.
    New,
    /// What the key at this index had before.
    Changed(usize, Entry),
    /// The newest hash.
    Seen,
}

impl Changes {
    /// From here on [`Changes::rollback`] undoes.
    pub fn savepoint(&mut self) {
        self.undo.clear();
    }

    /// Undoes everything since the last savepoint.
    pub fn rollback(&mut self) {
        while let Some(step) = self.undo.pop() {
            match step {
                Undo::New => {
                    self.keyed.pop();
                }
                Undo::Changed(index, before) => self.keyed[index] = before,
                Undo::Seen => {
                    self.seen.pop();
                }
            }
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.keyed.is_empty() && self.seen.is_empty()
    }

    /// Forgets everything, and keeps the room: after a commit or an abort.
    pub fn clear(&mut self) {
        self.keyed.clear();
        self.seen.clear();
        self.undo.clear();
    }

    fn put(&mut self, key: Value, value: Entry) {
        let (index, before) = self.keyed.insert_full(key, value);
        self.undo.push(before.map_or(Undo::New, |before| Undo::Changed(index, before)));
    }
}

/// State as a stage sees it.
pub struct View<'a> {
    committed: &'a dyn Read,
    changes: &'a mut Changes,
    failed: &'a mut Option<Error>,
}

/// Days that dedup remembers: Meta resends for 7 (contract §1).
pub const DEDUP_DAYS: u16 = 8;

/// The day number that dedup stores.
pub fn day(now: Millis) -> u16 {
    u16::try_from(now.day()).unwrap_or_default()
}

impl<'a> View<'a> {
    /// `failed` takes the first error of the disk, which ends the transaction: stages need not handle it.
    pub fn new(committed: &'a dyn Read, changes: &'a mut Changes, failed: &'a mut Option<Error>) -> Self {
        Self { committed, changes, failed }
    }

    fn or_fail<T: Default>(failed: &mut Option<Error>, result: Result<T, Error>) -> T {
        result.unwrap_or_else(|e| {
            failed.get_or_insert(e);
            T::default()
        })
    }

    /// The value of `key` in `table`.
    pub fn get(&mut self, table: u8, key: &[u8]) -> Option<Value> {
        let Self { committed, changes, failed } = self;
        full_key(table, key, |full| match changes.keyed.get(full) {
            Some(value) => value.clone(),
            None => Self::or_fail(failed, committed.get(full)),
        })
    }

    /// The first `n` committed rows of `table` behind `key`; this transaction's changes are not among them.
    pub fn committed_after(&mut self, table: u8, key: &[u8], n: usize) -> Vec<Row> {
        Self::or_fail(self.failed, self.committed.after(table, key, n))
    }

    /// Sets `key` in `table`.
    pub fn put(&mut self, table: u8, key: &[u8], value: impl Into<Value>) {
        self.changes.put(full_key(table, key, |full| Value::from(full)), Some(value.into()));
    }

    /// Removes `key` from `table`.
    pub fn delete(&mut self, table: u8, key: &[u8]) {
        self.changes.put(full_key(table, key, |full| Value::from(full)), None);
    }

    /// Remembers `hash`; returns whether it was already known and not older than [`DEDUP_DAYS`].
    pub fn check_and_set(&mut self, hash: [u8; 16], now: Millis) -> bool {
        if self.changes.seen.contains(&hash) {
            return true;
        }
        let known = Self::or_fail(self.failed, self.committed.seen(&hash));
        if known.is_some_and(|seen| day(now).saturating_sub(seen) <= DEDUP_DAYS) {
            return true;
        }
        self.changes.seen.insert(hash);
        self.changes.undo.push(Undo::Seen);
        false
    }
}

/// Calls `f` with the key with its table byte; on the stack, since nearly every key fits there.
fn full_key<T>(table: u8, key: &[u8], f: impl FnOnce(&[u8]) -> T) -> T {
    let mut short = [0; 96];
    match short.get_mut(..=key.len()) {
        Some(full) => {
            full[0] = table;
            full[1..].copy_from_slice(key);
            f(full)
        }
        None => f(&[&[table], key].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_and_is_no_damage_so_that_no_store_is_set_aside_for_it() {
        use std::io::ErrorKind::{InvalidData, PermissionDenied, QuotaExceeded, StorageFull};
        let both = |kind: std::io::ErrorKind| [fjall::Error::Io(kind.into()), fjall::Error::Storage(fjall::LsmError::Io(kind.into()))];
        for (kind, name, damage) in [
            (StorageFull, "disk_full", false),
            (QuotaExceeded, "disk_full", false),
            (PermissionDenied, "store", false),
            (InvalidData, "store", true),
        ] {
            for error in both(kind).map(Error::from) {
                assert_eq!((error.kind(), error.is_damage()), (name, damage), "{error}");
            }
        }
        let stopped = Error::from(fjall::Error::Poisoned);
        assert_eq!((stopped.kind(), stopped.is_damage()), ("store_stopped", false));
    }

    #[test]
    fn a_rollback_restores_what_the_savepoint_saw() {
        let (store, mut changes, mut failed) = (Memory::default(), Changes::default(), None);
        View::new(&store, &mut changes, &mut failed).put(1, b"a", b"1".to_vec());
        changes.savepoint();
        let mut view = View::new(&store, &mut changes, &mut failed);
        view.put(1, b"a", b"2".to_vec());
        view.put(1, b"b", b"3".to_vec());
        assert!(!view.check_and_set([7; 16], Millis(0)));
        changes.rollback();
        let mut view = View::new(&store, &mut changes, &mut failed);
        assert_eq!(view.get(1, b"a").as_deref(), Some(b"1".as_slice()));
        assert_eq!(view.get(1, b"b").as_deref(), None);
        assert!(!view.check_and_set([7; 16], Millis(0)));
    }

    #[test]
    fn a_key_of_any_length_is_found_again() {
        let (store, mut changes, mut failed) = (Memory::default(), Changes::default(), None);
        let mut view = View::new(&store, &mut changes, &mut failed);
        for n in [0, 1, 94, 95, 96, 97, 5_000] {
            let key = vec![7; n];
            view.put(1, &key, b"v");
            assert_eq!(view.get(1, &key).as_deref(), Some(b"v".as_slice()), "{n}");
            assert_eq!(view.get(2, &key).as_deref(), None);
        }
    }

    #[test]
    fn a_hash_is_new_again_after_eight_days() {
        let (mut store, mut failed) = (Memory::default(), None);
        store.see([1; 16], 10);
        let mut at = |day: i64| View::new(&store, &mut Changes::default(), &mut failed).check_and_set([1; 16], Millis(day * Millis::DAY));
        assert!(at(10) && at(18));
        assert!(!at(19));
    }
}
