//! `sluice audit`: proves the books from the topics, partition by partition.

mod read;

use std::collections::BTreeMap;

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_connectors::registry;
use sluice_pipeline::domain::audit::{Books, Fault, judge};
use sluice_schemas::ids::CampaignId;
use uuid::Uuid;

use super::output::{Form, notice};
use super::tap::which;
use crate::config::Config;
use crate::exit::Failure;

use read::{Reader, Scope};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    form: Form,
    /// Only this tenant's books: slug or identifier
    #[arg(long)]
    tenant: Option<String>,
    /// Only the sends of this campaign
    #[arg(long)]
    campaign: Option<CampaignId>,
    /// Only what came or was planned at this time or later (RFC 3339) [default: all that the topics still tell]
    #[arg(long)]
    from: Option<Timestamp>,
    /// Only what came or was planned before this time (RFC 3339)
    #[arg(long)]
    to: Option<Timestamp>,
}

/// Offending rows that are printed; the rest is counted.
const ROWS: usize = 10_000;

const COLUMNS: [&str; 5] = ["fault", "topic", "partition", "offset", "id"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let tenant = match &args.tenant {
        Some(text) => Some(which(config, text).await?),
        None => None,
    };
    let scope = Scope {
        tenant,
        campaign: args.campaign,
        from_ms: args.from.map_or(i64::MIN, Timestamp::as_millisecond),
        to_ms: args.to.map_or(i64::MAX, Timestamp::as_millisecond),
    };
    let codecs = registry::load(&config.registry()).await?;
    let (options, form) = (config.kafka.clone(), args.form);
    let told = tokio::task::spawn_blocking(move || audit(&Reader::new(options, &codecs, scope)?)).await??;
    told.print(form)
}

/// What was found.
struct Told {
    books: Books,
    unrouted: i64,
    rows: Vec<Value>,
    faults: u64,
}

fn audit(reader: &Reader) -> Result<Told, Failure> {
    let mut told = Told { books: Books::default(), unrouted: reader.unrouted()?, rows: Vec::new(), faults: 0 };
    for partition in 0..reader.partitions() {
        let letters = reader.letters(partition)?;
        let turns = reader.turns(partition)?;
        for turn in 0..turns {
            let (books, report) = (&mut told.books, &mut Faults { rows: &mut told.rows, found: &mut told.faults, partition });
            let mut lines = reader.lines(partition, &letters, turn, turns, books, &mut |fault| report.take(&fault))?;
            judge(&mut lines, books, |fault| report.take(&fault));
        }
        notice(&format!("partition {partition}: {} raw events and {} sends so far", told.books.raw, told.books.sends));
    }
    Ok(told)
}

struct Faults<'a> {
    rows: &'a mut Vec<Value>,
    found: &'a mut u64,
    partition: i32,
}

impl Faults<'_> {
    fn take(&mut self, fault: &Fault) {
        *self.found += 1;
        if self.rows.len() < ROWS {
            let id = Uuid::from_bytes(fault.id);
            self.rows
                .push(json!({"fault": fault.what, "topic": fault.topic, "partition": self.partition, "offset": fault.offset, "id": id}));
        }
    }
}

impl Told {
    /// The offending rows, then the sums; an error if there are any rows.
    fn print(self, form: Form) -> Result<(), Failure> {
        if self.faults > 0 {
            form.rows(&COLUMNS, &self.rows)?;
        }
        let mut sums = json!(self.books);
        sums["unrouted"] = self.unrouted.into();
        sums["faults"] = self.faults.into();
        form.one(&sums, &words(&self.books, self.unrouted))?;
        if self.faults > 0 { Err(anyhow!("the books do not add up: {} faults", self.faults).into()) } else { Ok(()) }
    }
}

fn words(books: &Books, unrouted: i64) -> String {
    let states: BTreeMap<_, _> = books.states.iter().collect();
    let states: Vec<String> = states.iter().map(|(state, n)| format!("{n} {state}")).collect();
    format!(
        "{} raw events: {} processed, {} duplicates, {} dead letters\n{} updates unrouted\n{} sends: {}\n{} not read yet, {} older than what \
         the topics tell",
        books.raw,
        books.processed,
        books.duplicates,
        books.dead_letters,
        unrouted,
        books.sends,
        if states.is_empty() { "none".into() } else { states.join(", ") },
        books.waiting,
        books.forgotten
    )
}
