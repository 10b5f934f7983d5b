//! Files of businesses that Meta has, by number and content.

use jiff::Timestamp;

use super::{Result, Transaction};
use crate::media::{Upload, Written};

/// A file that Meta has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Meta's id.
    pub media_id: String,
    /// The number that may send it.
    pub account: String,
    /// MIME type.
    pub mime_type: String,
    /// Name of the file.
    pub name: String,
    /// Digest.
    pub sha256: Vec<u8>,
    /// When Meta forgets it.
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "media_id, account, mime_type, name, sha256, expires_at";

fn kept(row: &tokio_postgres::Row) -> Result<Kept> {
    Ok(Kept {
        media_id: row.try_get(0)?,
        account: row.try_get(1)?,
        mime_type: row.try_get(2)?,
        name: row.try_get(3)?,
        sha256: row.try_get(4)?,
        expires_at: row.try_get(5)?,
    })
}

/// The upload of this content by this number, if Meta keeps it for another day at least: long enough for a message that waits.
pub async fn find(transaction: &Transaction, account: &str, sha256: &[u8], mime: &str) -> Result<Option<Kept>> {
    let tenant = transaction.tenant()?;
    let sql = format!(
        "select {COLUMNS} from uploads
         where tenant_id = $1 and account = $2 and sha256 = $3 and mime_type = $4 and expires_at > now() + interval '1 day'"
    );
    transaction.query_opt(&sql, &[&tenant.0, &account, &sha256, &mime]).await?.as_ref().map(kept).transpose()
}

/// Notes that Meta has it for 30 days (contract §9).
pub async fn put(transaction: &Transaction, upload: &Upload<'_>, mime: &str, written: &Written, media_id: &str) -> Result<Kept> {
    let tenant = transaction.tenant()?;
    let sql = format!(
        "insert into uploads (tenant_id, account, sha256, mime_type, media_id, bytes, name, created_by, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now() + interval '30 days')
         on conflict (tenant_id, account, sha256, mime_type) do update
         set media_id = excluded.media_id, name = excluded.name, created_by = excluded.created_by, created_at = now(),
             expires_at = excluded.expires_at
         returning {COLUMNS}"
    );
    let bytes = i64::try_from(written.bytes).unwrap_or(i64::MAX);
    let row = transaction
        .query_one(&sql, &[&tenant.0, &upload.account, &&written.sha256[..], &mime, &media_id, &bytes, &upload.name, &upload.by])
        .await?;
    kept(&row)
}

/// The uploads of these ids that are known.
pub async fn named(transaction: &Transaction, ids: &[String]) -> Result<Vec<Kept>> {
    let tenant = transaction.tenant()?;
    let sql = format!("select {COLUMNS} from uploads where tenant_id = $1 and media_id = any($2)");
    transaction.query(&sql, &[&tenant.0, &ids]).await?.iter().map(kept).collect()
}
