//! `sluice campaign create`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_connectors::postgres::campaigns::{self, Campaign, Import, Mapping, New};
use sluice_connectors::postgres::{Pool, Transaction, audit, config as settings, numbers};
use sluice_schemas::ids::TenantId;
use sluice_schemas::window::Window;

use super::super::output::{Form, notice};
use super::super::{actor, input, refusals, tenant};
use super::mapping::{self, Entry};
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Name for people
    #[arg(long, value_parser = input::filled)]
    name: String,
    /// Phone number id it sends from
    #[arg(long, value_parser = input::digits)]
    account: String,
    /// Template's name
    #[arg(long)]
    template: String,
    /// Template's language, as Meta writes it
    #[arg(long)]
    language: String,
    /// Audience, with a header line; `-` is standard input
    #[arg(long, value_name = "FILE", required_unless_present = "segment", conflicts_with = "segment")]
    csv: Option<PathBuf>,
    /// Audience: the contacts that belong to this segment now
    #[arg(long, value_name = "NAME")]
    segment: Option<String>,
    /// Column that fills a placeholder: 1=first_name, total=sum, header.image=picture, button.0=code; after `|` what stands in for an
    /// empty cell
    #[arg(long, value_name = "VAR=COLUMN", value_parser = mapping::entry)]
    map: Vec<Entry>,
    /// Column of the recipients, when its header is not an obvious one
    #[arg(long, value_name = "COLUMN")]
    recipient: Option<String>,
    /// Country of numbers without an international prefix; without it such lines are refused
    #[arg(long, value_parser = input::country)]
    country: Option<String>,
    /// Messages per second it may use; 0 for no limit of its own
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..=1_000))]
    throttle: i32,
    /// Percent of failures above which it pauses by itself, judged from 50 outcomes on; 0 for never
    #[arg(long, value_name = "PERCENT", default_value_t = campaigns::FAILURE_LIMIT, value_parser = clap::value_parser!(i32).range(0..=100))]
    pause_at_failures: i32,
    /// Hours of the recipient's day in which it sends, by the time zone of the telephone number: `09:00-20:00`, or on some days only
    /// `09:00-20:00 mon,tue,wed,thu,fri`
    #[arg(long, value_name = "HOURS")]
    window: Option<Window>,
    /// Where to write the refused lines as CSV: line, reason, content
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Succeed when a campaign of this name exists already, and change nothing of it
    #[arg(long)]
    if_missing: bool,
}

/// Makes the draft.
pub async fn run(pool: &Pool, form: Form, args: Args) -> Result<(), Failure> {
    let id = tenant(pool, &args.tenant).await?;
    let transaction = pool.tenant(id).await?;
    if args.if_missing
        && let Some(found) = named(&transaction, &args.name).await?
    {
        notice(&format!("campaign {} exists already; nothing is changed", args.name));
        return print(form, &found);
    }
    let (channel, mapping) = plan(&transaction, &args).await?;
    transaction.commit().await?;
    let created = make(pool, id, &args, channel, mapping).await?;
    refusals::tell(args.refused.as_deref(), &created.refusals, created.campaign.refused)?;
    print(form, &created.campaign)?;
    if created.campaign.audience == 0 {
        return Err(Failure::data(anyhow!("--csv: no line has a recipient that can be used, so the draft cannot be started")));
    }
    Ok(())
}

async fn named(transaction: &Transaction, name: &str) -> Result<Option<Campaign>, Failure> {
    let mut after = None;
    loop {
        let page = campaigns::list(transaction, after, 1_000).await?;
        let Some(last) = page.last() else { return Ok(None) };
        after = Some((last.created_at, last.id));
        if let Some(found) = page.into_iter().find(|campaign| campaign.name == name) {
            return Ok(Some(found));
        }
    }
}

/// Channel of the number, and the mapping that the template wants.
async fn plan(transaction: &Transaction, args: &Args) -> Result<(String, Mapping), Failure> {
    let number = numbers::list(transaction).await?.into_iter().find(|number| number.account == args.account);
    let number = number.ok_or_else(|| {
        anyhow!("--account: {} is no number of {1}; `sluice number list --tenant {1}` shows them", args.account, args.tenant)
    })?;
    let fits = |template: &&settings::Template| {
        template.name == args.template
            && template.language == args.language
            && number.waba_id.as_ref().is_none_or(|waba| *waba == template.waba_id)
    };
    let templates = settings::templates(transaction).await?;
    let template = templates.iter().find(fits).ok_or_else(|| {
        anyhow!(
            "--template, --language: the account's business account has no `{}` in `{}`; `sluice template list --tenant {}` shows those there are",
            args.template,
            args.language,
            args.tenant
        )
    })?;
    let mapping = mapping::mapping(&args.map, &template.components).map_err(|faults| Failure::data(anyhow!(faults.join("\n"))))?;
    Ok((number.channel, mapping))
}

async fn make(pool: &Pool, id: TenantId, args: &Args, channel: String, mapping: Mapping) -> Result<campaigns::Created, Failure> {
    let new = New {
        name: args.name.clone(),
        channel,
        account: args.account.clone(),
        template_name: args.template.clone(),
        template_language: args.language.clone(),
        mapping,
        throttle: args.throttle,
        failure_limit: args.pause_at_failures,
        window: args.window.clone(),
        created_by: actor(),
    };
    let created = match (&args.segment, &args.csv) {
        (Some(segment), _) => campaigns::create_from_segment(pool, id, &new, segment).await?,
        (None, file) => {
            let import = Import { country: args.country.clone(), recipient_column: args.recipient.clone() };
            campaigns::create(pool, id, &new, &import, input::file(file.as_deref().unwrap_or(Path::new("-")))?).await?
        }
    };
    let transaction = pool.tenant(id).await?;
    let detail = json!({"name": args.name, "audience": created.campaign.audience});
    audit::record(&transaction, &actor(), "campaign.create", &created.campaign.id.to_string(), &detail).await?;
    transaction.commit().await?;
    Ok(created)
}

/// A campaign as every verb prints it.
pub fn print(form: Form, campaign: &Campaign) -> Result<(), Failure> {
    form.rows(&super::look::COLUMNS, &[shown(campaign)])
}

/// A campaign without what only the machinery needs.
pub fn shown(campaign: &Campaign) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": campaign.id, "name": campaign.name, "state": campaign.state, "pause_reason": campaign.pause_reason,
        "account": campaign.account, "template": campaign.template_name, "language": campaign.template_language,
        "throttle": campaign.throttle, "failure_limit": campaign.failure_limit, "window": campaign.window, "accepted_lines": campaign.audience, "refused_lines": campaign.refused,
        "duplicate_lines": campaign.duplicates, "epoch": campaign.epoch, "created_by": campaign.created_by,
        "segment": campaign.segment, "retry_of": campaign.retry_of, "approved_by": campaign.approved_by, "awaits_approval": campaign.awaits_approval,
        "created_at": campaign.created_at.to_string(), "starts_at": time(campaign.starts_at),
        "started_at": time(campaign.started_at), "finished_at": time(campaign.finished_at),
    })
}
