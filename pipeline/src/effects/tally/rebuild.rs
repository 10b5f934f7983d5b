//! The tally's projections made anew beside the live ones, from the topics, and swapped in by one transaction.
//!
//! Until the swap readers see the old rows and the live tally goes on. The swap holds the live offsets, so that both sets have counted
//! exactly the same records when one takes the other's place; then the live tally goes on from there.

use jiff::Timestamp;
use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::postgres::{self, Options, Pool, Transaction};
use sluice_schemas::record::{Hold, Message, OptOut, Quote};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{HOLDS, MESSAGES, OPT_OUTS, QUOTES};

use super::offsets::Slice;
use super::{Applied, Error, Tally};

/// One at a time: two would fill the same tables.
const LOCK: i64 = 0x736c_7569_6366;
/// Clocks of the producer of a record and of Postgres may differ by this much.
const SLACK: i64 = 60 * Millis::SECOND;

/// A partition of a topic that a projection counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// `campaigns`, `quotes`, `holds`, `opt_outs`.
    pub projection: &'static str,
    /// Topic.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Next offset that the rebuild reads; the oldest that there is at first.
    pub next: i64,
}

impl Place {
    /// Projection and topic of each.
    pub const TOPICS: [(&'static str, &'static str); 4] =
        [("campaigns", MESSAGES), ("quotes", QUOTES), ("holds", HOLDS), ("opt_outs", OPT_OUTS)];
}

/// How many campaigns a rebuild can make anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Scope {
    /// Campaigns that are counted anew.
    pub campaigns: i64,
    /// Campaigns whose first steps the log has forgotten: their counters stay.
    pub kept: i64,
}

/// What the swap changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Changed {
    /// Campaigns with other counters.
    pub campaigns: i64,
    /// Sends that want attention: other, more or fewer.
    pub attention: i64,
    /// Quotes.
    pub quotes: i64,
    /// Holds.
    pub holds: i64,
    /// People who want no offers.
    pub opt_outs: i64,
}

/// A rebuild that has begun; dropped before its swap it has changed nothing.
pub struct Rebuild {
    live: Pool,
    tally: Tally,
    generation: i32,
    /// From when on the log of each partition holds every step.
    reach: (Vec<i32>, Vec<Timestamp>),
    /// Holds the lock that keeps a second rebuild out.
    _alone: Transaction,
}

impl Rebuild {
    /// Empties the second set and puts the campaigns there that `oldest` allows: the time of the first step that each partition of
    /// `messages` still has, `None` where it has forgotten nothing.
    pub async fn begin(options: &Options, generation: i32, oldest: &[(i32, Option<i64>)]) -> Result<(Self, Scope), Error> {
        let (live, staging) = (Pool::new(options)?, Pool::new(options)?.rebuilding());
        let alone = live.worker().await?;
        let free: bool =
            alone.query_one("select pg_try_advisory_xact_lock($1)", &[&LOCK]).await?.try_get(0).map_err(postgres::Error::from)?;
        if !free {
            return Err(Error::Rebuilding);
        }
        // A time beyond every calendar is one that no campaign reaches.
        let after = |ms: i64| Timestamp::from_millisecond(ms.saturating_add(SLACK)).unwrap_or(Timestamp::MAX);
        let at = |first: &Option<i64>| first.map_or(Timestamp::UNIX_EPOCH, after);
        let reach: (Vec<i32>, Vec<Timestamp>) = oldest.iter().map(|(partition, first)| (*partition, at(first))).unzip();
        let scope = fill(&staging, &reach).await?;
        let tally = Tally { completes: false, ..Tally::new(staging, generation) };
        Ok((Self { live, tally, generation, reach, _alone: alone }, scope))
    }

    /// Says where reading begins.
    pub fn starts(&mut self, place: Place) {
        self.tally.starts(place.topic, place.partition, place.next);
    }

    /// Counts steps, in the order read.
    pub async fn messages(&mut self, batch: &[Delivered<Message>]) -> Result<Applied, Error> {
        self.tally.messages(batch).await
    }

