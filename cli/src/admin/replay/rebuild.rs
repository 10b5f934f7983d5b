//! `sluice replay rebuild`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::{Value, json};
use sluice_connectors::{registry, scylla};
use sluice_pipeline::replay::rebuild::{self, Progress, Source, Tallied};
use sluice_schemas::topics;

use super::super::input::confirmed;
use super::cancellable;
use crate::admin::connect;
use crate::admin::output::{Form, notice};
use crate::config::Config;
use crate::exit::Failure;

/// How often the progress is told.
const PROGRESS: Duration = Duration::from_secs(2);
/// Records a second at least; only for the expected duration.
const RATE: i64 = 5_000;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// What is made anew
    #[arg(long)]
    projection: Projection,
    /// Do it without asking; without a terminal and this, only the plan is shown
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Projection {
    /// Counters of campaigns, quotes, quarantined sends, holds and opt-outs, in Postgres
    Tally,
    /// Messages and conversations, in ScyllaDB
    History,
}

impl Projection {
    const fn topics(self) -> &'static [&'static str] {
        match self {
            Self::Tally => &[topics::MESSAGES, topics::QUOTES, topics::HOLDS, topics::OPT_OUTS],
            Self::History => &[topics::EVENTS, topics::MESSAGES, topics::CONVERSATIONS],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Tally => "tally",
            Self::History => "history",
        }
    }

    const fn meanwhile(self) -> &'static str {
        match self {
            Self::Tally => {
                "pages show the old figures until the new ones take their place in one step; campaigns older than the log keep theirs"
            }
            Self::History => "pages stay as they are, and rows appear as they are written; what the topics have forgotten stays as it is",
        }
    }
}

/// Plan, confirmation, progress, report.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let pool = connect(config).await?;
    let codecs = registry::load(&config.registry()).await?;
    let source = Source { kafka: config.kafka.clone(), codecs, runtime: tokio::runtime::Handle::current() };
    let history = match args.projection {
        Projection::History => Some(scylla::Session::connect(&config.cql).await?),
        Projection::Tally => None,
    };
    let postgres = config.postgres.clone();
    cancellable(move |stop| {
        plan(&args, &source)?;
        if !confirmed(args.yes)? {
            return Ok(());
        }
        let mut tell = follow(stop);
        let (value, text) = match &history {
            Some(session) => written(rebuild::history(&source, &pool, session, &mut tell)?),
            None => tallied(rebuild::tally(&source, &postgres, 0, &mut tell)?),
        };
        args.form.one(&value, &text)
    })
    .await
}

fn plan(args: &Args, source: &Source) -> Result<(), Failure> {
    let topics = args.projection.topics();
    let records = rebuild::records(&source.kafka, topics)?;
    let (name, seconds) = (args.projection.name(), records / RATE + 5);
    let value = json!({"kind": "plan", "projection": name, "topics": topics, "records": records, "expected_seconds": seconds, "sends": 0});
    let text = format!(
        "rebuild of {name} from about {records} records of {}; about {seconds} s\n{}\nnothing is sent",
        topics.join(", "),
        args.projection.meanwhile(),
    );
    args.form.one(&value, &text)
}

fn follow(stop: &AtomicBool) -> impl FnMut(Progress) -> bool {
    let mut told = Instant::now();
    move |progress| {
        if told.elapsed() >= PROGRESS {
            notice(&format!("{} records read", progress.records));
            told = Instant::now();
        }
        !stop.load(Ordering::Acquire)
    }
}

fn written(progress: Progress) -> (Value, String) {
    let value = json!({"kind": "report", "projection": "history", "records": progress.records, "unreadable": progress.unreadable});
    (value, format!("{} records read and written again{}", progress.records, unreadable(progress)))
}

fn tallied(done: Tallied) -> (Value, String) {
    let (changed, scope) = (done.changed, done.scope);
    let mut value = json!(done);
    value["kind"] = json!("report");
    value["projection"] = json!("tally");
    let text = format!(
        "{} records counted{}\n{} campaigns counted anew, {} kept as they are\n\
         other than before: {} campaigns, {} sends that want attention, {} quotes, {} holds, {} opt-outs",
        done.progress.records,
        unreadable(done.progress),
        scope.campaigns,
        scope.kept,
        changed.campaigns,
        changed.attention,
        changed.quotes,
        changed.holds,
        changed.opt_outs,
    );
    (value, text)
}

fn unreadable(progress: Progress) -> String {
    match progress.unreadable {
        0 => String::new(),
        n => format!("; {n} are not readable and lie in the dead letters"),
    }
}
