//! `sluice replay shadow`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde_json::{Value, json};
use sluice_connectors::postgres::tenants;
use sluice_connectors::readable::Decoder;
use sluice_connectors::registry;
use sluice_pipeline::chain::Chain;
use sluice_pipeline::replay::{Change, Finding, Make, Plan, Shadow, Source, Span, Totals};
use sluice_pipeline::stages::intake::Intake;
use sluice_pipeline::topology;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::Config as Configuration;
use sluice_schemas::time::Millis;
use sluice_schemas::topics;

use super::super::input::confirmed;
use super::report::Report;
use super::{cancellable, moment};
use crate::admin::output::{Form, notice};
use crate::admin::{connect, price, tenant};
use crate::config::Config;
use crate::exit::Failure;

/// How often the progress is told.
const PROGRESS: Duration = Duration::from_secs(2);

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Beginning of the span
    #[arg(long, value_parser = moment)]
    from: Millis,
    /// End of the span, itself not included; now when left out
    #[arg(long, value_parser = moment)]
    to: Option<Millis>,
    /// Prices as `sluice price import` takes them, in force from the beginning of the span; without it this build is tried
    #[arg(long)]
    catalog: Option<PathBuf>,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Differences that people are shown; `--json` shows all
    #[arg(long, default_value_t = 50)]
    limit: u64,
    #[command(flatten)]
    form: Form,
}

/// Plan, confirmation, progress, report.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let to = args.to.unwrap_or_else(Millis::now);
    if args.from >= to {
        return Err(anyhow!("--from: the span ends at {to}, before it begins").into());
    }
    let catalog = args.catalog.as_deref().map(|file| price::read(file, "nothing was replayed")).transpose()?;
    let pool = connect(config).await?;
    let id = tenant(&pool, &args.tenant).await?;
    let transaction = pool.tenant(id).await?;
    let homes = tenants::homes(&transaction).await?;
    transaction.commit().await?;
    let codecs = registry::load(&config.registry()).await?;
    let span = Span { tenant: id, from: args.from, to };
    let sources = homes.iter().map(|home| source(config, &codecs, *home)).collect::<Result<Vec<_>, _>>()?;
    let change = catalog.map(|catalog| change(&codecs, id, &catalog)).transpose()?;
    cancellable(move |stop| {
        plan(&args, &span, &sources)?;
        if !confirmed(args.yes)? {
            return Ok(());
        }
        let mut report = Report::new(args.form, args.limit, Decoder::new(codecs.clone()));
        let make: Box<Make> = Box::new(move || Box::new(Intake::new(&codecs)) as Box<dyn Chain>);
        let mut totals = Totals::default();
        for source in &sources {
            totals = sum(&totals, &follow(Shadow::open(source, &*make, span, change.as_ref())?, &mut report, stop)?);
        }
        report.end(&totals)
    })
    .await
}

fn source(config: &Config, codecs: &Codecs, partition: i32) -> Result<Source, Failure> {
    let (Some(role), Some(chain)) = (topology::role("intake"), topology::chain("intake")) else {
        return Err(anyhow!("the topology has no intake").into());
    };
    Ok(Source { kafka: config.kafka.clone(), codecs: codecs.clone(), role, topics: chain, partition })
}

/// A version above every other, so that what was configured since does not replace it.
fn change(codecs: &Codecs, tenant: TenantId, catalog: &Value) -> Result<Change, Failure> {
    let record = Configuration {
        tenant,
        kind: "catalog".into(),
        name: "-".into(),
        version: i64::MAX,
        value: Some(catalog.to_string()),
        at_ms: Millis::now().0,
    };
    Ok(Change { key: topics::key(tenant, &"catalog/-").into_bytes(), value: codecs.of::<Configuration>().encode(&record)? })
}

fn plan(args: &Args, span: &Span, sources: &[Source]) -> Result<(), Failure> {
    let plans = sources.iter().map(|source| Plan::of(source, span)).collect::<Result<Vec<_>, _>>()?;
    if !plans.iter().any(|plan| plan.reaches(span)) {
        let there = plans
            .iter()
            .filter_map(|plan| plan.journal)
            .fold(String::new(), |text, (first, last)| format!("{text}; the journal holds {first} to {last}"));
        return Err(anyhow!("nothing happened between {} and {}{there}", span.from, span.to).into());
    }
    let total = |count: fn(&Plan) -> i64| plans.iter().map(count).sum::<i64>();
    let (before, records, seconds) = (total(|p| p.before), total(|p| p.records), total(Plan::seconds));
    let trial = match &args.catalog {
        Some(file) => format!("the prices of {}", file.display()),
        None => format!("build {}", sluice_pipeline::BUILD),
    };
    let value = json!({
        "kind": "plan", "tenant": args.tenant, "from": span.from.to_string(), "to": span.to.to_string(),
        "trial": trial, "partitions": plans.iter().map(|plan| plan.partition).collect::<Vec<_>>(),
        "records": records, "records_before": before, "expected_seconds": seconds, "sends": 0, "writes": 0,
    });
    let text = format!(
        "shadow of {} from {} to {} with {trial}\n\
         about {records} records of the span and {before} before it, which build up the state; about {seconds} s\n\
         nothing is sent and nothing is changed",
        args.tenant, span.from, span.to,
    );
    args.form.one(&value, &text)
}

fn follow(shadow: Shadow<'_>, report: &mut Report, stop: &AtomicBool) -> Result<Totals, Failure> {
    let (mut told, mut failed) = (Instant::now(), None);
    let totals = shadow.run(&mut |finding| {
        match finding {
            Finding::Difference(cause, difference) => failed = report.difference(&cause, &difference).err(),
            Finding::OtherBuild(build) => notice(&format!(
                "build {build} ran a part of the span; it is compared with what this build, {}, makes of the configuration of then",
                sluice_pipeline::BUILD
            )),
            Finding::Forgotten(topic) => {
                notice(&format!("what happened in {topic} is no longer known for all of the span; it is left out"));
            }
            Finding::Progress(at) if told.elapsed() >= PROGRESS => {
                notice(&format!("replayed up to {at}"));
                told = Instant::now();
            }
            Finding::Progress(_) => {}
        }
        failed.is_none() && !stop.load(Ordering::Acquire)
    })?;
    failed.map_or(Ok(totals), Err)
}

const fn sum(a: &Totals, b: &Totals) -> Totals {
    Totals {
        records: a.records + b.records,
        before: a.before + b.before,
        equal: a.equal + b.equal,
        differences: a.differences + b.differences,
        complete: b.complete,
    }
}
