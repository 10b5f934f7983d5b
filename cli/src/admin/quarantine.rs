//! `sluice quarantine`.

use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::postgres::quotes;

use super::output::Form;
use super::{connect, tenant};
use crate::config::Config;
use crate::exit::Failure;

const PAGE: i64 = 1_000;

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
    /// Lists sends whose outcome is unknown, and those that wait for a decision, the oldest first
    #[command(after_help = "Example: sluice quarantine list --tenant acme --json")]
    List {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
}

const COLUMNS: [&str; 6] = ["since", "state", "send", "account", "recipient", "detail"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let Verb::List { tenant: slug } = &args.verb;
    let pool = connect(config).await?;
    let transaction = pool.tenant(tenant(&pool, slug).await?).await?;
    let mut rows: Vec<Value> = Vec::new();
    let mut after = None;
    loop {
        let page = quotes::attention(&transaction, after, PAGE).await?;
        rows.extend(page.iter().map(|send| json!(send)));
        match page.last() {
            Some(last) if page.len() as i64 == PAGE => after = Some((last.since, last.send)),
            _ => break,
        }
    }
    transaction.commit().await?;
    args.form.rows(&COLUMNS, &rows)
}
