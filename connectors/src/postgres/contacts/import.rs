//! Contacts from a file, and back.

use std::io::Read;

use jiff::Timestamp;
use serde_json::json;
use sluice_schemas::ids::TenantId;
use uuid::Uuid;

use crate::postgres::upload::{Columns, Import, Of, Refusal, load};
use crate::postgres::{Error, Pool, Result, Transaction, audit};

/// A file of contacts. Its columns become attributes; `tags` holds tags, separated by `;` or `,`.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Name of the file, for people.
    pub file: String,
    /// How its telephone numbers read.
    pub import: Import,
    /// Tags for all of them.
    pub tags: Vec<String>,
    /// Where they agreed to be written to; noted for those of whom nothing was noted.
    pub consent: Option<String>,
    /// Who imports it.
    pub by: String,
}

/// A file that was imported.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Identifier.
    pub id: Uuid,
    /// Name of the file.
    pub file: String,
    /// Contacts that were new.
    pub added: i64,
    /// Contacts that were known.
    pub changed: i64,
    /// Lines whose telephone number an earlier line had.
    pub duplicates: i64,
    /// Lines that were refused.
    pub refused: i64,
    /// Who imported it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was undone.
    pub undone_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, file, added, changed, duplicates, refused, created_by, created_at, undone_at";

/// Adds the file's contacts and changes those that are known: attributes that it names and fills are replaced, tags added. All or
/// nothing, with its refusals and its line of the audit log.
pub async fn import<R: Read + Send + 'static>(
    pool: &Pool,
    tenant: TenantId,
    wanted: &Wanted,
    source: R,
) -> Result<(Imported, Vec<Refusal>)> {
    let transaction = pool.tenant(tenant).await?;
    let id = Uuid::now_v7();
    let summary = load(&transaction, source, &wanted.import, Columns::All).await?;
    let sql = "insert into contact_imports (tenant_id, id, file, consent, created_by, duplicates, refused)
               values ($1, $2, $3, $4, $5, $6, $7)";
    let counts = (&summary.duplicates, &summary.refused);
    transaction.execute(sql, &[&tenant.0, &id, &wanted.file, &wanted.consent, &wanted.by, counts.0, counts.1]).await?;
    let changed = remember(&transaction, id).await?;
    apply(&transaction, id, wanted).await?;
    Of::Import(id).refuse(&transaction, &summary).await?;
    let sql = format!("update contact_imports set added = $3, changed = $4 where tenant_id = $1 and id = $2 returning {COLUMNS}");
    let row = transaction.query_one(&sql, &[&tenant.0, &id, &(summary.rows - changed), &changed]).await?;
    let imported = imported(&row)?;
    let detail = json!({"file": imported.file, "added": imported.added, "changed": imported.changed});
    audit::record(&transaction, &wanted.by, "contact.import", &id.to_string(), &detail).await?;
    transaction.commit().await?;
    Ok((imported, summary.refusals))
}

/// Notes what each contact was before; gives how many there were.
async fn remember(transaction: &Transaction, id: Uuid) -> Result<i64> {
    let sql = "insert into contact_changes (tenant_id, import_id, phone, before)
               select $1, $2, u.recipient, to_jsonb(c) from uploaded u left join contacts c on c.tenant_id = $1 and c.phone = u.recipient";
    let tenant = transaction.tenant()?;
    transaction.execute(sql, &[&tenant.0, &id]).await?;
    let sql = "select count(*) from contact_changes where tenant_id = $1 and import_id = $2 and before is not null";
    Ok(transaction.query_one(sql, &[&tenant.0, &id]).await?.try_get(0)?)
}

