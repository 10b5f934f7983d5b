use uuid::Uuid;

use super::{Refusal, Summary};
use crate::postgres::{Result, Transaction};

/// What was uploaded: the refused lines of either are kept alike, in tables of their own, and go with it.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) enum Of {
    /// The audience of a campaign.
    Campaign(Uuid),
    /// Contacts.
    Import(Uuid),
}

impl Of {
    /// Table, column of the owner, and the owner.
    const fn place(self) -> (&'static str, &'static str, Uuid) {
        match self {
            Self::Campaign(id) => ("import_refusals", "campaign_id", id),
            Self::Import(id) => ("contact_refusals", "import_id", id),
        }
    }

    /// Keeps the first refused lines.
    pub async fn refuse(self, transaction: &Transaction, summary: &Summary) -> Result<()> {
        let (table, owner, id) = self.place();
        let lines: Vec<i64> = summary.refusals.iter().map(|refusal| refusal.line as i64).collect();
        let reasons: Vec<&str> = summary.refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
        let excerpts: Vec<&str> = summary.refusals.iter().map(|refusal| refusal.excerpt.as_str()).collect();
        let sql = format!(
            "insert into {table} (tenant_id, {owner}, line, reason, content_excerpt)
             select $1, $2, * from unnest($3::bigint[], $4::text[], $5::text[]) on conflict do nothing"
        );
        transaction.execute(&sql, &[&transaction.tenant()?.0, &id, &lines, &reasons, &excerpts]).await?;
        Ok(())
    }

    /// The refused lines, by line, behind line `after`.
    pub async fn refusals(self, transaction: &Transaction, after: i64, limit: i64) -> Result<Vec<Refusal>> {
        let (table, owner, id) = self.place();
        let sql = format!(
            "select line, reason, content_excerpt from {table}
             where tenant_id = $1 and {owner} = $2 and line > $3 order by line limit $4"
        );
        let rows = transaction.query(&sql, &[&transaction.tenant()?.0, &id, &after, &limit]).await?;
        rows.iter()
            .map(|row| Ok(Refusal { line: row.try_get::<_, i64>(0)? as u64, reason: row.try_get(1)?, excerpt: row.try_get(2)? }))
            .collect()
    }
}