    /// Takes quotes, in the order read.
    pub async fn quotes(&mut self, batch: &[Delivered<Quote>]) -> Result<Applied, Error> {
        self.tally.quotes(batch).await
    }

    /// Takes holds, in the order read.
    pub async fn holds(&mut self, batch: &[Delivered<Hold>]) -> Result<Applied, Error> {
        self.tally.holds(batch).await
    }

    /// Takes opt-outs, in the order read.
    pub async fn opt_outs(&mut self, batch: &[Delivered<OptOut>]) -> Result<Applied, Error> {
        self.tally.opt_outs(batch).await
    }

    /// Holds the live tally at each of `places` until [`Locked::swap`].
    pub async fn lock(&self, places: &[Place]) -> Result<Locked, Error> {
        let transaction = self.live.worker().await?;
        let mut stands = Vec::with_capacity(places.len());
        // In the order of the places, and the live tally locks one row at a time: they cannot wait for each other.
        for place in places {
            stands.push(slice(place, self.generation, place.next).lock(&transaction).await?);
        }
        Ok(Locked { transaction, stands, generation: self.generation, reach: self.reach.clone() })
    }
}

/// The live tally stands still.
pub struct Locked {
    transaction: Transaction,
    stands: Vec<i64>,
    generation: i32,
    reach: (Vec<i32>, Vec<Timestamp>),
}

impl Locked {
    /// The next offset of the live tally at each of the places.
    pub fn stands(&self) -> &[i64] {
        &self.stands
    }

