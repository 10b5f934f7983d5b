//! Replays that people ask for: planned, confirmed, run and reported in the background.
//!
//! Whoever plans or runs one says every few seconds that it lives; after [`SILENT_S`] seconds without a word another does it again
//! from the beginning. Both kinds allow that: a shadow writes nothing, and a redrive takes a letter once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_schemas::ids::TenantId;
use uuid::Uuid;

use super::{Error, Pool, Result, Transaction};

/// Seconds of silence after which a replay is done again by another.
const SILENT_S: i32 = 60;
/// Differences that are kept; further ones are only counted.
pub const KEPT: i64 = 1_000;

/// What is to be done again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wanted {
    /// The past under other prices, or with this build, beside what happened; sends and changes nothing.
    Shadow {
        /// Beginning of the span.
        from: Timestamp,
        /// Its end, itself not included.
        to: Timestamp,
        /// Prices in force from the beginning of the span on; without them this build is tried.
        catalog: Option<Value>,
    },
    /// Dead letters, and updates of numbers registered since, into the stage that failed.
    Redrive {
        /// Only records that failed at this time or later.
        from: Option<Timestamp>,
        /// Only records that failed before this time.
        to: Option<Timestamp>,
        /// Only this stage's.
        stage: Option<String>,
        /// Only this kind of error.
        error: Option<String>,
        /// Answer messages too whose conversation has moved on since.
        answer_late: bool,
        /// Why, for the audit log.
        reason: String,
    },
}

/// A replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Identifier.
    pub id: Uuid,
    /// What.
    pub wanted: Wanted,
    /// `planning`, `planned`, `waiting`, `running`, `done`, `cancelled`, `failed`.
    pub state: String,
    /// What it would do.
    pub plan: Option<Value>,
    /// How far it is, in words.
    pub progress: Option<String>,
    /// What it did.
    pub report: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// Who asked for it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, wanted, state, plan, progress, report, error, created_by, created_at, finished_at";

fn replay(row: &tokio_postgres::Row) -> Result<Replay> {
    let wanted: Value = row.try_get(1)?;
    Ok(Replay {
        id: row.try_get(0)?,
        wanted: serde_json::from_value(wanted).map_err(|error| Error::invalid("wanted", error.to_string()))?,
        state: row.try_get(2)?,
        plan: row.try_get(3)?,
        progress: row.try_get(4)?,
        report: row.try_get(5)?,
        error: row.try_get(6)?,
        created_by: row.try_get(7)?,
        created_at: row.try_get(8)?,
        finished_at: row.try_get(9)?,
    })
}

/// Asks for a replay; its plan follows within a second or two.
pub async fn create(transaction: &Transaction, wanted: &Wanted, by: &str) -> Result<Replay> {
    if let Wanted::Shadow { from, to, .. } | Wanted::Redrive { from: Some(from), to: Some(to), .. } = wanted
        && from >= to
    {
        return Err(Error::invalid("to", format!("is not later than `from`, {from}")));
    }
    let value = serde_json::to_value(wanted).map_err(|error| Error::invalid("wanted", error.to_string()))?;
    let sql = format!("insert into replays (tenant_id, id, wanted, created_by) values ($1, $2, $3, $4) returning {COLUMNS}");
    replay(&transaction.query_one(&sql, &[&transaction.tenant()?.0, &Uuid::now_v7(), &value, &by]).await?)
}

/// One replay.
pub async fn get(transaction: &Transaction, id: Uuid) -> Result<Replay> {
    let sql = format!("select {COLUMNS} from replays where tenant_id = $1 and id = $2");
    let row = transaction.query_opt(&sql, &[&transaction.tenant()?.0, &id]).await?;
    replay(&row.ok_or_else(|| Error::not_found("replay", id))?)
}

/// Replays, newest first, behind `after`.
pub async fn list(transaction: &Transaction, after: Option<(Timestamp, Uuid)>, limit: i64) -> Result<Vec<Replay>> {
    let (at, id) = after.unwrap_or((Timestamp::MAX, Uuid::max()));
    let sql = format!(
        "select {COLUMNS} from replays where tenant_id = $1 and (created_at, id) < ($2, $3) order by created_at desc, id desc limit $4"
    );
    transaction.query(&sql, &[&transaction.tenant()?.0, &at, &id, &limit]).await?.iter().map(replay).collect()
}

