//! `sluice quarantine`.

use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::postgres::attention::{self, Decider, Verdict};
use sluice_schemas::ids::SendId;

use super::output::Form;
use super::{actor, connect, input, tenant};
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
    /// Sends a quarantined message again: it did not arrive
    #[command(after_help = "Example: sluice quarantine release 6f9c... --tenant acme --reason 'the customer says that nothing came'")]
    Release(Decide),
    /// Counts a quarantined message as sent: it did arrive
    #[command(after_help = "Example: sluice quarantine mark-sent 6f9c... --tenant acme --reason 'the customer answered it'")]
    MarkSent(Decide),
}

#[derive(clap::Args)]
struct Decide {
    /// Id of the send, as `list` shows it
    send: SendId,
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Why, for the audit log
    #[arg(long, value_parser = input::filled)]
    reason: String,
}

const COLUMNS: [&str; 6] = ["since", "state", "send", "account", "recipient", "detail"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    match &args.verb {
        Verb::List { tenant } => list(config, tenant, args.form).await,
        Verb::Release(decide) => settle(config, decide, Verdict::Release, args.form).await,
        Verb::MarkSent(decide) => settle(config, decide, Verdict::MarkSent, args.form).await,
    }
}

async fn list(config: &Config, slug: &str, form: Form) -> Result<(), Failure> {
    let pool = connect(config).await?;
    let transaction = pool.tenant(tenant(&pool, slug).await?).await?;
    let mut rows: Vec<Value> = Vec::new();
    let mut after = None;
    loop {
        let page = attention::attention(&transaction, after, PAGE).await?;
        rows.extend(page.iter().map(|send| json!(send)));
        match page.last() {
            Some(last) if page.len() as i64 == PAGE => after = Some((last.since, last.send)),
            _ => break,
        }
    }
    transaction.commit().await?;
    form.rows(&COLUMNS, &rows)
}

async fn settle(config: &Config, decide: &Decide, verdict: Verdict, form: Form) -> Result<(), Failure> {
    let pool = connect(config).await?;
    let transaction = pool.tenant(tenant(&pool, &decide.tenant).await?).await?;
    let actor = actor();
    attention::settle(&transaction, decide.send, verdict, Decider { actor: &actor, reason: &decide.reason }).await?;
    transaction.commit().await?;
    let text = format!("{} is recorded for send {}; the ledger acts on it at once", verdict.name(), decide.send);
    form.one(&json!({"send": decide.send, "decision": verdict.name(), "status": "recorded"}), &text)
}
