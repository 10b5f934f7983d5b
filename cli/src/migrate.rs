//! `sluice migrate`: topics, schemas, tables and keyspace, as this build needs them.

use std::io::Write as _;

use sluice_connectors::kafka::admin::{self, Finding};
use sluice_connectors::{postgres, registry, scylla};

use crate::config::Config;
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Only shows what would be done
    #[arg(long)]
    plan: bool,
    /// Only Postgres: what a registry that keeps its schemas there needs before it can start
    #[arg(long)]
    postgres_only: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Migrates, or shows the plan.
pub async fn run(config: &Config, args: &Args) -> Result<(), Failure> {
    if args.plan {
        return plan(config, args).await;
    }
    tell(args, "postgres", &sql("made", &postgres::migrate(&config.postgres).await?))?;
    if args.postgres_only {
        return Ok(());
    }
    tell(args, "cql", &list("made", &scylla::migrate(&config.cql).await?.changes))?;
    let touched = admin::migrate(&config.kafka).await?;
    tell(
        args,
        "kafka",
        &if touched.is_empty() { "topics are up to date".to_owned() } else { format!("created or set {} topics", touched.len()) },
    )?;
    let versions = registry::register(&config.registry()).await?;
    tell(args, "registry", &format!("{} schemas are registered", versions.len()))
}

async fn plan(config: &Config, args: &Args) -> Result<(), Failure> {
    tell(args, "postgres", &sql("would make", &postgres::plan(&config.postgres).await?))?;
    tell(args, "cql", &list("would make", &scylla::plan(&config.cql).await?.changes))?;
    for (topic, finding) in admin::plan(&config.kafka).await? {
        match finding {
            Finding::Present => {}
            Finding::Missing => {
                tell(
                    args,
                    "kafka",
                    &format!("would create {} with {} partitions", config.kafka.name(topic.name), config.kafka.partitions),
                )?;
            }
            Finding::Settings(settings) => tell(args, "kafka", &format!("would set {} of {}", settings.join(", "), topic.name))?,
            Finding::Partitions(n) => {
                tell(args, "kafka", &format!("{} has {n} partitions instead of {}", topic.name, config.kafka.partitions))?;
            }
        }
    }
    Ok(())
}

fn sql(verb: &str, report: &postgres::Report) -> String {
    let logins = report.logins.iter().map(|login| format!("login {login}"));
    list(verb, &report.migrations.iter().cloned().chain(logins).collect::<Vec<_>>())
}

fn list(verb: &str, what: &[String]) -> String {
    if what.is_empty() { "up to date".to_owned() } else { format!("{verb} {}", what.join(", ")) }
}

fn tell(args: &Args, part: &str, what: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::json!({ "part": part, "what": what }))?;
    } else {
        writeln!(out, "{part:<10} {what}")?;
    }
    Ok(())
}
