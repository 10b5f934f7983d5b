//! `sluice number`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::letters::{Command, Filter, Source};
use sluice_connectors::manage::Connect;
use sluice_connectors::postgres::{self, Transaction, audit, config as settings, numbers, tenants};

use super::output::{Form, notice};
use super::way::{Way, failed};
use super::{actor, connect, input, letters, tenant};
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
    /// Adds a number, Instagram account or page, or changes the parts of it that are given
    #[command(
        after_help = "Example: sluice number add --tenant acme --channel whatsapp --account 106540352242922 --waba 102290129340398 --display '+1 555 010 0001' --token-file token"
    )]
    Add(Box<Add>),
    /// Connects a WhatsApp business account with all its numbers: checks the token, subscribes to webhooks, registers; may be repeated
    #[command(after_help = "Example: sluice number connect --tenant acme --waba 102290129340398 --token-file token --pin 123456")]
    Connect(Box<Connecting>),
    /// Lists the numbers of a tenant
    #[command(after_help = "Example: sluice number list --tenant acme --json")]
    List {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
}

#[derive(clap::Args)]
struct Add {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Where its messages travel
    #[arg(long, default_value = "whatsapp", value_parser = ["whatsapp", "instagram", "messenger"])]
    channel: String,
    /// Phone number id, Instagram account or page
    #[arg(long, value_parser = input::digits)]
    account: String,
    /// WhatsApp Business account
    #[arg(long, value_parser = input::digits)]
    waba: Option<String>,
    /// The number as people write it
    #[arg(long, value_parser = input::filled)]
    display: Option<String>,
    /// Messages per second that Meta allows, in and out together [default for a new number: 80]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    rate: Option<i32>,
    /// Business portfolio: its numbers share one messaging limit [default: the business account]
    #[arg(long, value_parser = input::digits)]
    portfolio: Option<String>,
    /// People whom the portfolio may reach a day outside open windows; Meta tells changes by webhook [default: no limit]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    messaging_limit: Option<i32>,
    /// Whether it sends [default for a new number: active]
    #[arg(long, value_parser = ["active", "held", "disabled"])]
    status: Option<String>,
    /// Variable that holds its access token, which is stored sealed
    #[arg(long, value_name = "VAR", conflicts_with = "token_file")]
    token_env: Option<String>,
    /// File that holds its access token; `-` is standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Connecting {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// WhatsApp Business account
    #[arg(long, value_parser = input::digits)]
    waba: String,
    /// Variable that holds the access token of a system user, which is stored sealed
    #[arg(long, value_name = "VAR", conflicts_with = "token_file", required_unless_present = "token_file")]
    token_env: Option<String>,
    /// File that holds it; `-` is standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Six digits: the two-step PIN under which numbers that are not connected yet are registered
    #[arg(long, value_parser = input::digits)]
    pin: Option<String>,
    /// Address of our webhooks, where the one in the app's dashboard is not to be used; Meta asks it at once
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
}

const COLUMNS: [&str; 8] =
    ["channel", "account", "waba_id", "display_phone_number", "messages_per_second", "messaging_limit", "home", "status"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    match args.verb {
        Verb::Add(add) => put(config, args.form, *add).await,
        Verb::Connect(connecting) => account(config, args.form, *connecting).await,
        Verb::List { tenant: slug } => {
            let pool = connect(config).await?;
            let transaction = pool.tenant(tenant(&pool, &slug).await?).await?;
            let rows: Vec<Value> = numbers::list(&transaction).await?.iter().map(|number| json!(number)).collect();
            transaction.commit().await?;
            args.form.rows(&COLUMNS, &rows)
        }
    }
}

