//! Configuration and control from the command line: tenants, numbers, users, templates, prices, campaigns, and a look into topics.
//!
//! The verbs work on Postgres with the roles' own logins, so row-level security holds here too. What they change is written to the
//! audit log in the same transaction, under `cli:<login name>`.

mod audit;
mod campaign;
mod contact;
mod contents;
mod dead_letters;
mod holds;
mod input;
mod keys;
pub mod letters;
mod media;
mod number;
mod opt_outs;
mod output;
mod partition;
pub mod price;
mod quarantine;
mod rates;
mod refusals;
pub mod replay;
mod segment;
mod send;
mod tap;
mod template;
mod tenant;
mod token;
mod user;
mod way;

use anyhow::anyhow;
use clap::Subcommand;
use sluice_connectors::postgres::{self, Pool, tenants};
use sluice_schemas::ids::TenantId;

use crate::config::Config;
use crate::exit::{CONFIG, DATA, Failure};

/// The verbs.
#[derive(Subcommand)]
pub enum Verb {
    /// Makes, lists, suspends and resumes tenants
    #[command(after_help = "Example: sluice tenant create --slug acme --name 'Acme Ltd'")]
    Tenant(tenant::Args),
    /// Adds and lists numbers, Instagram accounts and pages
    #[command(after_help = "Example: sluice number list --tenant acme")]
    Number(number::Args),
    /// Adds and lists the people who sign in
    #[command(after_help = "Example: sluice user list --tenant acme")]
    User(user::Args),
    /// Makes tokens for programs
    #[command(after_help = "Example: sluice token create --tenant acme --name billing --role admin")]
    Token(token::Args),
    /// Imports and lists message templates
    #[command(after_help = "Example: sluice template list --tenant acme")]
    Template(template::Args),
    /// Imports and shows what quotes are priced with
    #[command(after_help = "Example: sluice price show --tenant acme")]
    Price(price::Args),
    /// Sends a message through the API; the same key is the same send
    #[command(
        after_help = "Example: sluice send --to '+1 555 0102' --text Hello\n         sluice send --to '+1 555 0102' --template spring_offer --language en_US --var 1=Ana --var '2=10 %' --var button.0=x\n         sluice send --message message.json --key order-17"
    )]
    Send(Box<send::Args>),
    /// Makes, starts, stops and watches campaigns
    #[command(after_help = "Example: sluice campaign status --tenant acme 0198c0de-0000-7000-8000-000000000001 --watch")]
    Campaign(Box<campaign::Args>),
    /// Replaces the keys that secrets are sealed with
    #[command(after_help = "Example: sluice keys rotate")]
    Keys(keys::Args),
    /// Files that messages send
    #[command(after_help = "Example: sluice media upload --tenant acme --account 15550100001 offer.pdf")]
    Media(media::Args),
    /// What messages cost, for the dry run
    #[command(after_help = "Example: sluice rates import --tenant acme rates.csv")]
    Rates(rates::Args),
    /// Reads contacts from files, shows them, and takes imports back
    #[command(after_help = "Example: sluice contact import --tenant acme --csv people.csv --country BR")]
    Contact(Box<contact::Args>),
    /// Parts of the contacts by what they are like, for campaigns
    #[command(after_help = "Example: sluice segment save --tenant acme --name VIP --where 'tag = vip and consent'")]
    Segment(segment::Args),
    /// Follows a topic; one decoded record a line
    #[command(after_help = "Example: sluice tap messages --tenant acme --from-beginning -n 10")]
    Tap(tap::Args),
    /// Shows, redrives and drops records that a stage could not process
    #[command(after_help = "Example: sluice dead-letters list --tenant acme --json")]
    DeadLetters(dead_letters::Args),
    /// Does a part of the past again
    #[command(after_help = "Example: sluice replay redrive --tenant acme --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z --yes")]
    Replay(replay::Args),
    /// Proves the books from the topics: every raw event has one end, every planned send one state
    #[command(after_help = "Example: sluice audit --tenant acme --from 2026-11-01T00:00:00Z --json")]
    Audit(audit::Args),
    /// Shows what sends wait for, and lifts it
    #[command(after_help = "Example: sluice holds list --tenant acme")]
    Holds(holds::Args),
    /// Lets a partition go on that stands still
    #[command(after_help = "Example: sluice partition resume --chain intake --partition 3 --reason 'build 1.4.2 reads them'")]
    Partition(partition::Args),
    /// Shows who wants no offers, and notes it
    #[command(after_help = "Example: sluice opt-outs list --tenant acme")]
    OptOuts(opt_outs::Args),
    /// Shows sends whose outcome nobody knows, and records what a person decides about them
    #[command(after_help = "Example: sluice quarantine list --tenant acme")]
    Quarantine(quarantine::Args),
}

