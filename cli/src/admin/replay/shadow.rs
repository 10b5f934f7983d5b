//! `sluice replay shadow`.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde_json::{Value, json};
use sluice_connectors::kafka;
use sluice_connectors::postgres::{Pool, tenants};
use sluice_connectors::readable::Decoder;
use sluice_connectors::registry;
use sluice_pipeline::chain::Chain;
use sluice_pipeline::replay::{Cause, Change, Difference, Finding, Make, Plan, Shadow, Source, Span, Totals};
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

/// A tenant's past under other prices, or with this build.
pub struct Trial {
    span: Span,
    codecs: Codecs,
    sources: Vec<Source>,
    change: Option<Change>,
}

/// What a trial tells while it goes.
pub enum Told<'a> {
    /// A record that is not the same.
    Difference(&'a Cause, &'a Difference),
    /// Something that a reader of the report should know.
    Remark(String),
    /// How far it has come.
    Progress(Millis),
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
    let codecs = registry::load(&config.registry()).await?;
    let trial = Trial::of(&config.kafka, &pool, codecs, Span { tenant: id, from: args.from, to }, catalog.as_ref()).await?;
    let name = match &args.catalog {
        Some(file) => format!("the prices of {}", file.display()),
        None => format!("build {}", sluice_pipeline::BUILD),
    };
    cancellable(move |stop| {
        let (plan, text) = trial.plan(&args.tenant, &name)?;
        args.form.one(&plan, &text)?;
        if !confirmed(args.yes)? {
            return Ok(());
        }
        let mut report = Report::new(args.form, args.limit, Decoder::new(trial.codecs.clone()));
        let (mut told, mut failed) = (Instant::now(), None);
        let totals = trial.play(&mut |finding| {
            match finding {
                Told::Difference(cause, difference) => failed = report.difference(cause, difference).err(),
                Told::Remark(text) => notice(&text),
                Told::Progress(at) if told.elapsed() >= PROGRESS => {
                    notice(&format!("replayed up to {at}"));
                    told = Instant::now();
                }
                Told::Progress(_) => {}
            }
            failed.is_none() && !stop.load(Ordering::Acquire)
        })?;
        failed.map_or_else(|| report.end(&totals), Err)
    })
    .await
}

impl Trial {
    /// Of these prices, or of this build where there are none.
    pub async fn of(kafka: &kafka::Options, pool: &Pool, codecs: Codecs, span: Span, catalog: Option<&Value>) -> Result<Self, Failure> {
        let transaction = pool.tenant(span.tenant).await?;
        let homes = tenants::homes(&transaction).await?;
        transaction.commit().await?;
        let sources = homes.iter().map(|home| source(kafka, &codecs, *home)).collect::<Result<Vec<_>, _>>()?;
        let change = catalog.map(|catalog| change(&codecs, span.tenant, catalog)).transpose()?;
        Ok(Self { span, codecs, sources, change })
    }

    /// What it would read, for programs and for people; an error when the journal does not reach the span. Blocks on the broker.
    pub fn plan(&self, tenant: &str, trial: &str) -> Result<(Value, String), Failure> {
        let Self { span, sources, .. } = self;
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
        let value = json!({
            "kind": "plan", "tenant": tenant, "from": span.from.to_string(), "to": span.to.to_string(),
            "trial": trial, "partitions": plans.iter().map(|plan| plan.partition).collect::<Vec<_>>(),
            "records": records, "records_before": before, "expected_seconds": seconds, "sends": 0, "writes": 0,
        });
        let text = format!(
            "shadow of {tenant} from {} to {} with {trial}\n\
             about {records} records of the span and {before} before it, which build up the state; about {seconds} s\n\
             nothing is sent and nothing is changed",
            span.from, span.to,
        );
        Ok((value, text))
    }

    /// Runs to its end, or until `tell` says false. Blocks on the broker.
    pub fn play(&self, tell: &mut dyn FnMut(Told<'_>) -> bool) -> Result<Totals, Failure> {
        let codecs = self.codecs.clone();
        let make: Box<Make> = Box::new(move || Box::new(Intake::new(&codecs)) as Box<dyn Chain>);
        let mut totals = Totals::default();
        for source in &self.sources {
            let shadow = Shadow::open(source, &*make, self.span, self.change.as_ref())?;
            totals = sum(&totals, &shadow.run(&mut |finding| tell_of(finding, tell))?);
        }
        Ok(totals)
    }
}

fn tell_of(finding: Finding, tell: &mut dyn FnMut(Told<'_>) -> bool) -> bool {
    match finding {
        Finding::Difference(cause, difference) => tell(Told::Difference(&cause, &difference)),
        Finding::OtherBuild(build) => tell(Told::Remark(format!(
            "build {build} ran a part of the span; it is compared with what this build, {}, makes of the configuration of then",
            sluice_pipeline::BUILD
        ))),
        Finding::Forgotten(topic) => {
            tell(Told::Remark(format!("what happened in {topic} is no longer known for all of the span; it is left out")))
        }
        Finding::Progress(at) => tell(Told::Progress(at)),
    }
}

fn source(kafka: &kafka::Options, codecs: &Codecs, partition: i32) -> Result<Source, Failure> {
    let (Some(role), Some(chain)) = (topology::role("intake"), topology::chain("intake")) else {
        return Err(anyhow!("the topology has no intake").into());
    };
    Ok(Source { kafka: kafka.clone(), codecs: codecs.clone(), role, topics: chain, partition })
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

const fn sum(a: &Totals, b: &Totals) -> Totals {
    Totals {
        records: a.records + b.records,
        before: a.before + b.before,
        equal: a.equal + b.equal,
        differences: a.differences + b.differences,
        complete: b.complete,
    }
}
