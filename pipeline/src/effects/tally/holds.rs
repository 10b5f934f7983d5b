use std::collections::HashMap;

use jiff::Timestamp;
use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::postgres::{Pool, Transaction};
use sluice_schemas::record::Hold;

use super::offsets::Slice;
use super::store::at;
use super::{Applied, Error};

/// Holds are few, so each is a statement; the newest record of a key tells whether it still holds.
pub(super) async fn apply(pool: &Pool, slice: &Slice, part: &[&Delivered<Hold>]) -> Result<Applied, Error> {
    let transaction = pool.worker().await?;
    let stored = slice.lock(&transaction).await?;
    let fresh: Vec<&Hold> = part.iter().filter(|delivered| delivered.offset >= stored).map(|delivered| &delivered.record).collect();
    let newest: HashMap<_, _> = fresh.iter().map(|hold| ((hold.tenant, hold.scope, &hold.name), *hold)).collect();
    for hold in newest.into_values() {
        put(&transaction, hold).await?;
    }
    slice.advance(&transaction).await?;
    transaction.commit().await?;
    Ok(Applied { applied: fresh.len(), skipped: part.len() - fresh.len(), refused: Vec::new() })
}

async fn put(transaction: &Transaction, hold: &Hold) -> Result<(), Error> {
    let (tenant, scope) = (hold.tenant.0, hold.scope.name());
    // Postgres' text has no zero character, and one would stop the whole batch for good.
    let text = |text: &str| text.replace('\0', "");
    let name = text(&hold.name);
    if hold.lifted.is_some() {
        let sql = "delete from holds where tenant_id = $1 and scope = $2 and name = $3";
        transaction.execute(sql, &[&tenant, &scope, &name]).await?;
        return Ok(());
    }
    let until: Option<Timestamp> = (hold.until_ms >= 0).then(|| at(hold.until_ms));
    let detail = hold.detail.as_deref().map(text);
    transaction
        .execute(
            "insert into holds (tenant_id, scope, name, code, detail, since, until, refusals) values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (tenant_id, scope, name) do update set code = excluded.code, detail = excluded.detail, since = excluded.since,
                until = excluded.until, refusals = excluded.refusals",
            &[&tenant, &scope, &name, &hold.code, &detail, &at(hold.since_ms), &until, &hold.refusals],
        )
        .await?;
    Ok(())
}
