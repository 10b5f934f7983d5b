//! Quotes as the projection of the topic `quotes` holds them.

use jiff::Timestamp;
use serde_json::Value;
use sluice_schemas::ids::{ConversationId, QuoteId, TraceId};

use super::{Error, Result, Transaction};

/// A quote.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Quote {
    /// Identifier.
    pub quote: QuoteId,
    /// Conversation it answers.
    pub conversation: ConversationId,
    /// Number it is sent from.
    pub account: String,
    /// `answered`, `awaiting_approval`, `approved`, `changed`, `rejected`, `expired`.
    pub status: String,
    /// Sum to pay, decimal text.
    pub total: String,
    /// ISO 4217.
    pub currency: String,
    /// Why a person must decide.
    pub reasons: Vec<String>,
    /// The customer's text.
    pub request: String,
    /// Lines, freight and discounts.
    pub detail: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Until when a person may decide, or the customer may accept.
    pub deadline_at: Timestamp,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Follows the update through the topics.
    pub trace: TraceId,
}

/// The last row of a page: the next page starts behind it.
pub type Cursor = (Timestamp, QuoteId);

const COLUMNS: &str = "quote_id, conversation_id, account, status, total::text, currency, reasons, request, detail,
                       created_at, updated_at, deadline_at, decided_by, trace";

/// Quotes that wait for a person, newest first.
pub async fn awaiting(transaction: &Transaction, after: Option<Cursor>, limit: i64) -> Result<Vec<Quote>> {
    // The status stands in the text, not in a parameter, so that the partial index serves.
    page(transaction, "and status = 'awaiting_approval'", after, limit).await
}

/// Every quote, newest first.
pub async fn list(transaction: &Transaction, after: Option<Cursor>, limit: i64) -> Result<Vec<Quote>> {
    page(transaction, "", after, limit).await
}

async fn page(transaction: &Transaction, filter: &str, after: Option<Cursor>, limit: i64) -> Result<Vec<Quote>> {
    let (at, id) = after.unwrap_or((Timestamp::MAX, QuoteId::from_bytes([0xff; 16])));
    // Postgres' own last moment lies beyond jiff's, and any real one is smaller than both.
    let sql = format!(
        "select {COLUMNS} from quotes where tenant_id = $1 {filter} and (created_at, quote_id) < ($2, $3)
         order by created_at desc, quote_id desc limit $4"
    );
    transaction.query(&sql, &[&transaction.tenant()?.0, &at, &id.0, &limit]).await?.iter().map(quote).collect()
}

/// One quote.
pub async fn get(transaction: &Transaction, id: QuoteId) -> Result<Quote> {
    let sql = format!("select {COLUMNS} from quotes where tenant_id = $1 and quote_id = $2");
    let row = transaction.query_opt(&sql, &[&transaction.tenant()?.0, &id.0]).await?;
    quote(&row.ok_or_else(|| Error::not_found("quote", id))?)
}

/// The quotes of a conversation, newest first.
pub async fn of_conversation(transaction: &Transaction, conversation: ConversationId, limit: i64) -> Result<Vec<Quote>> {
    let sql = format!("select {COLUMNS} from quotes where tenant_id = $1 and conversation_id = $2 order by created_at desc limit $3");
    transaction.query(&sql, &[&transaction.tenant()?.0, &conversation.0, &limit]).await?.iter().map(quote).collect()
}

fn quote(row: &tokio_postgres::Row) -> Result<Quote> {
    Ok(Quote {
        quote: QuoteId(row.try_get(0)?),
        conversation: ConversationId(row.try_get(1)?),
        account: row.try_get(2)?,
        status: row.try_get(3)?,
        total: row.try_get(4)?,
        currency: row.try_get(5)?,
        reasons: row.try_get(6)?,
        request: row.try_get(7)?,
        detail: row.try_get(8)?,
        created_at: row.try_get(9)?,
        updated_at: row.try_get(10)?,
        deadline_at: row.try_get(11)?,
        decided_by: row.try_get(12)?,
        trace: TraceId(row.try_get(13)?),
    })
}
