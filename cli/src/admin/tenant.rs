//! `sluice tenant`.

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::postgres::{self, Pool, audit, campaigns, config as settings, tenants};
use sluice_schemas::ids::TenantId;
use sluice_schemas::topics;

use super::output::{Form, notice};
use super::{actor, connect, input};
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
    /// Makes a tenant; its home partition is chosen here and stored for good
    #[command(
        after_help = "Example: sluice tenant create --slug acme --name 'Acme Ltd' --time-zone America/Sao_Paulo --locale pt-BR --if-missing"
    )]
    Create(New),
    /// Lists every tenant
    #[command(after_help = "Example: sluice tenant list --json | jq -r .slug")]
    List,
    /// From how many recipients on a campaign needs a second person before it starts
    #[command(after_help = "Example: sluice tenant approvals acme --from 10000")]
    Approvals(Approvals),
    /// What a tenant may send at most over all its numbers
    #[command(after_help = "Example: sluice tenant plan acme --messages-per-second 200")]
    Plan(Plan),
    /// How many messages of campaigns one person gets within some days, over all campaigns
    #[command(after_help = "Example: sluice tenant cap acme --messages 3 --days 7")]
    Cap(Cap),
    /// Stops a tenant's logins and sends
    #[command(after_help = "Example: sluice tenant suspend acme")]
    Suspend(Which),
    /// Ends a suspension
    #[command(after_help = "Example: sluice tenant resume acme")]
    Resume(Which),
}

#[derive(clap::Args)]
struct New {
    /// First label of its host name
    #[arg(long, value_parser = input::slug)]
    slug: String,
    /// Name for people
    #[arg(long, value_parser = input::filled)]
    name: String,
    /// Identifier; made up when left out
    #[arg(long, value_name = "UUID")]
    id: Option<TenantId>,
    /// IANA time zone
    #[arg(long, default_value = "UTC", value_parser = input::time_zone)]
    time_zone: String,
    /// Language tag
    #[arg(long, default_value = "en", value_parser = input::locale)]
    locale: String,
    /// Succeed when the slug exists already, and change nothing of it
    #[arg(long)]
    if_missing: bool,
}

#[derive(clap::Args)]
struct Which {
    /// Slug of the tenant
    slug: String,
}

#[derive(clap::Args)]
struct Approvals {
    /// Slug of the tenant
    slug: String,
    /// Recipients from which on somebody other than its maker has to approve a campaign; 0 for never
    #[arg(long, value_name = "RECIPIENTS", value_parser = clap::value_parser!(i64).range(0..))]
    from: i64,
}

#[derive(clap::Args)]
struct Plan {
    /// Slug of the tenant
    slug: String,
    /// Messages a second, of which campaigns use four fifths; 0 for no limit beside those of its numbers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=1_000_000))]
    messages_per_second: i32,
}

#[derive(clap::Args)]
struct Cap {
    /// Slug of the tenant
    slug: String,
    /// Messages; 0 for no cap
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=100))]
    messages: i32,
    /// Days
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(i32).range(1..=31))]
    days: i32,
}

const COLUMNS: [&str; 8] = ["slug", "id", "name", "home", "time_zone", "locale", "suspended", "messages_per_second"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let pool = connect(config).await?;
    match args.verb {
        Verb::Create(new) => create(&pool, config.kafka.partitions, args.form, new).await,
        Verb::List => {
            let rows: Vec<Value> = tenants::all(&pool).await?.iter().map(|tenant| json!(tenant)).collect();
            args.form.rows(&COLUMNS, &rows)
        }
        Verb::Approvals(which) => approvals(&pool, args.form, &which).await,
        Verb::Plan(which) => plan(&pool, args.form, &which).await,
        Verb::Cap(which) => cap(&pool, args.form, &which).await,
        Verb::Suspend(which) => suspend(&pool, args.form, &which.slug, true).await,
        Verb::Resume(which) => suspend(&pool, args.form, &which.slug, false).await,
    }
}

