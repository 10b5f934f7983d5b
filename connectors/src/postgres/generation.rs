//! How often the history was rebuilt.

use super::{Error, Pool, Result};

/// The stamps of rows leave room for so many between two milliseconds.
pub const LAST: i32 = 999;

/// The next generation of the history, taken by whoever asks.
pub async fn next(pool: &Pool) -> Result<i32> {
    let transaction = pool.worker().await?;
    let sql = "update history_generation set generation = generation + 1 where generation < $1 returning generation";
    let row = transaction.query_opt(sql, &[&LAST]).await?;
    let row = row.ok_or_else(|| {
        Error::invalid("generation", format!("the history was rebuilt {LAST} times, which is as often as its stamps tell apart"))
    })?;
    transaction.commit().await?;
    Ok(row.try_get(0)?)
}
