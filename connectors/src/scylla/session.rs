use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use scylla::client::session::Session as Driver;
use scylla::statement::prepared::PreparedStatement;

use super::{Error, Options, Result};

/// Requests of one batch in flight.
pub(super) const IN_FLIGHT: usize = 256;

/// A connection to the cluster with its statements prepared. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    pub(super) driver: Arc<Driver>,
    pub(super) statements: Arc<Statements>,
    pub(super) retention_days: u32,
    /// Microseconds by which a rebuilt row is younger than the first one under its key.
    pub(super) generation: i64,
}

pub(super) struct Statements {
    pub(super) put_message: PreparedStatement,
    pub(super) put_step: PreparedStatement,
    pub(super) put_by_day: PreparedStatement,
    pub(super) put_latest: PreparedStatement,
    pub(super) messages: PreparedStatement,
    pub(super) steps: PreparedStatement,
    pub(super) by_day: PreparedStatement,
    pub(super) latest: PreparedStatement,
}

impl Session {
    /// Connects and prepares. [`Error::Schema`] says that `migrate` has not run.
    pub async fn connect(options: &Options) -> Result<Self> {
        let driver = options.driver().await?;
        let statements = prepare(&driver, &options.keyspace).await?;
        Ok(Self { driver: Arc::new(driver), statements: Arc::new(statements), retention_days: options.retention_days, generation: 0 })
    }

    /// The same, with rows that win over those that an earlier generation wrote under the same key. Event times are milliseconds and stamps
    /// microseconds, which leaves room for 999 generations.
    #[must_use]
    pub fn generation(self, generation: i32) -> Self {
        Self { generation: i64::from(generation.clamp(0, 999)), ..self }
    }

    /// Whether the cluster answers.
    pub async fn check(&self) -> Result<()> {
        self.driver.query_unpaged("select key from system.local", ()).await.map_err(Error::statement).map(drop)
    }

    /// Runs `work` on every item, a bounded number at once, and gives the results in the order of the items.
    pub(super) async fn each<I, T, F>(items: Vec<I>, work: impl Fn(I) -> F) -> Result<Vec<T>>
    where
        F: Future<Output = Result<T>>,
    {
        futures::stream::iter(items.into_iter().map(work)).buffered(IN_FLIGHT).try_collect().await
    }
}

async fn prepare(driver: &Driver, keyspace: &str) -> Result<Statements> {
    let statement = async |text: &str| {
        let text = text.replace("KS.", &format!("{keyspace}."));
        let prepared = driver.prepare(text).await;
        let mut prepared = prepared.map_err(|error| Error::Schema { keyspace: keyspace.to_owned(), reason: error.to_string() })?;
        // Every write here gives the same row when repeated, so the driver may retry it elsewhere.
        prepared.set_is_idempotent(true);
        Ok::<_, Error>(prepared)
    };
    Ok(Statements {
        put_message: statement(
            "insert into KS.messages_by_conversation (tenant, conversation, bucket, ts, message_id, direction, kind, type, body, \
             account, channel, trace) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) using timestamp ? and ttl ?",
        )
        .await?,
        put_step: statement(
            "insert into KS.message_steps (tenant, message_id, state, at, code, detail, wamid, account, recipient, campaign, body) \
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) using timestamp ? and ttl ?",
        )
        .await?,
        put_by_day: statement(
            "insert into KS.conversations_by_day (tenant, day, updated_ms, version, conversation, snapshot) \
             values (?, ?, ?, ?, ?, ?) using timestamp ? and ttl ?",
        )
        .await?,
        put_latest: statement(
            "insert into KS.conversation_latest (tenant, conversation, updated_ms, version, snapshot) \
             values (?, ?, ?, ?, ?) using timestamp ? and ttl ?",
        )
        .await?,
        messages: statement(
            "select ts, message_id, direction, kind, type, body, account, channel, trace from KS.messages_by_conversation \
             where tenant = ? and conversation = ? and bucket = ? and (ts, message_id) < (?, ?) limit ?",
        )
        .await?,
        steps: statement(
            "select state, at, code, detail, wamid, account, recipient, campaign, body from KS.message_steps \
             where tenant = ? and message_id = ?",
        )
        .await?,
        by_day: statement(
            "select updated_ms, conversation, snapshot from KS.conversations_by_day \
             where tenant = ? and day = ? and updated_ms < ?",
        )
        .await?,
        latest: statement("select updated_ms, version, snapshot from KS.conversation_latest where tenant = ? and conversation = ? limit 1")
            .await?,
    })
}
