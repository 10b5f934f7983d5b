//! `sluice campaign export|retry`.

use std::io::Write as _;

use futures::TryStreamExt as _;
use serde_json::{Value, json};
use sluice_connectors::outcomes::{self, Outcome, Table, Which as Failures};
use sluice_connectors::postgres::Pool;
use sluice_connectors::scylla;
use sluice_schemas::meta::codes;

use super::super::output::{Form, notice};
use super::super::{actor, input, tenant};
use super::Which;
use super::create::print;
use crate::config::Config;
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Export {
    #[command(flatten)]
    which: Which,
    /// Only recipients in this state: pending, or a state of a message
    #[arg(long, value_parser = state)]
    state: Option<String>,
}

/// Arguments.
#[derive(clap::Args)]
pub struct Again {
    #[command(flatten)]
    which: Which,
    /// Only messages with this code, 0 for those without one; may be repeated [default: all that may go better another time]
    #[arg(long = "code", value_name = "CODE", conflicts_with = "class")]
    codes: Vec<i32>,
    /// Only messages whose code is of this class; may be repeated
    #[arg(long, value_name = "retry|throttle|account|hold|permanent", value_parser = class)]
    class: Vec<codes::Class>,
    /// Name for people; that of the campaign with `(again)` when left out
    #[arg(long, value_parser = input::filled)]
    name: Option<String>,
}

fn state(text: &str) -> Result<String, String> {
    outcomes::known(text).map(|()| text.to_owned())
}

fn class(text: &str) -> Result<codes::Class, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| "use retry, throttle, account, hold or permanent".to_owned())
}

/// Streams, so that a million recipients need no more memory than a thousand.
pub async fn export(config: &Config, pool: &Pool, form: Form, args: &Export) -> Result<(), Failure> {
    let tenant = tenant(pool, &args.which.tenant).await?;
    args.which.known(pool).await?;
    let history = scylla::Session::connect(&config.cql).await?;
    let mut pages = std::pin::pin!(outcomes::walk(pool.clone(), history, tenant, args.which.campaign));
    let mut out = std::io::stdout().lock();
    let mut table: Option<Table> = None;
    while let Some(page) = pages.try_next().await? {
        let rows = page.iter().filter(|outcome| args.state.as_deref().is_none_or(|state| state == outcome.state()));
        if form.json() {
            for outcome in rows {
                writeln!(out, "{}", shown(outcome))?;
            }
            continue;
        }
        if table.is_none() {
            let made = Table::of(page.first());
            out.write_all(&made.header())?;
            table = Some(made);
        }
        if let Some(table) = &table {
            out.write_all(&table.lines(rows))?;
        }
    }
    Ok(out.flush()?)
}

fn shown(outcome: &Outcome) -> Value {
    let step = outcome.step.as_ref();
    json!({
        "recipient": outcome.row.recipient, "state": outcome.state(), "at_ms": step.map(|step| step.at_ms),
        "code": step.and_then(|step| step.code), "detail": step.and_then(|step| step.detail.as_deref()),
        "wamid": step.and_then(|step| step.wamid.as_deref()), "send_id": outcome.send_id, "variables": outcome.row.variables,
    })
}

/// Makes the draft.
pub async fn retry(config: &Config, pool: &Pool, form: Form, args: &Again) -> Result<(), Failure> {
    let tenant = tenant(pool, &args.which.tenant).await?;
    args.which.known(pool).await?;
    let history = scylla::Session::connect(&config.cql).await?;
    let which = Failures::of(&args.codes, &args.class);
    let origin = args.which.campaign;
    let made = outcomes::retry(pool, &history, tenant, origin, &which, args.name.as_deref(), &actor()).await?;
    notice(&format!(
        "a draft with {} recipients; `sluice campaign start --tenant {} {}` starts it",
        made.audience, args.which.tenant, made.id
    ));
    print(form, &made)
}