async fn create(pool: &Pool, partitions: i32, form: Form, new: New) -> Result<(), Failure> {
    if let Some((id, _)) = tenants::by_slug(pool, &new.slug).await? {
        return existing(pool, form, &new, id).await;
    }
    let id = new.id.unwrap_or_else(|| TenantId(uuid::Uuid::now_v7()));
    let wanted = tenants::New {
        id,
        slug: new.slug.clone(),
        name: new.name,
        home: topics::home(id, partitions),
        time_zone: new.time_zone,
        locale: new.locale,
    };
    tenants::create(pool, &wanted).await.map_err(|error| match error {
        postgres::Error::Exists { .. } => anyhow!("--slug or --id: another tenant has `{}` or {id} already", new.slug),
        other => other.into(),
    })?;
    let transaction = pool.tenant(id).await?;
    audit::record(&transaction, &actor(), "tenant.create", &new.slug, &json!({})).await?;
    let made = tenants::own(&transaction).await?;
    transaction.commit().await?;
    form.rows(&COLUMNS, &[json!(made)])
}

async fn existing(pool: &Pool, form: Form, new: &New, id: TenantId) -> Result<(), Failure> {
    if !new.if_missing {
        return Err(anyhow!("--slug: tenant `{}` exists already; choose another, or say --if-missing", new.slug).into());
    }
    if let Some(wanted) = new.id.filter(|wanted| *wanted != id) {
        return Err(anyhow!("--id: tenant `{}` exists already with the identifier {id}, not {wanted}", new.slug).into());
    }
    let transaction = pool.tenant(id).await?;
    // A creation that was interrupted may have left the row without its record; a repeat of the record does no harm.
    settings::publish_tenant(&transaction).await?;
    let found = tenants::own(&transaction).await?;
    transaction.commit().await?;
    notice(&format!("tenant {} exists already", new.slug));
    form.rows(&COLUMNS, &[json!(found)])
}

async fn approvals(pool: &Pool, form: Form, args: &Approvals) -> Result<(), Failure> {
    let transaction = pool.tenant(super::tenant(pool, &args.slug).await?).await?;
    campaigns::require_from(&transaction, Some(args.from).filter(|from| *from > 0)).await?;
    audit::record(&transaction, &actor(), "tenant.approvals", &args.slug, &json!({"from": args.from})).await?;
    transaction.commit().await?;
    let text = match args.from {
        0 => format!("campaigns of {} start without a second person", args.slug),
        from => format!("campaigns of {} with {from} recipients or more need a second person", args.slug),
    };
    form.one(&json!({"slug": args.slug, "approve_from": args.from}), &text)
}

async fn plan(pool: &Pool, form: Form, args: &Plan) -> Result<(), Failure> {
    let transaction = pool.tenant(super::tenant(pool, &args.slug).await?).await?;
    settings::plan(&transaction, args.messages_per_second).await?;
    let told = json!({"messages_per_second": args.messages_per_second});
    audit::record(&transaction, &actor(), "tenant.plan", &args.slug, &told).await?;
    let tenant = tenants::own(&transaction).await?;
    transaction.commit().await?;
    form.rows(&COLUMNS, &[json!(tenant)])
}

async fn cap(pool: &Pool, form: Form, args: &Cap) -> Result<(), Failure> {
    let transaction = pool.tenant(super::tenant(pool, &args.slug).await?).await?;
    settings::cap(&transaction, args.messages, args.days).await?;
    let told = json!({"messages": args.messages, "days": args.days});
    audit::record(&transaction, &actor(), "tenant.cap", &args.slug, &told).await?;
    transaction.commit().await?;
    let text = match args.messages {
        0 => format!("people get as many campaign messages of {} as there are", args.slug),
        n => format!("nobody gets more than {n} campaign messages of {} within {} days; the others are suppressed", args.slug, args.days),
    };
    form.one(&json!({"slug": args.slug, "messages": args.messages, "days": args.days}), &text)
}

async fn suspend(pool: &Pool, form: Form, slug: &str, suspended: bool) -> Result<(), Failure> {
    let id = super::tenant(pool, slug).await?;
    let transaction = pool.tenant(id).await?;
    settings::suspend(&transaction, suspended).await?;
    let action = if suspended { "tenant.suspend" } else { "tenant.resume" };
    audit::record(&transaction, &actor(), action, slug, &json!({})).await?;
    let tenant = tenants::own(&transaction).await?;
    transaction.commit().await?;
    form.rows(&COLUMNS, &[json!(tenant)])
}