async fn apply(transaction: &Transaction, id: Uuid, wanted: &Wanted) -> Result<()> {
    // An empty cell says nothing, and takes nothing away.
    let sql = "insert into contacts as c (tenant_id, phone, attributes, tags, consent, import_id)
               select $1, recipient,
                   (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each_text(variables) where value <> '' and key <> 'tags'),
                   (select coalesce(array_agg(distinct trim(tag) order by trim(tag)), '{}')
                    from unnest($3::text[] || regexp_split_to_array(coalesce(variables ->> 'tags', ''), '[;,]')) tag where trim(tag) <> ''),
                   $4, $2
               from uploaded
               on conflict (tenant_id, phone) do update set
                   attributes = c.attributes || excluded.attributes,
                   tags = (select coalesce(array_agg(distinct tag order by tag), '{}') from unnest(c.tags || excluded.tags) tag),
                   consent = coalesce(c.consent, excluded.consent),
                   import_id = excluded.import_id,
                   changed_at = now()";
    let at = Timestamp::now().to_string();
    let consent = wanted.consent.as_ref().map(|source| json!({"source": source, "at": at, "import": id}));
    transaction.execute(sql, &[&transaction.tenant()?.0, &id, &wanted.tags, &consent]).await?;
    Ok(())
}

/// Imports, newest first, behind `after`.
pub async fn imports(transaction: &Transaction, after: Option<(Timestamp, Uuid)>, limit: i64) -> Result<Vec<Imported>> {
    let (at, id) = after.unwrap_or((Timestamp::MAX, Uuid::max()));
    let sql = format!(
        "select {COLUMNS} from contact_imports where tenant_id = $1 and (created_at, id) < ($2, $3)
         order by created_at desc, id desc limit $4"
    );
    transaction.query(&sql, &[&transaction.tenant()?.0, &at, &id, &limit]).await?.iter().map(imported).collect()
}

/// The lines that an import refused, by line, behind line `after`.
pub async fn refusals(transaction: &Transaction, id: Uuid, after: i64, limit: i64) -> Result<Vec<Refusal>> {
    Of::Import(id).refusals(transaction, after, limit).await
}

/// Takes an import back: what it added goes, what it changed is as before. Contacts that a later import changed stay as they are; gives
/// how many those are. What was made of the contacts meanwhile, as the audience of a campaign, stays.
pub async fn undo(transaction: &Transaction, id: Uuid) -> Result<i64> {
    let tenant = transaction.tenant()?;
    let sql = "select undone_at is not null, exists (select from contact_changes h where h.tenant_id = i.tenant_id and h.import_id = i.id)
               from contact_imports i where tenant_id = $1 and id = $2 for update";
    let row = transaction.query_opt(sql, &[&tenant.0, &id]).await?.ok_or_else(|| Error::not_found("import", id))?;
    let state = |state: &str| Error::State { what: "the import", state: state.into(), action: "undo it" };
    match (row.try_get(0)?, row.try_get(1)?) {
        (true, _) => return Err(state("undone already")),
        (false, false) => return Err(state("older than 30 days, or changed nothing")),
        (false, true) => {}
    }
    let restored = "update contacts c set attributes = b.attributes, tags = b.tags, consent = b.consent, changed_at = b.changed_at, import_id = b.import_id
                    from contact_changes h, jsonb_populate_record(null::contacts, h.before) b
                    where h.tenant_id = $1 and h.import_id = $2 and h.before is not null
                    and c.tenant_id = $1 and c.phone = h.phone and c.import_id = $2";
    let gone = "delete from contacts c using contact_changes h
                where h.tenant_id = $1 and h.import_id = $2 and h.before is null
                and c.tenant_id = $1 and c.phone = h.phone and c.import_id = $2";
    let (restored, gone) = (transaction.execute(restored, &[&tenant.0, &id]).await?, transaction.execute(gone, &[&tenant.0, &id]).await?);
    let sql = "update contact_imports set undone_at = now() where tenant_id = $1 and id = $2 returning added + changed";
    let all: i64 = transaction.query_one(sql, &[&tenant.0, &id]).await?.try_get(0)?;
    transaction.execute("delete from contact_changes where tenant_id = $1 and import_id = $2", &[&tenant.0, &id]).await?;
    Ok(all - i64::try_from(restored + gone).unwrap_or(i64::MAX))
}

fn imported(row: &tokio_postgres::Row) -> Result<Imported> {
    Ok(Imported {
        id: row.try_get(0)?,
        file: row.try_get(1)?,
        added: row.try_get(2)?,
        changed: row.try_get(3)?,
        duplicates: row.try_get(4)?,
        refused: row.try_get(5)?,
        created_by: row.try_get(6)?,
        created_at: row.try_get(7)?,
        undone_at: row.try_get(8)?,
    })
}
