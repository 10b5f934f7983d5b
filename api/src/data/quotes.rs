use sluice_connectors::postgres::{Transaction, quotes};
use sluice_schemas::ids::{ConversationId, QuoteId};

use super::paging::{self, Paging};
use crate::view::{self, Money, Page};
use crate::{Error, State, auth::Actor};

/// Pages of the table read for one page of a status other than `awaiting_approval`, which has no index of its own.
const LOOKS: usize = 10;
/// The statuses that a quote can have.
pub const STATUSES: [&str; 6] = ["answered", "awaiting_approval", "approved", "changed", "rejected", "expired"];

/// The quote as it is shown.
pub fn shown(q: quotes::Quote) -> view::Quote {
    view::Quote {
        id: q.quote.0,
        conversation: q.conversation.0,
        account: q.account,
        status: q.status,
        total: Money { amount: q.total, currency: q.currency },
        reasons: q.reasons,
        request: q.request,
        lines: view::lines(&q.detail),
        decided_by: q.decided_by,
        created_at: q.created_at.to_string(),
        updated_at: q.updated_at.to_string(),
        deadline: q.deadline_at.to_string(),
    }
}

/// A page of quotes, newest first. Pages of a rare status may be short while there are more.
pub async fn list(app: &State, actor: &Actor, status: Option<&str>, paging: &Paging) -> Result<Page<view::Quote>, Error> {
    if let Some(other) = status.filter(|status| !STATUSES.contains(status)) {
        return Err(Error::field("status", format!("`status` is `{other}`; use one of {}", STATUSES.join(", "))));
    }
    let limit = paging.limit()?;
    let mut place = paging.place()?;
    let transaction = app.pool.tenant(actor.tenant).await?;
    let mut found = Vec::new();
    let mut next = None;
    for _ in 0..LOOKS {
        let after = place.map(|(at, id)| (at, QuoteId(id)));
        let rows = if status == Some("awaiting_approval") {
            quotes::awaiting(&transaction, after, limit + 1).await?
        } else {
            quotes::list(&transaction, after, limit + 1).await?
        };
        let more = rows.len() as i64 > limit;
        let mut rest = rows.into_iter().take(usize::try_from(limit).unwrap_or(1));
        for row in rest.by_ref() {
            place = Some((row.created_at, row.quote.0));
            if status.is_none_or(|status| status == row.status) {
                found.push(shown(row));
            }
            if found.len() as i64 == limit {
                break;
            }
        }
        next = place.filter(|_| more || rest.next().is_some()).map(paging::cursor);
        if next.is_none() || found.len() as i64 == limit {
            break;
        }
    }
    transaction.commit().await?;
    Ok(Page { data: found, next_cursor: next })
}

/// One quote.
pub async fn get(transaction: &Transaction, id: uuid::Uuid) -> Result<view::Quote, Error> {
    Ok(shown(quotes::get(transaction, QuoteId(id)).await?))
}

/// The newest quotes of a conversation.
pub async fn of_conversation(transaction: &Transaction, conversation: uuid::Uuid) -> Result<Vec<view::Quote>, Error> {
    let rows = quotes::of_conversation(transaction, ConversationId(conversation), 5).await?;
    Ok(rows.into_iter().map(shown).collect())
}

/// How many wait for a decision.
pub async fn awaiting(transaction: &Transaction) -> Result<i64, Error> {
    let sql = "select count(*) from quotes where tenant_id = $1 and status = 'awaiting_approval'";
    Ok(transaction.query_one(sql, &[&transaction.tenant()?.0]).await?.try_get(0)?)
}
