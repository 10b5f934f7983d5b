//! What became of each recipient of a campaign: the rows of its audience (Postgres) beside the steps of their messages (history).
//!
//! The history follows the topics, so it may lag by the archive's lag; whoever acts on outcomes compares their number with the
//! campaign's counters.

mod retry;
mod table;

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use sluice_schemas::ids::{CampaignId, SendId, TenantId};
use sluice_schemas::record::SendState;

use crate::postgres::campaigns::{self, Place, Recipient};
use crate::postgres::{self, Pool};
use crate::scylla::{self, Session, Step, latest};

pub use retry::{Which, retry};
pub use table::Table;

/// Rows of the audience that are read at once. With their columns of a few hundred bytes, a walk holds some hundred kilobytes.
const PAGE: i64 = 1_000;
/// Messages looked up at once.
const READS: usize = 64;

/// Why outcomes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The audience.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// The steps.
    #[error(transparent)]
    History(#[from] scylla::Error),
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Postgres(error) => error.kind(),
            Self::History(error) => error.kind(),
        }
    }
}

/// A recipient, and where its message stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Where its row is in the audience.
    pub place: Place,
    /// The row.
    pub row: Recipient,
    /// The message that the row gives, whether it was given yet or not.
    pub send_id: SendId,
    /// The step that it stands at; none before the ledger has asked for the row.
    pub step: Option<Step>,
}

impl Outcome {
    /// `pending`, or the name of a [`SendState`].
    pub fn state(&self) -> &'static str {
        self.step.as_ref().map_or("pending", |step| step.state.name())
    }

    /// Its step, if the message failed.
    pub fn failure(&self) -> Option<&Step> {
        self.step.as_ref().filter(|step| step.state == SendState::Failed)
    }
}

/// Whether outcomes can be in this state; the words say which there are.
pub fn known(state: &str) -> Result<(), String> {
    if state == "pending" || SendState::from_name(state).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = SendState::ALL.iter().map(|state| state.name()).collect();
    Err(format!("use pending, {}", names.join(", ")))
}

/// At most `limit` outcomes behind `after`, by place.
pub async fn page(
    pool: &Pool,
    history: &Session,
    tenant: TenantId,
    campaign: CampaignId,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<Outcome>, Error> {
    let transaction = pool.tenant(tenant).await?;
    let rows = campaigns::audience_behind(&transaction, campaign, after, limit).await?;
    transaction.commit().await?;
    let outcome = |(place, row): (Place, Recipient)| async move {
        let send_id = SendId::of(tenant, &campaigns::cause(campaign, place), 0);
        let steps: Vec<Step> = history.steps(tenant, &send_id.to_string()).await?.into_iter().map(|row| row.step).collect();
        Ok(Outcome { place, row, send_id, step: latest(&steps).cloned() })
    };
    stream::iter(rows).map(outcome).buffered(READS).try_collect().await
}

/// Every outcome, a page at a time.
pub fn walk(
    pool: Pool,
    history: Session,
    tenant: TenantId,
    campaign: CampaignId,
) -> impl Stream<Item = Result<Vec<Outcome>, Error>> + Send + 'static {
    stream::try_unfold((pool, history, None), move |(pool, history, after)| async move {
        let rows = page(&pool, &history, tenant, campaign, after, PAGE).await?;
        Ok(rows.last().map(|last| last.place).map(|last| (rows, (pool, history, Some(last)))))
    })
}