/// Runs a verb.
pub async fn run(config: &Config, verb: Verb) -> Result<(), Failure> {
    let result = match verb {
        Verb::Tenant(args) => tenant::run(config, args).await,
        Verb::Number(args) => number::run(config, args).await,
        Verb::User(args) => user::run(config, args).await,
        Verb::Token(args) => token::run(config, args).await,
        Verb::Template(args) => template::run(config, args).await,
        Verb::Price(args) => price::run(config, args).await,
        Verb::Send(args) => send::run(*args).await,
        Verb::Campaign(args) => campaign::run(config, *args).await,
        Verb::Keys(args) => keys::run(config, args).await,
        Verb::Media(args) => media::run(config, args).await,
        Verb::Rates(args) => rates::run(config, args).await,
        Verb::Contact(args) => contact::run(config, *args).await,
        Verb::Segment(args) => segment::run(config, args).await,
        Verb::Tap(args) => tap::run(config, args).await,
        Verb::DeadLetters(args) => dead_letters::run(config, args).await,
        Verb::Replay(args) => replay::run(config, args).await,
        Verb::Audit(args) => audit::run(config, args).await,
        Verb::Holds(args) => holds::run(config, args).await,
        Verb::Partition(args) => partition::run(config, args).await,
        Verb::OptOuts(args) => opt_outs::run(config, args).await,
        Verb::Quarantine(args) => quarantine::run(config, args).await,
    };
    result.or_else(judge)
}

/// Whoever reads stdout may leave when they have enough; and what Postgres calls invalid is the caller's input or configuration.
fn judge(failure: Failure) -> Result<(), Failure> {
    let mut causes = failure.error.chain();
    if causes.any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)) {
        return Ok(());
    }
    let code = match failure.error.downcast_ref::<postgres::Error>() {
        Some(postgres::Error::Invalid { field, .. }) if field.starts_with("postgres") => CONFIG,
        Some(postgres::Error::Seal(_) | postgres::Error::Role(_)) => CONFIG,
        Some(postgres::Error::Invalid { .. }) => DATA,
        _ => failure.code,
    };
    Err(Failure { code, error: failure.error })
}

/// Connections, once the logins are known to be held by row-level security.
async fn connect(config: &Config) -> Result<Pool, Failure> {
    let pool = Pool::new(&config.postgres)?;
    postgres::check_role(&pool).await?;
    Ok(pool)
}

/// The tenant of this slug.
async fn tenant(pool: &Pool, slug: &str) -> Result<TenantId, Failure> {
    match tenants::by_slug(pool, slug).await? {
        Some((id, _)) => Ok(id),
        None => Err(anyhow!("--tenant: there is no tenant `{slug}`; `sluice tenant list` shows those there are").into()),
    }
}

/// Who does it, as the audit log shows it.
fn actor() -> String {
    std::env::var("USER").ok().filter(|name| !name.is_empty()).map_or_else(|| "cli".into(), |name| format!("cli:{name}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(subcommand)]
        _verb: Verb,
    }

    fn examples(command: &clap::Command) {
        for verb in command.get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let words = help.lines().next().and_then(|line| line.strip_prefix("Example: sluice ")).unwrap_or_default();
            assert!(words.split(' ').any(|word| word == verb.get_name()) || verb.has_subcommands(), "{}: {help}", verb.get_name());
            assert!(!words.is_empty(), "{} has no example", verb.get_name());
            examples(verb);
        }
    }

    #[test]
    fn every_verb_has_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        examples(&command);
    }

    #[test]
    fn exit_codes_tell_input_from_configuration() {
        let invalid = |field: &str| postgres::Error::Invalid { field: field.into(), reason: "is wrong".into() };
        let code = |error: postgres::Error| judge(error.into()).expect_err("a failure").code;
        assert_eq!(code(invalid("audience")), DATA);
        assert_eq!(code(invalid("postgres.url")), CONFIG);
        assert_eq!(code(postgres::Error::Role("superuser".into())), CONFIG);
        assert_eq!(code(postgres::Error::Broken("gone".into())), crate::exit::FAILED);
        assert!(judge(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()).is_ok());
    }
}
