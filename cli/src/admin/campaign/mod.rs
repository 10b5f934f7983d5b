//! `sluice campaign`.

mod control;
mod create;
mod dry_run;
mod look;
mod mapping;
mod outcomes;
mod status;

use clap::Subcommand;
use sluice_connectors::postgres::{Pool, Transaction, campaigns};
use sluice_schemas::ids::CampaignId;

use super::output::Form;
use super::{connect, tenant};
use crate::config::Config;
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    form: Form,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Makes a draft with its audience from a CSV file; bad lines are named and the good ones go on
    #[command(
        after_help = "Example: sluice campaign create --tenant acme --name Spring --account 106540352242922 --template offer --language pt_BR --csv customers.csv --map 1=first_name --map '2=city|your city' --country BR --refused refused.csv"
    )]
    Create(create::Args),
    /// Shows the first messages as their recipients would get them
    #[command(after_help = "Example: sluice campaign preview --tenant acme 0198c0de-0000-7000-8000-000000000001 -n 5")]
    Preview(look::Preview),
    /// Says when it would be over and whom it would pass over; sends nothing
    #[command(
        after_help = "Example: sluice campaign dry-run --tenant acme 0198c0de-0000-7000-8000-000000000001 --finish-by 2026-11-27T18:00:00Z"
    )]
    DryRun(dry_run::Args),
    /// Starts a draft, now or at a time
    #[command(after_help = "Example: sluice campaign start --tenant acme 0198c0de-0000-7000-8000-000000000001 --at 2026-11-02T09:00:00Z")]
    Start(control::Start),
    /// Holds what has not left
    #[command(after_help = "Example: sluice campaign pause --tenant acme 0198c0de-0000-7000-8000-000000000001 --reason 'wrong price'")]
    Pause(control::Pause),
    /// Goes on where it was paused
    #[command(after_help = "Example: sluice campaign resume --tenant acme 0198c0de-0000-7000-8000-000000000001")]
    Resume(Which),
    /// Ends it for good; what has left stays sent
    #[command(after_help = "Example: sluice campaign cancel --tenant acme 0198c0de-0000-7000-8000-000000000001")]
    Cancel(Which),
    /// Shows where its audience stands; exit 1 when the states do not add up to the audience
    #[command(after_help = "Example: sluice campaign status --tenant acme 0198c0de-0000-7000-8000-000000000001 --watch")]
    Status(status::Args),
    /// Lets a campaign start that is so large that a second person has to look at it
    #[command(after_help = "Example: sluice campaign approve --tenant acme 0198c0de-0000-7000-8000-000000000001")]
    Approve(Which),
    /// Writes what became of each recipient, as CSV (or, with --json, one object a line)
    #[command(
        after_help = "Example: sluice campaign export --tenant acme 0198c0de-0000-7000-8000-000000000001 --state failed > failed.csv"
    )]
    Export(outcomes::Export),
    /// Makes a draft of those recipients whose messages failed; whoever is in an earlier retry is left out
    #[command(
        after_help = "Example: sluice campaign retry --tenant acme 0198c0de-0000-7000-8000-000000000001 --code 131049 --name 'Spring, once more'"
    )]
    Retry(outcomes::Again),
    /// Shows why messages failed, by error code
    #[command(after_help = "Example: sluice campaign failures --tenant acme 0198c0de-0000-7000-8000-000000000001")]
    Failures(Which),
    /// Shows two campaigns side by side, and whether their differences are more than chance
    #[command(
        after_help = "Example: sluice campaign compare --tenant acme 0198c0de-0000-7000-8000-000000000001 0198c0de-0000-7000-8000-000000000002"
    )]
    Compare(look::Compare),
    /// Lists a tenant's campaigns, newest first
    #[command(after_help = "Example: sluice campaign list --tenant acme --limit 20")]
    List(look::List),
}

#[derive(clap::Args)]
struct Which {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Identifier of the campaign, as `create` and `list` print it
    campaign: CampaignId,
}

impl Which {
    async fn open(&self, pool: &Pool) -> Result<Transaction, Failure> {
        Ok(pool.tenant(tenant(pool, &self.tenant).await?).await?)
    }

    /// An error when there is no such campaign, before anything else is asked.
    async fn known(&self, pool: &Pool) -> Result<(), Failure> {
        campaigns::get(&self.open(pool).await?, self.campaign).await?;
        Ok(())
    }
}

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let pool = connect(config).await?;
    let form = args.form;
    match args.verb {
        Verb::Create(args) => create::run(&pool, form, args).await,
        Verb::Preview(args) => look::preview(&pool, form, &args).await,
        Verb::DryRun(args) => dry_run::run(&pool, form, &args).await,
        Verb::Start(args) => control::start(&pool, form, &args).await,
        Verb::Pause(args) => control::pause(&pool, form, &args).await,
        Verb::Resume(which) => control::resume(&pool, form, &which).await,
        Verb::Cancel(which) => control::cancel(&pool, form, &which).await,
        Verb::Status(args) => status::run(&pool, form, &args).await,
        Verb::Approve(which) => control::approve(&pool, form, &which).await,
        Verb::Export(args) => outcomes::export(config, &pool, form, &args).await,
        Verb::Retry(args) => outcomes::retry(config, &pool, form, &args).await,
        Verb::Compare(args) => look::compare(&pool, form, &args).await,
        Verb::Failures(which) => look::failures(&pool, form, &which).await,
        Verb::List(args) => look::list(&pool, form, &args).await,
    }
}
