//! Whom a tenant knows: contacts from files, and the segments that they form.

mod expression;
mod import;
mod segments;
mod sql;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

pub use expression::Expression;
pub use import::{Imported, Wanted, import, imports, refusals, undo};
pub use segments::{Segment, drop_segment, save_segment, segment, segments};

use super::{Error, Result, Transaction};
use sql::Sql;

/// A contact.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Contact {
    /// Phone digits or business-scoped user id.
    pub phone: String,
    /// By name of the column they came in.
    pub attributes: Map<String, Value>,
    /// Sorted.
    pub tags: Vec<String>,
    /// `source`, `at` and `import`: where the contact agreed to be written to, when that was noted, and by which file.
    pub consent: Option<Value>,
    /// When it was first imported.
    pub added_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// Contacts that `which` takes, all of them without one, by phone behind `after`.
pub async fn list(transaction: &Transaction, which: Option<&Expression>, after: &str, limit: i64) -> Result<Vec<Contact>> {
    let sql = condition(which, 3);
    let text = format!(
        "select phone, attributes, tags, consent, added_at, changed_at from contacts c
         where tenant_id = $1 and phone > $2 and {} order by phone limit $3",
        sql.text
    );
    let tenant = transaction.tenant()?.0;
    let rows = transaction.query_once(&text, &with(&[&tenant, &after, &limit], &sql)).await?;
    rows.iter().map(contact).collect()
}

/// How many `which` takes.
pub async fn count(transaction: &Transaction, which: Option<&Expression>) -> Result<i64> {
    let sql = condition(which, 1);
    let text = format!("select count(*) from contacts c where tenant_id = $1 and {}", sql.text);
    let rows = transaction.query_once(&text, &with(&[&transaction.tenant()?.0], &sql)).await?;
    rows.first().map_or(Ok(0), |row| Ok(row.try_get(0)?))
}

/// Makes those whom `which` takes the audience of a campaign on `home`, by phone, with the `columns` that fill its template; gives
/// their number. `phone` is a column too.
pub(super) async fn to_audience(
    transaction: &Transaction,
    which: &Expression,
    campaign: Uuid,
    home: i32,
    columns: &[String],
) -> Result<i64> {
    let sql = condition(Some(which), 4);
    let text = format!(
        "insert into audience (tenant_id, campaign_id, home, seq, recipient, variables)
         select $1, $2, $3, row_number() over (order by phone) - 1, phone,
                (select coalesce(jsonb_object_agg(key, value), '{{}}')
                 from jsonb_each(c.attributes || jsonb_build_object('phone', c.phone)) where key = any($4::text[]))
         from contacts c where tenant_id = $1 and {}",
        sql.text
    );
    let tenant = transaction.tenant()?.0;
    let rows = transaction.execute_once(&text, &with(&[&tenant, &campaign, &home, &columns], &sql)).await?;
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}

fn condition(which: Option<&Expression>, before: usize) -> Sql {
    which.map_or_else(|| Sql { text: "true".into(), parameters: Vec::new() }, |which| Sql::of(which, before))
}

fn with<'a>(first: &[&'a (dyn ToSql + Sync)], sql: &'a Sql) -> Vec<&'a (dyn ToSql + Sync)> {
    let own = sql.parameters.iter().map(|parameter| -> &(dyn ToSql + Sync) { parameter.as_ref() });
    first.iter().copied().chain(own).collect()
}

fn contact(row: &tokio_postgres::Row) -> Result<Contact> {
    let attributes = match row.try_get(1)? {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    Ok(Contact {
        phone: row.try_get(0)?,
        attributes,
        tags: row.try_get(2)?,
        consent: row.try_get(3)?,
        added_at: row.try_get(4)?,
        changed_at: row.try_get(5)?,
    })
}

/// An expression as people write it.
pub fn parse(field: &str, text: &str) -> Result<Expression> {
    text.parse().map_err(|reason: String| Error::invalid(field, reason))
}
