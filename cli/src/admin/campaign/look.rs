//! `sluice campaign preview|failures|compare|list`.

use anyhow::anyhow;
use serde_json::{Value, json};
use sluice_api::view::explain;
use sluice_connectors::postgres::{Pool, campaigns, config as settings, numbers};
use sluice_schemas::ids::CampaignId;

use super::super::output::Form;
use super::super::tenant;
use super::create::shown;
use super::{Which, mapping};
use crate::exit::Failure;

/// What people see of a campaign.
pub const COLUMNS: [&str; 6] = ["id", "name", "state", "accepted_lines", "refused_lines", "duplicate_lines"];

/// Arguments.
#[derive(clap::Args)]
pub struct Preview {
    #[command(flatten)]
    which: Which,
    /// How many
    #[arg(short, long, default_value_t = 3, value_parser = clap::value_parser!(i64).range(1..=1_000))]
    number: i64,
}

/// Arguments.
#[derive(clap::Args)]
pub struct Compare {
    #[command(flatten)]
    first: Which,
    /// Identifier of the other one
    with: CampaignId,
}

/// Arguments.
#[derive(clap::Args)]
pub struct List {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// How many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

/// The first messages of the audience. A cell that became empty shows as `missing`: such a row is suppressed, not sent.
pub async fn preview(pool: &Pool, form: Form, args: &Preview) -> Result<(), Failure> {
    let transaction = args.which.open(pool).await?;
    let campaign = campaigns::get(&transaction, args.which.campaign).await?;
    let number = numbers::get(&transaction, &campaign.channel, &campaign.account).await?;
    let rows = campaigns::audience(&transaction, campaign.id, number.home, 0, args.number).await?;
    let templates = settings::templates(&transaction).await?;
    transaction.commit().await?;
    let template = templates
        .iter()
        .find(|template| {
            template.name == campaign.template_name
                && template.language == campaign.template_language
                && number.waba_id.as_ref().is_none_or(|waba| *waba == template.waba_id)
        })
        .ok_or_else(|| anyhow!("template `{}` ({}) is gone; import it again", campaign.template_name, campaign.template_language))?;
    let messages: Vec<Value> = rows
        .iter()
        .map(|row| {
            let (components, missing) = match campaign.mapping.fill(&row.variables) {
                Ok(components) => (components, None),
                Err(column) => (Vec::new(), Some(column)),
            };
            let text = missing.is_none().then(|| mapping::text(&template.components, &components));
            json!({"seq": row.seq, "recipient": row.recipient, "text": text, "missing": missing, "suppressed": row.suppressed, "components": components})
        })
        .collect();
    form.rows(&["seq", "recipient", "text", "missing", "suppressed"], &messages)
}

/// Failed messages by code, the most frequent first.
pub async fn failures(pool: &Pool, form: Form, which: &Which) -> Result<(), Failure> {
    let transaction = which.open(pool).await?;
    let funnel = campaigns::funnel(&transaction, which.campaign).await?;
    transaction.commit().await?;
    let mut failures: Vec<(i32, i64)> = funnel.failures.into_iter().collect();
    failures.sort_by_key(|(code, n)| (-n, *code));
    let rows: Vec<Value> = failures.iter().map(|(code, n)| json!({"code": code, "messages": n, "meaning": explain(*code)})).collect();
    form.rows(&["code", "messages", "meaning"], &rows)
}

/// Two campaigns, measure by measure.
pub async fn compare(pool: &Pool, form: Form, args: &Compare) -> Result<(), Failure> {
    let transaction = args.first.open(pool).await?;
    let first = campaigns::funnel(&transaction, args.first.campaign).await?;
    let second = campaigns::funnel(&transaction, args.with).await?;
    transaction.commit().await?;
    let share = |(part, whole): (i64, i64)| if whole == 0 { 0.0 } else { (part as f64 * 1_000.0 / whole as f64).round() / 10.0 };
    let row = |m: &campaigns::Measure| {
        json!({
            "measure": m.name, "first": m.first.0, "of_first": m.first.1, "first_percent": share(m.first),
            "second": m.second.0, "of_second": m.second.1, "second_percent": share(m.second), "verdict": m.verdict,
        })
    };
    let rows: Vec<Value> = campaigns::compare(&first, &second).iter().map(row).collect();
    form.rows(&["measure", "first", "of_first", "first_percent", "second", "of_second", "second_percent", "verdict"], &rows)
}

/// Campaigns, newest first.
pub async fn list(pool: &Pool, form: Form, args: &List) -> Result<(), Failure> {
    let transaction = pool.tenant(tenant(pool, &args.tenant).await?).await?;
    let campaigns = campaigns::list(&transaction, None, args.limit).await?;
    transaction.commit().await?;
    form.rows(&COLUMNS, &campaigns.iter().map(shown).collect::<Vec<_>>())
}
