//! `sluice opt-outs`.

use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::postgres::attention::Decider;
use sluice_connectors::postgres::opt_outs;

use super::output::Form;
use super::{actor, connect, input, tenant};
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
    /// Lists who wants no offers, and how that is known
    #[command(after_help = "Example: sluice opt-outs list --tenant acme --json")]
    List {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
    /// Notes that a person wants no offers, said elsewhere than in a message
    #[command(after_help = "Example: sluice opt-outs add '+1 555 0102' --tenant acme --reason 'said so on the telephone'")]
    Add(Note),
    /// Notes that a person wants offers again
    #[command(after_help = "Example: sluice opt-outs lift '+1 555 0102' --tenant acme --reason 'signed up in the shop'")]
    Lift(Note),
}

#[derive(clap::Args)]
struct Note {
    /// Telephone number, or a user id as `list` shows it
    #[arg(value_parser = input::person)]
    person: String,
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Why, for the audit log
    #[arg(long, value_parser = input::filled)]
    reason: String,
}

const COLUMNS: [&str; 4] = ["since", "person", "source", "detail"];
/// Rows of one statement.
const PAGE: i64 = 1_000;

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let pool = connect(config).await?;
    match &args.verb {
        Verb::List { tenant: slug } => {
            let transaction = pool.tenant(tenant(&pool, slug).await?).await?;
            let (mut rows, mut after) = (Vec::new(), None);
            loop {
                let page = opt_outs::list(&transaction, after, PAGE).await?;
                rows.extend(page.iter().map(|row| json!(row)));
                match page.last() {
                    Some(last) if page.len() as i64 == PAGE => after = Some((last.since, last.person.clone())),
                    _ => break,
                }
            }
            transaction.commit().await?;
            args.form.rows(&COLUMNS, &rows)
        }
        Verb::Add(note) | Verb::Lift(note) => {
            let transaction = pool.tenant(tenant(&pool, &note.tenant).await?).await?;
            let (actor, lift) = (actor(), matches!(args.verb, Verb::Lift(_)));
            let by = Decider { actor: &actor, reason: &note.reason };
            if lift {
                opt_outs::lift(&transaction, &note.person, by).await?;
            } else {
                opt_outs::note(&transaction, &note.person, by).await?;
            }
            transaction.commit().await?;
            let (value, text) = recorded(&note.person, lift);
            args.form.one(&value, &text)
        }
    }
}

fn recorded(person: &str, lift: bool) -> (Value, String) {
    let text = if lift { "gets offers again" } else { "gets no offers any more" };
    (json!({"person": person, "status": "recorded", "lifted": lift}), format!("recorded: {person} {text}"))
}
