//! `sluice holds`.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};
use sluice_connectors::postgres::attention::{self, Decider, Hold};
use sluice_schemas::record::HoldScope;

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
    /// Lists what sends wait for, with cause and remedy
    #[command(after_help = "Example: sluice holds list --tenant acme --json")]
    List {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
    /// Lifts a hold: what waits for it goes on at once, and is held again should Meta refuse it again
    #[command(after_help = "Example: sluice holds lift number 106540352242922 --tenant acme --reason 'Meta restored the number'")]
    Lift {
        /// What is held
        #[arg(value_parser = PossibleValuesParser::new(HoldScope::ALL.iter().map(|scope| scope.name())))]
        scope: String,
        /// Which one, as `list` shows it
        name: String,
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
        /// Why, for the audit log
        #[arg(long, value_parser = input::filled)]
        reason: String,
    },
}

const COLUMNS: [&str; 7] = ["since", "scope", "name", "code", "cause", "remedy", "until"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let pool = connect(config).await?;
    let (Verb::List { tenant: slug } | Verb::Lift { tenant: slug, .. }) = &args.verb;
    let transaction = pool.tenant(tenant(&pool, slug).await?).await?;
    if let Verb::Lift { scope, name, reason, .. } = &args.verb {
        attention::lift(&transaction, scope, name, Decider { actor: &actor(), reason }).await?;
        transaction.commit().await?;
        let text = format!("the lift of {scope} {name} is recorded; the ledger acts on it at once");
        return args.form.one(&json!({"scope": scope, "name": name, "status": "recorded"}), &text);
    }
    let rows: Vec<Value> = attention::holds(&transaction).await?.iter().map(shown).collect();
    transaction.commit().await?;
    args.form.rows(&COLUMNS, &rows)
}

fn shown(hold: &Hold) -> Value {
    let mut value = json!(hold);
    value["cause"] = json!(hold.cause());
    value["remedy"] = json!(hold.remedy());
    value
}
