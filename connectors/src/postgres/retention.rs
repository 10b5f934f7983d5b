//! Rows that nobody needs any more go, so that the tables are bounded by what happens within these times.

use super::{Pool, Result};

/// A published record is kept this long, for whoever wants to see what was told when.
pub const OUTBOX_DAYS: i32 = 7;
/// A repeat under an `Idempotency-Key` gets the first answer for this long.
pub const IDEMPOTENCY_DAYS: i32 = 7;
/// An import of contacts can be undone for this long.
pub const UNDO_DAYS: i32 = 30;

/// Rows removed, by table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleared {
    /// Published longer than [`OUTBOX_DAYS`] ago.
    pub outbox: u64,
    /// Over.
    pub sessions: u64,
    /// Older than [`IDEMPOTENCY_DAYS`].
    pub idempotency_keys: u64,
    /// Of imports older than [`UNDO_DAYS`].
    pub contact_changes: u64,
}

/// Removes what is over, in all tenants.
pub async fn clear(pool: &Pool) -> Result<Cleared> {
    let transaction = pool.worker().await?;
    let published = "delete from outbox where published_at < now() - make_interval(days => $1)";
    let keys = "delete from idempotency_keys where created_at < now() - make_interval(days => $1)";
    let changes = "delete from contact_changes h using contact_imports i
                   where i.tenant_id = h.tenant_id and i.id = h.import_id and i.created_at < now() - make_interval(days => $1)";
    let cleared = Cleared {
        outbox: transaction.execute(published, &[&OUTBOX_DAYS]).await?,
        sessions: transaction.execute("delete from sessions where expires_at < now()", &[]).await?,
        idempotency_keys: transaction.execute(keys, &[&IDEMPOTENCY_DAYS]).await?,
        contact_changes: transaction.execute(changes, &[&UNDO_DAYS]).await?,
    };
    transaction.commit().await?;
    Ok(cleared)
}
