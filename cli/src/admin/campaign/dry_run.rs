//! `sluice campaign dry-run`.

use std::time::Instant;

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_connectors::postgres::campaigns::{self, Beside, Campaign, PassedOver};
use sluice_connectors::postgres::{Pool, attention, numbers};
use sluice_pipeline::stages::ledger::dry_run::{Forecast, Plan, Share, forecast};
use sluice_schemas::time::Millis;

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

/// Everything that is asked of the database.
struct Ground {
    campaign: Campaign,
    rate: i64,
    left: i64,
    passed_over: PassedOver,
    beside: Vec<Beside>,
    holds: Vec<attention::Hold>,
    /// Different people whom the portfolio may reach a day; 0 for no limit.
    people_a_day: Option<i32>,
}

/// Says how it would go; sends and changes nothing.
pub async fn run(pool: &Pool, form: Form, args: &Args) -> Result<(), Failure> {
    let ground = ground(pool, &args.which).await?;
    let start = args.at.or(ground.campaign.starts_at).unwrap_or_else(Timestamp::now).max(Timestamp::now());
    let messages = ground.left - ground.passed_over.total();
    let plan = Plan {
        rate: ground.rate,
        start: Millis(start.as_millisecond()),
        answer_ms: args.answer_ms,
        share: Share { campaign: ground.campaign.id, messages, throttle: ground.campaign.throttle },
        beside: ground.beside.iter().map(|b| Share { campaign: b.id, messages: b.messages, throttle: b.throttle }).collect(),
    };
    let begun = Instant::now();
    let forecast = tokio::task::spawn_blocking(move || forecast(&plan)).await?;
    let finish = Timestamp::from_millisecond(forecast.finish.0)?;
    form.one(&shown(&ground, start, finish, messages, &forecast, begun), &said(&ground, start, finish, messages))?;
    match args.finish_by {
        Some(by) if finish > by => {
            let error =
                anyhow!("--finish-by: it would be over {finish}, after {by}; start earlier, raise its limit or use a faster number");
            Err(Failure { code: FAILED, error })
        }
        _ => Ok(()),
    }
}

async fn ground(pool: &Pool, which: &Which) -> Result<Ground, Failure> {
    let transaction = which.open(pool).await?;
    let campaign = campaigns::get(&transaction, which.campaign).await?;
    if ["completed", "cancelled"].contains(&campaign.state.as_str()) {
        return Err(anyhow!("the campaign is {}; nothing of it is left to send", campaign.state).into());
    }
    let number = numbers::get(&transaction, &campaign.channel, &campaign.account).await?;
    let funnel = campaigns::funnel(&transaction, campaign.id).await?;
    let left = funnel.pending + funnel.count("planned");
    let passed_over = campaigns::passed_over(&transaction, &campaign, number.home, campaign.audience - left).await?;
    let beside = campaigns::beside(&transaction, &campaign).await?;
    let people_a_day = number.people_a_day();
    let waba = number.waba_id.unwrap_or_default();
    let template = format!("{}/{}", campaign.template_name, campaign.template_language);
    let names = [campaign.account.as_str(), &waba, "-", &template];
    let holds = attention::holds(&transaction).await?.into_iter().filter(|hold| names.contains(&hold.name.as_str())).collect();
    transaction.commit().await?;
    Ok(Ground { campaign, rate: i64::from(number.messages_per_second), left, passed_over, beside, holds, people_a_day })
}

fn shown(ground: &Ground, start: Timestamp, finish: Timestamp, messages: i64, forecast: &Forecast, begun: Instant) -> Value {
    let curve: Vec<Value> = forecast
        .curve
        .iter()
        .map(|(at, sent)| json!({"at": Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default(), "sent": sent}))
        .collect();
    json!({
        "id": ground.campaign.id, "name": ground.campaign.name, "recipients": ground.left, "messages": messages,
        "passed_over": ground.passed_over, "starts_at": start.to_string(), "finishes_at": finish.to_string(),
        "seconds": finish.duration_since(start).as_secs_f64(), "messages_per_second": ground.rate, "throttle": ground.campaign.throttle,
        "beside": ground.beside, "holds": ground.holds, "window": ground.campaign.window, "people_a_day": ground.people_a_day, "curve": curve, "computed_ms": begun.elapsed().as_millis() as u64,
    })
}

fn said(ground: &Ground, start: Timestamp, finish: Timestamp, messages: i64) -> String {
    let mut lines = vec![format!("{}: {messages} of {} recipients", ground.campaign.name, ground.left)];
    let out = &ground.passed_over;
    if out.opted_out > 0 {
        lines.push(format!("{:>9}  want no offers", out.opted_out));
    }
    lines.extend(out.empty.iter().map(|(column, n)| format!("{n:>9}  have nothing in the column `{column}`, which the template needs")));
    lines.extend(out.noted.iter().map(|(reason, n)| format!("{n:>9}  {reason}")));
    let limit = match ground.campaign.throttle {
        0 => format!("the number sends {}/s, of which campaigns use 80 %", ground.rate),
        own => format!("its own limit is {own}/s, the number sends {}/s", ground.rate),
    };
    lines.push(format!("from {start} to {finish}: {limit}"));
    lines.extend(ground.beside.iter().map(|b| format!("{:>9}  messages of `{}` take turns with it", b.messages, b.name)));
    lines.extend(ground.holds.iter().map(|hold| format!("   waits:  the {} {} is held; see `sluice holds list`", hold.scope, hold.name)));
    if let Some(window) = &ground.campaign.window {
        lines.push(format!("   later:  whoever is out of the hours {window} of the own day; that is not part of this forecast"));
    }
    if let Some(people) = ground.people_a_day.filter(|people| *people > 0 && i64::from(*people) < messages) {
        lines.push(format!("   waits:  its portfolio may reach {people} different people a day outside open windows; the others wait"));
    }
    lines.push("nothing was sent".into());
    lines.join("\n")
}