/// The first differences of a shadow, behind number `after`, with their numbers.
pub async fn differences(transaction: &Transaction, id: Uuid, after: i64, limit: i64) -> Result<Vec<(i64, Value)>> {
    let sql = "select n, difference from replay_differences where tenant_id = $1 and replay_id = $2 and n > $3 order by n limit $4";
    let rows = transaction.query(sql, &[&transaction.tenant()?.0, &id, &after, &limit]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Confirms a plan.
pub async fn start(transaction: &Transaction, id: Uuid) -> Result<Replay> {
    let sql = "update replays set state = 'waiting', seen_at = null where tenant_id = $1 and id = $2 and state = 'planned'";
    change(transaction, id, sql, "start it").await
}

/// Ends a replay: at once before it runs, else as soon as whoever runs it hears of it.
pub async fn cancel(transaction: &Transaction, id: Uuid) -> Result<Replay> {
    let sql = "update replays set cancel = true,
                   state = case when state = 'running' then state else 'cancelled' end,
                   finished_at = case when state = 'running' then null else now() end
               where tenant_id = $1 and id = $2 and state in ('planning', 'planned', 'waiting', 'running')";
    change(transaction, id, sql, "cancel it").await
}

async fn change(transaction: &Transaction, id: Uuid, sql: &str, action: &'static str) -> Result<Replay> {
    let changed = transaction.execute(sql, &[&transaction.tenant()?.0, &id]).await?;
    let now = get(transaction, id).await?;
    if changed == 0 { Err(Error::State { what: "the replay", state: now.state, action }) } else { Ok(now) }
}

/// A replay that somebody has to plan or to run.
#[derive(Debug, Clone)]
pub struct Job {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub replay: Replay,
}

/// The oldest replay that waits for somebody, now taken.
pub async fn claim(pool: &Pool) -> Result<Option<Job>> {
    let transaction = pool.worker().await?;
    let sql = format!(
        "update replays r set state = case when state = 'waiting' then 'running' else state end, seen_at = now()
         from (select tenant_id t, id i from replays
               where state in ('planning', 'waiting', 'running') and (seen_at is null or seen_at < now() - make_interval(secs => $1))
               order by created_at limit 1 for update skip locked) o
         where r.tenant_id = o.t and r.id = o.i returning {COLUMNS}, tenant_id"
    );
    let row = transaction.query_opt(&sql, &[&f64::from(SILENT_S)]).await?;
    let job = row.map(|row| Ok::<_, Error>(Job { replay: replay(&row)?, tenant: TenantId(row.try_get(10)?) })).transpose()?;
    if let Some(job) = &job {
        // Of a run that ended in the middle.
        let sql = "delete from replay_differences where tenant_id = $1 and replay_id = $2";
        transaction.execute(sql, &[&job.tenant.0, &job.replay.id]).await?;
    }
    transaction.commit().await?;
    Ok(job)
}

impl Job {
    async fn write(&self, pool: &Pool, sql: &str, params: &[&(dyn tokio_postgres::types::ToSql + Sync)]) -> Result<u64> {
        let transaction = pool.worker().await?;
        let all = [&[&self.tenant.0 as &(dyn tokio_postgres::types::ToSql + Sync), &self.replay.id], params].concat();
        let n = transaction.execute(sql, &all).await?;
        transaction.commit().await?;
        Ok(n)
    }

    /// Says that it goes on, and how far it is; gives whether it may.
    pub async fn goes_on(&self, pool: &Pool, progress: &str) -> Result<bool> {
        let sql = "update replays set seen_at = now(), progress = $3 where tenant_id = $1 and id = $2 and not cancel";
        Ok(self.write(pool, sql, &[&progress]).await? > 0)
    }

    /// It would do this.
    pub async fn planned(&self, pool: &Pool, plan: &Value) -> Result<()> {
        let sql = "update replays set state = 'planned', plan = $3 where tenant_id = $1 and id = $2 and state = 'planning'";
        self.write(pool, sql, &[plan]).await.map(drop)
    }

    /// Keeps differences, behind number `from`.
    pub async fn differ(&self, pool: &Pool, from: i64, differences: &[Value]) -> Result<()> {
        let sql = "insert into replay_differences
                   select $1, $2, $3 + n, difference from unnest($4::jsonb[]) with ordinality as d (difference, n)";
        self.write(pool, sql, &[&from, &differences]).await.map(drop)
    }

    /// It did this; `whole` unless it was cancelled.
    pub async fn done(&self, pool: &Pool, report: &Value, whole: bool) -> Result<()> {
        let state = if whole { "done" } else { "cancelled" };
        let sql = "update replays set state = $3, report = $4, progress = null, finished_at = now() where tenant_id = $1 and id = $2";
        self.write(pool, sql, &[&state, report]).await.map(drop)
    }

    /// It cannot be done.
    pub async fn failed(&self, pool: &Pool, error: &str) -> Result<()> {
        let sql = "update replays set state = 'failed', error = $3, finished_at = now()
                   where tenant_id = $1 and id = $2 and state <> 'cancelled'";
        self.write(pool, sql, &[&error]).await.map(drop)
    }
}
