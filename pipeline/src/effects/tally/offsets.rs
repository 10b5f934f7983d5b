use std::collections::BTreeMap;

use sluice_connectors::postgres::{self, Pool, Transaction};

use super::Error;

/// One partition's part of a batch.
pub(super) struct Slice {
    pub(super) projection: &'static str,
    pub(super) topic: &'static str,
    pub(super) partition: i32,
    pub(super) generation: i32,
    /// Where reading began, when that is known; the records between it and `first` are transaction markers.
    pub(super) start: Option<i64>,
    pub(super) first: i64,
    pub(super) end: i64,
}

impl Slice {
    /// Locks the projection's offset and gives it: records before it are applied already.
    ///
    /// The lock makes the compare-and-set: a second process waits here, and then finds what the first one has applied.
    pub(super) async fn lock(&self, transaction: &Transaction) -> Result<i64, Error> {
        let start = self.start.unwrap_or(self.first);
        transaction
            .execute(
                "insert into tally_offsets (projection, topic, partition, generation, next_offset) values ($1, $2, $3, $4, $5)
                 on conflict do nothing",
                &[&self.projection, &self.topic, &self.partition, &self.generation, &start],
            )
            .await?;
        let row = transaction
            .query_one(
                "select next_offset from tally_offsets where projection = $1 and topic = $2 and partition = $3 and generation = $4
                 for update",
                &[&self.projection, &self.topic, &self.partition, &self.generation],
            )
            .await?;
        let stored = row.try_get(0).map_err(postgres::Error::from)?;
        match self.start {
            Some(start) if start > stored => {
                Err(Error::Gap { projection: self.projection, topic: self.topic, partition: self.partition, stored, start })
            }
            _ => Ok(stored),
        }
    }

    /// Moves the offset behind the slice, in the transaction of what it counted.
    pub(super) async fn advance(&self, transaction: &Transaction) -> Result<(), Error> {
        transaction
            .execute(
                "update tally_offsets set next_offset = greatest(next_offset, $5)
                 where projection = $1 and topic = $2 and partition = $3 and generation = $4",
                &[&self.projection, &self.topic, &self.partition, &self.generation, &self.end],
            )
            .await?;
        Ok(())
    }
}

/// Next offset of every partition of a projection's topic in this generation: where a consumer without offsets of its own begins.
pub async fn next_offsets(pool: &Pool, projection: &str, topic: &str, generation: i32) -> Result<BTreeMap<i32, i64>, postgres::Error> {
    let transaction = pool.worker().await?;
    let sql = "select partition, next_offset from tally_offsets where projection = $1 and topic = $2 and generation = $3";
    let rows = transaction.query(sql, &[&projection, &topic, &generation]).await?;
    transaction.commit().await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
