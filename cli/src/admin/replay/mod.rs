//! `sluice replay`: plan → confirm → progress → report. One file a kind.

pub mod reading;
mod rebuild;
mod redrive;
mod report;
pub mod shadow;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Subcommand;
use sluice_schemas::time::Millis;

use crate::config::Config;
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Feeds dead letters, and updates of numbers registered since, into the stage that failed
    #[command(after_help = "Example: sluice replay redrive --tenant acme --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z --yes")]
    Redrive(redrive::Args),
    /// Shows what another configuration would have made of a tenant's past; sends and changes nothing
    #[command(
        after_help = "Example: sluice replay shadow --tenant acme --from 2026-11-25T00:00:00Z --to 2026-11-26T00:00:00Z --catalog new.json"
    )]
    Shadow(shadow::Args),
    /// Makes a projection anew from the topics, while the live one goes on
    #[command(after_help = "Example: sluice replay rebuild --projection tally --yes")]
    Rebuild(rebuild::Args),
}

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    match args.verb {
        Verb::Redrive(args) => redrive::run(config, args).await,
        Verb::Shadow(args) => shadow::run(config, args).await,
        Verb::Rebuild(args) => rebuild::run(config, args).await,
    }
}

/// A moment of an argument.
fn moment(text: &str) -> Result<Millis, String> {
    let at: Result<jiff::Timestamp, _> = text.trim().parse();
    at.map(|at| Millis(at.as_millisecond())).map_err(|_| "give a moment with its zone, as in 2026-11-25T09:00:00Z".into())
}

/// Runs `work` on a blocking thread; Ctrl-C sets its flag, upon which it ends with what it has.
async fn cancellable<T: Send + 'static>(work: impl FnOnce(&AtomicBool) -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let mut work = tokio::task::spawn_blocking(move || work(&flag));
    tokio::select! {
        done = &mut work => return done?,
        () = crate::run::signal() => stop.store(true, Ordering::Release),
    }
    work.await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_needs_its_zone() {
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(Millis(1_000)));
        assert_eq!(moment("1970-01-01T01:00:01+01:00"), Ok(Millis(1_000)));
        assert!(moment("1970-01-01T00:00:01").is_err() && moment("yesterday").is_err());
    }
}