async fn put(config: &Config, form: Form, add: Add) -> Result<(), Failure> {
    let token = input::secret("token", add.token_env.as_deref(), add.token_file.as_ref())?;
    let keys = token.as_ref().map(|_| config.keyring()).transpose()?;
    let pool = connect(config).await?;
    let transaction = pool.tenant(tenant(&pool, &add.tenant).await?).await?;
    let number = merged(&transaction, &add).await?;
    settings::put_number(&transaction, &number).await.map_err(|error| match error {
        postgres::Error::Exists { .. } => anyhow!("--account: {} belongs to another tenant", add.account),
        other => other.into(),
    })?;
    if let (Some(keys), Some(token)) = (&keys, &token) {
        numbers::set_token(&transaction, keys, &number.channel, &number.account, token).await?;
    }
    let detail = json!({"status": number.status, "messages_per_second": number.messages_per_second,
        "messaging_limit": number.messaging_limit, "token": token.is_some()});
    audit::record(&transaction, &actor(), "number.put", &number.account, &detail).await?;
    let stored = numbers::get(&transaction, &number.channel, &number.account).await?;
    transaction.commit().await?;
    form.rows(&COLUMNS, &[json!(stored)])?;
    if let Err(failure) = claim(config, &stored).await {
        let again = format!("sluice replay redrive --tenant {} --stage ingress", add.tenant);
        notice(&format!("the number is stored; its updates of before are not replayed yet, `{again}` does it: {:#}", failure.error));
    }
    Ok(())
}

async fn account(config: &Config, form: Form, args: Connecting) -> Result<(), Failure> {
    let token = input::secret("token", args.token_env.as_deref(), args.token_file.as_ref())?;
    let token = token.ok_or_else(|| Failure::data(anyhow!("--token-file: give the access token of a system user")))?;
    let callback = args.callback.map(|url| (url, config.ingress.verify_token.clone()));
    let (at, by) = (Way::open(config, &args.tenant).await?, actor());
    let connected = at.desk(&by).connect(&Connect { waba: args.waba, token, callback, pin: args.pin }).await.map_err(failed)?;
    let rows: Vec<Value> = connected.numbers.iter().map(|number| json!(number)).collect();
    form.rows(&["account", "display", "verified_name", "messages_per_second", "connected", "remedy"], &rows)?;
    let (pool, tenant) = at.tenant();
    let transaction = pool.tenant(tenant).await?;
    let stored = numbers::list(&transaction).await?;
    transaction.commit().await?;
    for number in stored.iter().filter(|number| connected.numbers.iter().any(|new| new.account == number.account)) {
        if let Err(failure) = claim(config, number).await {
            notice(&format!("updates of before are not replayed yet for {}: {:#}", number.account, failure.error));
        }
    }
    Ok(())
}

/// Replays what came for the number before anybody had registered it. What ingress still calls unrouted until it has read the number, a
/// moment later, waits for `sluice replay redrive`.
async fn claim(config: &Config, number: &numbers::Number) -> Result<(), Failure> {
    let bench = letters::bench(config).await?;
    let filter = Filter { tenant: Some(number.tenant), account: Some(number.account.clone()), ..Filter::default() };
    let plan = bench.plan(&[Source::Unrouted], &filter).await?;
    if plan.records() == 0 {
        return Ok(());
    }
    let report = letters::run(&bench, &plan, &filter, Command::Redrive { answer_late: false }, "the number was registered").await?;
    notice(&format!("{} updates that had come for it were replayed", report.done));
    Ok(())
}

/// The number as it was, changed by what is given; a new one lives on its tenant's home.
async fn merged(transaction: &Transaction, add: &Add) -> Result<settings::Number, Failure> {
    let old = match numbers::get(transaction, &add.channel, &add.account).await {
        Ok(old) => Some(old),
        Err(postgres::Error::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let waba = add.waba.clone().or_else(|| old.as_ref().and_then(|old| old.waba_id.clone()));
    if add.channel == "whatsapp" && waba.is_none() {
        return Err(Failure::data(anyhow!(
            "--waba: a WhatsApp number needs its business account; Meta shows it beside the phone number id"
        )));
    }
    let home = match &old {
        Some(old) => old.home,
        None => tenants::own(transaction).await?.home,
    };
    Ok(settings::Number {
        channel: add.channel.clone(),
        account: add.account.clone(),
        waba_id: waba,
        display_phone_number: add.display.clone().or_else(|| old.as_ref().and_then(|old| old.display_phone_number.clone())),
        home,
        messages_per_second: add.rate.or(old.as_ref().map(|old| old.messages_per_second)).unwrap_or(80),
        portfolio_id: add.portfolio.clone().or_else(|| old.as_ref().and_then(|old| old.portfolio_id.clone())),
        messaging_limit: add.messaging_limit.or(old.as_ref().and_then(|old| old.messaging_limit)),
        status: add.status.clone().or_else(|| old.map(|old| old.status)).unwrap_or_else(|| "active".into()),
    })
}
