use jiff::Timestamp;

use super::{Expression, parse};
use crate::postgres::{Error, Result, Transaction};

/// A part of the contacts by what they are like. Who becomes so belongs to it from then on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// [`Expression`].
    pub expression: String,
    /// Who wrote it last.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

/// Every segment, by name.
pub async fn segments(transaction: &Transaction) -> Result<Vec<Segment>> {
    let sql = "select name, expression, changed_by, changed_at from segments where tenant_id = $1 order by name";
    let rows = transaction.query(sql, &[&transaction.tenant()?.0]).await?;
    rows.iter()
        .map(|row| {
            Ok(Segment { name: row.try_get(0)?, expression: row.try_get(1)?, changed_by: row.try_get(2)?, changed_at: row.try_get(3)? })
        })
        .collect()
}

/// The segment of this name, as it was written and as it is read.
pub async fn segment(transaction: &Transaction, name: &str) -> Result<(String, Expression)> {
    let sql = "select expression from segments where tenant_id = $1 and name = $2";
    let row = transaction.query_opt(sql, &[&transaction.tenant()?.0, &name]).await?;
    let text: String = row.ok_or_else(|| Error::not_found("segment", name))?.try_get(0)?;
    let read = parse("segment", &text)?;
    Ok((text, read))
}

/// Writes a segment, new or in place of the one of that name. Campaigns that were made of it keep their audience.
pub async fn save_segment(transaction: &Transaction, name: &str, expression: &str, by: &str) -> Result<()> {
    if name.trim().is_empty() || name.len() > 200 {
        return Err(Error::invalid("name", "is empty or longer than 200 bytes"));
    }
    parse("expression", expression)?;
    let sql = "insert into segments (tenant_id, name, expression, changed_by) values ($1, $2, $3, $4)
               on conflict (tenant_id, name)
               do update set expression = excluded.expression, changed_by = excluded.changed_by, changed_at = now()";
    transaction.execute(sql, &[&transaction.tenant()?.0, &name.trim(), &expression.trim(), &by]).await?;
    Ok(())
}

/// Forgets a segment; its contacts stay.
pub async fn drop_segment(transaction: &Transaction, name: &str) -> Result<()> {
    let sql = "delete from segments where tenant_id = $1 and name = $2";
    match transaction.execute(sql, &[&transaction.tenant()?.0, &name]).await? {
        0 => Err(Error::not_found("segment", name)),
        _ => Ok(()),
    }
}
