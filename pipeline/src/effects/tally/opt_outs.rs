use std::collections::HashMap;

use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::postgres::{Pool, Transaction};
use sluice_schemas::record::OptOut;
use uuid::Uuid;

use super::offsets::Slice;
use super::store::at;
use super::{Applied, Error};

/// The newest record of a person tells whether they want offers.
pub(super) async fn apply(pool: &Pool, slice: &Slice, part: &[&Delivered<OptOut>]) -> Result<Applied, Error> {
    let transaction = pool.worker().await?;
    let stored = slice.lock(&transaction).await?;
    let fresh: Vec<&OptOut> = part.iter().filter(|delivered| delivered.offset >= stored).map(|delivered| &delivered.record).collect();
    let newest: HashMap<_, _> = fresh.iter().map(|opt_out| ((opt_out.tenant, &opt_out.person), *opt_out)).collect();
    let (lifted, open): (Vec<&OptOut>, Vec<&OptOut>) = newest.into_values().partition(|opt_out| opt_out.lifted.is_some());
    take_away(&transaction, &lifted).await?;
    put(&transaction, &open).await?;
    slice.advance(&transaction).await?;
    transaction.commit().await?;
    Ok(Applied { applied: fresh.len(), skipped: part.len() - fresh.len(), refused: Vec::new() })
}

/// Postgres' text has no zero character, and one would stop the whole batch for good.
fn text(text: &str) -> String {
    text.replace('\0', "")
}

async fn take_away(transaction: &Transaction, lifted: &[&OptOut]) -> Result<(), Error> {
    let tenants: Vec<Uuid> = lifted.iter().map(|opt_out| opt_out.tenant.0).collect();
    let people: Vec<String> = lifted.iter().map(|opt_out| text(&opt_out.person)).collect();
    let sql = "delete from opt_outs o using unnest($1::uuid[], $2::text[]) as back (tenant, person)
               where o.tenant_id = back.tenant and o.person = back.person";
    transaction.execute(sql, &[&tenants, &people]).await?;
    Ok(())
}

async fn put(transaction: &Transaction, open: &[&OptOut]) -> Result<(), Error> {
    let tenants: Vec<Uuid> = open.iter().map(|opt_out| opt_out.tenant.0).collect();
    let people: Vec<String> = open.iter().map(|opt_out| text(&opt_out.person)).collect();
    let sources: Vec<&str> = open.iter().map(|opt_out| opt_out.source.name()).collect();
    let details: Vec<Option<String>> = open.iter().map(|opt_out| opt_out.detail.as_deref().map(text)).collect();
    let since: Vec<_> = open.iter().map(|opt_out| at(opt_out.since_ms)).collect();
    let sql = "insert into opt_outs (tenant_id, person, source, detail, since)
               select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
               on conflict (tenant_id, person) do update set source = excluded.source, detail = excluded.detail, since = excluded.since";
    transaction.execute(sql, &[&tenants, &people, &sources, &details, &since]).await?;
    Ok(())
}