    /// Puts the second set in the first one's place; `places` say how far it has counted.
    pub async fn swap(self, places: &[Place]) -> Result<Changed, Error> {
        let transaction = self.transaction;
        let changed = compare(&transaction).await?;
        let (partitions, times) = (&self.reach.0, &self.reach.1);
        transaction.execute(DROP_ATTENTION, &[partitions, times]).await?;
        for statement in SWAP {
            transaction.execute(statement, &[]).await?;
        }
        for place in places {
            slice(place, self.generation, place.next).advance(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(changed)
    }
}

const fn slice(place: &Place, generation: i32, end: i64) -> Slice {
    Slice { projection: place.projection, topic: place.topic, partition: place.partition, generation, start: None, first: place.next, end }
}

/// The whole audience of a campaign is pending on its number's home, as when it was made.
async fn fill(staging: &Pool, reach: &(Vec<i32>, Vec<Timestamp>)) -> Result<Scope, Error> {
    let transaction = staging.worker().await?;
    for table in ["campaign_counters", "campaign_answers", "quotes", "sends_attention", "holds", "opt_outs", "tally_offsets", "campaigns"] {
        transaction.execute(&format!("delete from rebuild.{table}"), &[]).await?;
    }
    let campaigns = transaction
        .execute(
            "with taken as (
                insert into rebuild.campaign_counters (tenant_id, campaign_id, partition, state, code, n)
                select c.tenant_id, c.id, n.home_partition, 'pending', 0, c.audience_size
                from public.campaigns c join public.numbers n using (tenant_id, channel, account)
                join unnest($1::int[], $2::timestamptz[]) as reach (partition, at) on reach.partition = n.home_partition
                where c.created_at >= reach.at
                returning tenant_id, campaign_id)
             insert into rebuild.campaigns select tenant_id, campaign_id from taken",
            &[&reach.0, &reach.1],
        )
        .await?;
    let all: i64 = transaction.query_one("select count(*) from public.campaigns", &[]).await?.try_get(0).map_err(postgres::Error::from)?;
    transaction.commit().await?;
    let campaigns = i64::try_from(campaigns).unwrap_or(i64::MAX);
    Ok(Scope { campaigns, kept: all - campaigns })
}

async fn compare(transaction: &Transaction) -> Result<Changed, Error> {
    let row = transaction.query_one(COMPARE, &[]).await?;
    let count = |n: usize| row.try_get(n).map_err(postgres::Error::from);
    Ok(Changed { campaigns: count(0)?, attention: count(1)?, quotes: count(2)?, holds: count(3)?, opt_outs: count(4)? })
}

/// Rows that only one of the two sets has, counted by what they are about.
const COMPARE: &str = "
    with old as (select tenant_id, campaign_id, state, code, sum(n) n from public.campaign_counters
                 where (tenant_id, campaign_id) in (select tenant_id, campaign_id from rebuild.campaigns) group by 1, 2, 3, 4 having sum(n) <> 0
                 union all select tenant_id, campaign_id, 'answer ' || answer, 0, sum(n) from public.campaign_answers
                 where (tenant_id, campaign_id) in (select tenant_id, campaign_id from rebuild.campaigns) group by 1, 2, 3),
         new as (select tenant_id, campaign_id, state, code, sum(n) n from rebuild.campaign_counters
                 where (tenant_id, campaign_id) in (select tenant_id, campaign_id from rebuild.campaigns) group by 1, 2, 3, 4 having sum(n) <> 0
                 union all select tenant_id, campaign_id, 'answer ' || answer, 0, sum(n) from rebuild.campaign_answers
                 where (tenant_id, campaign_id) in (select tenant_id, campaign_id from rebuild.campaigns) group by 1, 2, 3)
    select (select count(distinct (tenant_id, campaign_id)) from ((table old except table new) union all (table new except table old)) d),
           (select count(distinct (tenant_id, send_id)) from (
                (select tenant_id, send_id, state from public.sends_attention except select tenant_id, send_id, state from rebuild.sends_attention)
                union all
                (select tenant_id, send_id, state from rebuild.sends_attention except select tenant_id, send_id, state from public.sends_attention)) d),
           (select count(distinct (tenant_id, quote_id)) from (
                (select tenant_id, quote_id, status, total, updated_at from public.quotes
                 except select tenant_id, quote_id, status, total, updated_at from rebuild.quotes)
                union all
                (select tenant_id, quote_id, status, total, updated_at from rebuild.quotes
                 except select tenant_id, quote_id, status, total, updated_at from public.quotes)) d),
           (select count(distinct (tenant_id, scope, name)) from (
                (table public.holds except table rebuild.holds) union all (table rebuild.holds except table public.holds)) d),
           (select count(distinct (tenant_id, person)) from (
                (table public.opt_outs except table rebuild.opt_outs) union all (table rebuild.opt_outs except table public.opt_outs)) d)";

/// What became open before the log's reach stays: the step that opened it is forgotten.
const DROP_ATTENTION: &str = "
    delete from public.sends_attention a using public.numbers n, unnest($1::int[], $2::timestamptz[]) as reach (partition, at)
    where n.tenant_id = a.tenant_id and n.account = a.account and reach.partition = n.home_partition and a.since >= reach.at";

/// Campaigns that were made since the rebuild began are in neither list, and stay.
const SWAP: [&str; 11] = [
    "delete from public.campaign_counters c using rebuild.campaigns r where r.tenant_id = c.tenant_id and r.campaign_id = c.campaign_id",
    "insert into public.campaign_counters select c.* from rebuild.campaign_counters c join rebuild.campaigns r using (tenant_id, campaign_id)",
    "delete from public.campaign_answers c using rebuild.campaigns r where r.tenant_id = c.tenant_id and r.campaign_id = c.campaign_id",
    "insert into public.campaign_answers select c.* from rebuild.campaign_answers c join rebuild.campaigns r using (tenant_id, campaign_id)",
    "insert into public.sends_attention select * from rebuild.sends_attention
     on conflict (tenant_id, send_id) do update set state = excluded.state, since = excluded.since, detail = excluded.detail",
    "delete from public.quotes",
    "insert into public.quotes select * from rebuild.quotes",
    "delete from public.holds",
    "insert into public.holds select * from rebuild.holds",
    "delete from public.opt_outs",
    "insert into public.opt_outs select * from rebuild.opt_outs",
];
