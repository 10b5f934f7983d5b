//! `sluice doctor`: each fault with its fix.

use std::io::Write as _;

use sluice_connectors::kafka::admin::{self, Finding};
use sluice_connectors::media::Store;
use sluice_connectors::{postgres, registry, scylla};

use crate::config::{Config, Error};
use crate::exit::{self, Failure};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

struct Check {
    what: &'static str,
    /// `Err` is the fault and its fix, with the exit code it deserves.
    found: Result<String, Failure>,
}

/// Runs every check; the exit code is that of the gravest fault.
pub async fn run(config: Result<Config, Error>, args: &Args) -> Result<(), Failure> {
    let config = match config {
        Ok(config) => config,
        Err(e) => {
            show(args, &Check { what: "configuration", found: Err(e.into()) })?;
            return Err(Failure { code: exit::CONFIG, error: anyhow::anyhow!("1 fault") });
        }
    };
    let mut codes = Vec::new();
    for check in [secrets(&config), engines(&config).await].into_iter().flatten() {
        show(args, &check)?;
        codes.extend(check.found.err().map(|fault| fault.code));
    }
    match gravest(&codes) {
        None => Ok(()),
        Some(code) => Err(Failure { code, error: anyhow::anyhow!("{} faults", codes.len()) }),
    }
}

/// What a person must change comes before what may come back by itself, and both before the rest.
fn gravest(codes: &[u8]) -> Option<u8> {
    [exit::CONFIG, exit::UNAVAILABLE].into_iter().find(|code| codes.contains(code)).or(codes.first().copied())
}

fn secrets(config: &Config) -> Vec<Check> {
    vec![
        Check {
            what: "secrets.keys",
            found: config.keyring().map(|k| format!("`{}` wraps data keys", k.current())).map_err(Failure::from),
        },
        Check {
            what: "secrets.callback",
            found: config.callback_keys().map(|_| "a key signs callback data".into()).map_err(Failure::from),
        },
        Check {
            what: "ingress",
            found: config.ingress.check().map(|()| format!("listens on {}", config.ingress.listen)).map_err(Failure::from),
        },
        Check { what: "state_dir", found: folder(config) },
    ]
}

fn folder(config: &Config) -> Result<String, Failure> {
    let shown = config.state_dir.display();
    std::fs::create_dir_all(&config.state_dir)
        .and_then(|()| std::fs::write(config.state_dir.join(".doctor"), b""))
        .and_then(|()| std::fs::remove_file(config.state_dir.join(".doctor")))
        .map(|()| format!("{shown} can be written"))
        .map_err(|e| Failure {
            code: exit::CONFIG,
            error: anyhow::anyhow!("{shown} cannot be written ({e}); set state_dir to a folder that this user owns"),
        })
}

async fn engines(config: &Config) -> Vec<Check> {
    let topics = match admin::plan(&config.kafka).await {
        Ok(found) => topic_faults(&found).map_err(|fault| anyhow::anyhow!(fault).into()),
        Err(e) => Err(e.into()),
    };
    let postgres = match postgres::Pool::new(&config.postgres) {
        Ok(pool) => postgres::check_role(&pool).await.map(|()| format!("{} answers; row-level security holds", pool.address())),
        Err(e) => Err(e),
    };
    let cql = match scylla::Session::connect(&config.cql).await {
        Ok(session) => session.check().await.map(|()| format!("{} answers", config.cql.address())),
        Err(e) => Err(e),
    };
    let registry = registry::load(&config.registry()).await.map(|_| format!("{} knows this build's schemas", config.registry.url));
    vec![
        Check { what: "kafka", found: topics },
        Check { what: "postgres", found: postgres.map_err(Failure::from) },
        Check { what: "cql", found: cql.map_err(Failure::from) },
        Check { what: "registry", found: registry.map_err(Failure::from) },
        Check { what: "media.store", found: media(config).await },
    ]
}

async fn media(config: &Config) -> Result<String, Failure> {
    let shown = &config.media.store;
    let failed = |e| Failure::from(anyhow::anyhow!("{shown}: {e}"));
    Store::open(&config.media).map_err(failed)?.answers().await.map_err(failed)?;
    Ok(format!("{shown} answers"))
}

fn topic_faults(found: &[(&'static sluice_schemas::topics::Topic, Finding)]) -> Result<String, String> {
    let missing = found.iter().filter(|(_, finding)| *finding == Finding::Missing).count();
    let differing: Vec<&str> =
        found.iter().filter(|(_, finding)| matches!(finding, Finding::Settings(_))).map(|(topic, _)| topic.name).collect();
    let wrong: Vec<&str> =
        found.iter().filter(|(_, finding)| matches!(finding, Finding::Partitions(_))).map(|(topic, _)| topic.name).collect();
    match (missing, wrong.as_slice()) {
        (0, []) if differing.is_empty() => Ok(format!("{} topics are as they should be", found.len())),
        (0, []) => Err(format!("{} lack settings; run `sluice migrate`", differing.join(", "))),
        (n, []) => Err(format!("{n} topics are missing; run `sluice migrate`")),
        (_, wrong) => Err(format!("kafka.partitions does not fit {}; set it to what the cluster has", wrong.join(", "))),
    }
}

fn show(args: &Args, check: &Check) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let (state, detail) = match &check.found {
        Ok(detail) => ("ok", detail.clone()),
        Err(fault) => ("fault", format!("{:#}", fault.error)),
    };
    if args.json {
        writeln!(out, "{}", serde_json::json!({ "check": check.what, "state": state, "detail": detail }))?;
    } else {
        writeln!(out, "{state:<6} {:<17} {detail}", check.what)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_configuration_outranks_an_engine_that_is_away() {
        assert_eq!(gravest(&[exit::FAILED, exit::UNAVAILABLE, exit::CONFIG]), Some(exit::CONFIG));
        assert_eq!(gravest(&[exit::FAILED, exit::UNAVAILABLE]), Some(exit::UNAVAILABLE));
        assert_eq!(gravest(&[exit::FAILED]), Some(exit::FAILED));
        assert_eq!(gravest(&[]), None);
    }
}
