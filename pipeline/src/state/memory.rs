use std::collections::{BTreeMap, HashMap};

use super::{Changes, Error, Read, Row, Value, Visit};

/// State in memory: for tests, dry runs and simulation.
#[derive(Debug, Default, Clone)]
pub struct Memory {
    keyed: BTreeMap<Value, Value>,
    seen: HashMap<[u8; 16], u16>,
}

impl Memory {
    /// Takes over a transaction's changes.
    pub fn apply(&mut self, changes: &Changes, day: u16) {
        for (key, value) in &changes.keyed {
            match value {
                Some(value) => self.keyed.insert(key.clone(), value.clone()),
                None => self.keyed.remove(key),
            };
        }
        for hash in &changes.seen {
            self.seen.insert(*hash, day);
        }
    }

    /// Remembers that dedup saw `hash` on `day`.
    pub fn see(&mut self, hash: [u8; 16], day: u16) {
        self.seen.insert(hash, day);
    }
}

impl Read for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        Ok(self.keyed.get(key).cloned())
    }

    fn scan(&self, table: u8, row: &mut Visit<'_>) -> Result<(), Error> {
        for (key, value) in self.keyed.range(Value::from([table])..Value::from([table + 1])) {
            row(&key[1..], value)?;
        }
        Ok(())
    }

    fn after(&self, table: u8, key: &[u8], n: usize) -> Result<Vec<Row>, Error> {
        let from = Value::from([&[table], key].concat());
        let rows = self.keyed.range(from..Value::from([table + 1])).filter(|(full, _)| key.is_empty() || &full[1..] != key);
        Ok(rows.take(n).map(|(key, value)| (key[1..].to_vec(), value.clone())).collect())
    }

    fn seen(&self, hash: &[u8; 16]) -> Result<Option<u16>, Error> {
        Ok(self.seen.get(hash).copied())
    }
}
