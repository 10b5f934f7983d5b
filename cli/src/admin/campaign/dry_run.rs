//! `sluice campaign dry-run`.

use std::time::Instant;

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_connectors::postgres::campaigns::{self, Outlook};
use sluice_connectors::postgres::{Pool, rates};
use sluice_pipeline::stages::ledger::dry_run::forecast;
use sluice_schemas::forecast::Forecast;

use super::super::output::Form;
use super::Which;
use crate::exit::{FAILED, Failure};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// When it would start (RFC 3339) [default: when it is scheduled for, or now]
    #[arg(long)]
    at: Option<Timestamp>,
    /// Exit 1 if it would not be over by then (RFC 3339)
    #[arg(long)]
    finish_by: Option<Timestamp>,
    /// Until Meta answers, milliseconds
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(i64).range(0..=30_000))]
    answer_ms: i64,
}

/// Says how it would go; sends and changes nothing.
pub async fn run(pool: &Pool, form: Form, args: &Args) -> Result<(), Failure> {
    let transaction = args.which.open(pool).await?;
    let outlook = campaigns::outlook(&transaction, args.which.campaign).await?;
    transaction.commit().await?;
    let start = outlook.start(args.at, Timestamp::now());
    let plan = outlook.plan(start, args.answer_ms);
    let begun = Instant::now();
    let forecast = tokio::task::spawn_blocking(move || forecast(&plan)).await?;
    let finish = Timestamp::from_millisecond(forecast.finish.0)?;
    form.one(&shown(&outlook, start, finish, &forecast, begun), &said(&outlook, start, finish))?;
    match args.finish_by {
        Some(by) if finish > by => {
            let error =
                anyhow!("--finish-by: it would be over {finish}, after {by}; start earlier, raise its limit or use a faster number");
            Err(Failure { code: FAILED, error })
        }
        _ => Ok(()),
    }
}

fn shown(outlook: &Outlook, start: Timestamp, finish: Timestamp, forecast: &Forecast, begun: Instant) -> Value {
    let curve: Vec<Value> = forecast
        .curve
        .iter()
        .map(|(at, sent)| json!({"at": Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default(), "sent": sent}))
        .collect();
    json!({
        "id": outlook.campaign.id, "name": outlook.campaign.name, "recipients": outlook.left, "messages": outlook.messages(),
        "passed_over": outlook.passed_over, "starts_at": start.to_string(), "finishes_at": finish.to_string(),
        "seconds": finish.duration_since(start).as_secs_f64(), "messages_per_second": outlook.rate, "throttle": outlook.campaign.throttle,
        "beside": outlook.beside, "holds": outlook.holds, "window": outlook.campaign.window, "people_a_day": outlook.people_a_day, "costs": outlook.costs, "sums": rates::sums(&outlook.costs), "curve": curve, "computed_ms": begun.elapsed().as_millis() as u64,
    })
}

fn said(outlook: &Outlook, start: Timestamp, finish: Timestamp) -> String {
    let messages = outlook.messages();
    let mut lines = vec![format!("{}: {messages} of {} recipients", outlook.campaign.name, outlook.left)];
    let out = &outlook.passed_over;
    if out.opted_out > 0 {
        lines.push(format!("{:>9}  want no offers", out.opted_out));
    }
    lines.extend(out.empty.iter().map(|(column, n)| format!("{n:>9}  have nothing in the column `{column}`, which the template needs")));
    lines.extend(out.noted.iter().map(|(reason, n)| format!("{n:>9}  {reason}")));
    let limit = match outlook.campaign.throttle {
        0 => format!("the number sends {}/s, of which campaigns use 80 %", outlook.rate),
        own => format!("its own limit is {own}/s, the number sends {}/s", outlook.rate),
    };
    lines.push(format!("from {start} to {finish}: {limit}"));
    lines.extend(rates::sums(&outlook.costs).iter().map(|(currency, sum)| format!("{sum:>9}  {currency} by the prices of `sluice rates`")));
    let unpriced = outlook.unpriced();
    if unpriced > 0 {
        lines.push(format!("{unpriced:>9}  messages have no price; `sluice rates import` gives them one"));
    }
    lines.extend(outlook.beside.iter().map(|b| format!("{:>9}  messages of `{}` take turns with it", b.messages, b.name)));
    lines.extend(outlook.holds.iter().map(|hold| format!("   waits:  the {} {} is held; see `sluice holds list`", hold.scope, hold.name)));
    if let Some(window) = &outlook.campaign.window {
        lines.push(format!("   later:  whoever is out of the hours {window} of the own day; that is not part of this forecast"));
    }
    if let Some(people) = outlook.reached_a_day() {
        lines.push(format!("   waits:  its portfolio may reach {people} different people a day outside open windows; the others wait"));
    }
    lines.push("nothing was sent".into());
    lines.join("\n")
}
