use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use serde::{Deserialize, Serialize};

use super::{Changes, Error, Read, Row, Value, Visit};

/// The embedded database of one chain instance: one keyspace pair per partition.
pub struct Stores(Database);

/// Bytes of uncommitted writes that one keyspace keeps in memory.
const MEMTABLE: u64 = 8 << 20;
/// Bytes of cached blocks of a chain instance.
const CACHE: u64 = 64 << 20;

/// Where a partition's store stands in the logs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Sequence of the newest transaction applied.
    pub sequence: i64,
    /// Next offset of the keyed changelog to read.
    pub changelog: i64,
    /// Next offset of the packed changelog to read.
    pub packed: i64,
    /// That transaction's journal record, framed.
    pub journal: Vec<u8>,
}

const POSITION: &[u8] = &[0];

impl Stores {
    /// Opens or creates the database at `path`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self(Database::builder(path).cache_size(CACHE).worker_threads(1).open()?))
    }

    /// The store of one partition.
    pub fn partition(&self, partition: i32) -> Result<Store, Error> {
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE);
        Ok(Store {
            db: self.0.clone(),
            keyed: self.0.keyspace(&format!("p{partition}"), options)?,
            seen: self.0.keyspace(&format!("p{partition}-seen"), options)?,
        })
    }

    /// Bytes on disk.
    pub fn disk(&self) -> u64 {
        self.0.disk_space().unwrap_or_default()
    }
}

/// Moves a damaged database out of the way, for whoever wants to look into it; the one moved before it goes.
pub fn set_aside(path: &Path) -> std::io::Result<()> {
    let aside = path.with_extension("damaged");
    if aside.exists() {
        std::fs::remove_dir_all(&aside)?;
    }
    std::fs::rename(path, &aside)?;
    tracing::error!(folder = %path.display(), aside = %aside.display(), "the state store is damaged and is restored from the changelog");
    Ok(())
}

/// Committed state of one partition on disk.
pub struct Store {
    db: Database,
    keyed: Keyspace,
    seen: Keyspace,
}

impl Store {
    /// Where this store stands; the default for an empty one.
    pub fn position(&self) -> Result<Position, Error> {
        match self.keyed.get(POSITION)? {
            None => Ok(Position::default()),
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| Error::Value(format!("position: {e}"))),
        }
    }

    /// Takes over a committed transaction atomically. Not flushed to the disk here: what a crash of the machine loses is
    /// restored from the changelog, since [`Position`] is lost with it.
    pub fn apply(&self, changes: &Changes, day: u16, position: &Position) -> Result<(), Error> {
        let mut batch = self.db.batch();
        for (key, value) in &changes.keyed {
            match value {
                Some(value) => batch.insert(&self.keyed, key.clone(), value.clone()),
                None => batch.remove(&self.keyed, key.clone()),
            }
        }
        for hash in &changes.seen {
            batch.insert(&self.seen, hash, day.to_be_bytes());
        }
        let position = serde_json::to_vec(position).map_err(|e| Error::Value(e.to_string()))?;
        batch.insert(&self.keyed, POSITION, position);
        Ok(batch.commit()?)
    }

    /// Drops everything: when the store is of another cluster or damaged.
    pub fn clear(&self) -> Result<(), Error> {
        self.keyed.clear()?;
        Ok(self.seen.clear()?)
    }

    /// Forgets hashes last seen before `day`.
    pub fn forget_before(&self, day: u16) -> Result<usize, Error> {
        let mut forgotten = 0;
        for row in self.seen.iter() {
            let (key, value) = row.into_inner()?;
            if as_day(&value) < day {
                self.seen.remove(key)?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}

fn as_day(bytes: &[u8]) -> u16 {
    <[u8; 2]>::try_from(bytes).map_or(0, u16::from_be_bytes)
}

impl Read for Store {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        Ok(self.keyed.get(key)?)
    }

    fn scan(&self, table: u8, row: &mut Visit<'_>) -> Result<(), Error> {
        for guard in self.keyed.prefix([table]) {
            let (key, value) = guard.into_inner()?;
            row(&key[1..], &value)?;
        }
        Ok(())
    }

    fn after(&self, table: u8, key: &[u8], n: usize) -> Result<Vec<Row>, Error> {
        let from = [&[table], key].concat();
        let mut rows = Vec::new();
        for guard in self.keyed.range(from..vec![table + 1]) {
            let (full, value) = guard.into_inner()?;
            if rows.len() == n {
                break;
            }
            if key.is_empty() || &full[1..] != key {
                rows.push((full[1..].to_vec(), value));
            }
        }
        Ok(rows)
    }

    fn seen(&self, hash: &[u8; 16]) -> Result<Option<u16>, Error> {
        Ok(self.seen.get(hash)?.map(|value| as_day(&value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes over the middle of every file of a closed database.
    fn damage(folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                damage(&entry.path());
                continue;
            }
            let mut bytes = std::fs::read(entry.path()).expect("a file");
            let middle = bytes.len() / 2;
            bytes.iter_mut().skip(middle).take(64).for_each(|byte| *byte = !*byte);
            std::fs::write(entry.path(), bytes).expect("written");
        }
    }

    #[test]
    fn a_damaged_store_is_known_as_such_and_makes_way_for_a_fresh_one() {
        let parent = tempfile::tempdir().expect("folder");
        let folder = parent.path().join("intake-0");
        for _ in 0..2 {
            {
                let stores = Stores::open(&folder).expect("opens");
                let store = stores.partition(3).expect("partition");
                store.apply(&Changes::default(), 1, &Position { sequence: 4, ..Position::default() }).expect("applies");
            }
            damage(&folder);
            let read = Stores::open(&folder).and_then(|stores| stores.partition(3)).and_then(|store| store.position());
            assert!(read.expect_err("damaged").is_damage());
            set_aside(&folder).expect("moved");
        }
        assert!(parent.path().join("intake-0.damaged").exists());
        let fresh = Stores::open(&folder).expect("opens").partition(3).expect("partition");
        assert_eq!(fresh.position().expect("position"), Position::default());
    }

    #[test]
    fn a_store_that_another_process_holds_is_not_damaged() {
        let folder = tempfile::tempdir().expect("folder");
        let _held = Stores::open(folder.path()).expect("opens");
        assert!(!Stores::open(folder.path()).err().expect("locked").is_damage());
    }
    use crate::state::View;
    use sluice_schemas::time::Millis;

    #[test]
    fn what_was_applied_is_there_after_reopening() {
        let folder = tempfile::tempdir().expect("folder");
        let position = Position { sequence: 4, changelog: 9, packed: 2, journal: vec![1] };
        {
            let stores = Stores::open(folder.path()).expect("opens");
            let store = stores.partition(3).expect("partition");
            let (mut changes, mut failed) = (Changes::default(), None);
            let mut view = View::new(&store, &mut changes, &mut failed);
            view.put(1, b"k", b"v".to_vec());
            view.check_and_set([5; 16], Millis(Millis::DAY));
            store.apply(&changes, 1, &position).expect("applies");
        }
        let stores = Stores::open(folder.path()).expect("opens again");
        let store = stores.partition(3).expect("partition");
        assert_eq!(store.position().expect("position"), position);
        assert_eq!(store.get(&[1, b'k']).expect("get").as_deref(), Some(b"v".as_slice()));
        assert_eq!(store.seen(&[5; 16]).expect("seen"), Some(1));
        assert_eq!(stores.partition(4).expect("another").position().expect("position"), Position::default());
        assert_eq!(store.forget_before(2).expect("forgets"), 1);
        assert_eq!(store.seen(&[5; 16]).expect("seen"), None);
    }
}
