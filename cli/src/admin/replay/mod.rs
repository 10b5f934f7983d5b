//! `sluice replay`: plan → confirm → progress → report.

mod redrive;

use clap::Subcommand;

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
}

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    match args.verb {
        Verb::Redrive(args) => redrive::run(config, args).await,
    }
}
