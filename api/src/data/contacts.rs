//! Contacts, their imports and their segments.

use std::io::Read;

use jiff::Timestamp;
use serde_json::json;
use sluice_connectors::postgres::campaigns::Import;
use sluice_connectors::postgres::contacts::{self, Expression, Wanted};
use sluice_connectors::postgres::{Transaction, audit};
use uuid::Uuid;

use super::campaigns::REFUSALS;
use super::paging::{self, Paging};
use crate::auth::{Actor, Role};
use crate::view::{Contact, ContactImport, Page, Refusal, Segment};
use crate::{Error, State};

/// `?where=`
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Which: `tag = vip and city = "São Paulo", Recife or age >= 30`. All when left out.
    pub r#where: Option<String>,
}

impl Filter {
    fn read(&self) -> Result<Option<Expression>, Error> {
        let text = self.r#where.as_deref().map(str::trim).filter(|text| !text.is_empty());
        Ok(text.map(|text| contacts::parse("where", text)).transpose()?)
    }
}

/// What an import is told besides its file.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct New {
    /// Name of the file.
    pub file: String,
    /// ISO 3166 country of numbers without an international prefix.
    pub country: Option<String>,
    /// Column of the telephone numbers.
    pub phone_column: Option<String>,
    /// Tags for all of them.
    pub tags: Vec<String>,
    /// Where they agreed to be written to.
    pub consent: Option<String>,
}

const MANAGE: &str = "see and change contacts";

async fn open(app: &State, actor: &Actor) -> Result<Transaction, Error> {
    actor.require(Role::Admin, MANAGE)?;
    Ok(app.pool.tenant(actor.tenant).await?)
}

/// A page of contacts, by telephone number.
pub async fn list(app: &State, actor: &Actor, filter: &Filter, paging: &Paging) -> Result<Page<Contact>, Error> {
    let (limit, which) = (paging.limit()?, filter.read()?);
    let after = paging.parts()?.map_or_else(String::new, |(_, phone)| phone);
    let transaction = open(app, actor).await?;
    let mut rows = contacts::list(&transaction, which.as_ref(), &after, limit + 1).await?;
    transaction.commit().await?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(1));
    let next_cursor = rows.last().filter(|_| more).map(|last| paging::encode(0, &last.phone));
    Ok(Page { data: rows.into_iter().map(shown).collect(), next_cursor })
}

fn shown(row: contacts::Contact) -> Contact {
    let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Contact {
        phone: row.phone,
        attributes: row.attributes.into_iter().map(|(name, value)| (name, text(value))).collect(),
        tags: row.tags,
        consent: row.consent.and_then(|consent| consent["source"].as_str().map(str::to_owned)),
        added_at: row.added_at.to_string(),
        changed_at: row.changed_at.to_string(),
    }
}

/// How many contacts there are of this kind.
pub async fn count(app: &State, actor: &Actor, filter: &Filter) -> Result<i64, Error> {
    let which = filter.read()?;
    let transaction = open(app, actor).await?;
    let n = contacts::count(&transaction, which.as_ref()).await?;
    transaction.commit().await?;
    Ok(n)
}

/// Every segment, with how many belong to it now.
pub async fn segments(app: &State, actor: &Actor) -> Result<Vec<Segment>, Error> {
    let transaction = open(app, actor).await?;
    let mut shown = Vec::new();
    for segment in contacts::segments(&transaction).await? {
        let read = contacts::parse("segment", &segment.expression)?;
        shown.push(Segment {
            contacts: contacts::count(&transaction, Some(&read)).await?,
            name: segment.name,
            expression: segment.expression,
            changed_by: segment.changed_by,
            changed_at: segment.changed_at.to_string(),
        });
    }
    transaction.commit().await?;
    Ok(shown)
}

/// Writes a segment, new or in place of the one of that name.
pub async fn save_segment(app: &State, actor: &Actor, name: &str, expression: &str) -> Result<(), Error> {
    let transaction = open(app, actor).await?;
    contacts::save_segment(&transaction, name, expression, &actor.name).await?;
    audit::record(&transaction, &actor.name, "segment.save", name, &json!({"expression": expression})).await?;
    Ok(transaction.commit().await?)
}

/// Forgets a segment.
pub async fn drop_segment(app: &State, actor: &Actor, name: &str) -> Result<(), Error> {
    let transaction = open(app, actor).await?;
    contacts::drop_segment(&transaction, name).await?;
    audit::record(&transaction, &actor.name, "segment.drop", name, &json!({})).await?;
    Ok(transaction.commit().await?)
}

/// Reads contacts from a file.
pub async fn import(app: &State, actor: &Actor, new: New, file: impl Read + Send + 'static) -> Result<ContactImport, Error> {
    actor.require(Role::Admin, MANAGE)?;
    let wanted = Wanted {
        file: new.file,
        import: Import { country: new.country, recipient_column: new.phone_column },
        tags: new.tags,
        consent: new.consent,
        by: actor.name.clone(),
    };
    let (made, _) = contacts::import(&app.pool, actor.tenant, &wanted, file).await?;
    Ok(imported(made))
}

/// A page of imports, newest first.
pub async fn imports(app: &State, actor: &Actor, paging: &Paging) -> Result<Page<ContactImport>, Error> {
    let (limit, place) = (paging.limit()?, paging.place()?);
    let transaction = open(app, actor).await?;
    let rows = contacts::imports(&transaction, place, limit + 1).await?;
    transaction.commit().await?;
    let (rows, next_cursor) = paging::page(rows, limit, |row| (row.created_at, row.id));
    Ok(Page { data: rows.into_iter().map(imported).collect(), next_cursor })
}

/// Lines of an import that were refused, behind line `after`.
pub async fn refusals(app: &State, actor: &Actor, id: Uuid, after: i64) -> Result<Vec<Refusal>, Error> {
    let transaction = open(app, actor).await?;
    let rows = contacts::refusals(&transaction, id, after, REFUSALS).await?;
    transaction.commit().await?;
    Ok(rows.into_iter().map(|r| Refusal { line: r.line.cast_signed(), reason: r.reason, content: r.excerpt }).collect())
}

/// Takes an import back; gives how many contacts changed since and stay as they are.
pub async fn undo(app: &State, actor: &Actor, id: Uuid) -> Result<i64, Error> {
    let transaction = open(app, actor).await?;
    let kept = contacts::undo(&transaction, id).await?;
    audit::record(&transaction, &actor.name, "contact.undo", &id.to_string(), &json!({"kept": kept})).await?;
    transaction.commit().await?;
    Ok(kept)
}

fn imported(row: contacts::Imported) -> ContactImport {
    ContactImport {
        id: row.id,
        file: row.file,
        added: row.added,
        changed: row.changed,
        duplicates: row.duplicates,
        refused: row.refused,
        created_by: row.created_by,
        created_at: row.created_at.to_string(),
        undone_at: row.undone_at.as_ref().map(Timestamp::to_string),
    }
}
