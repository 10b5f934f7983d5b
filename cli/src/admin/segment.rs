//! `sluice segment`.

use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::postgres::{Pool, audit, contacts};

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
    /// Writes a segment, new or in place of the one of that name, and says how many belong to it
    #[command(after_help = "Example: sluice segment save --tenant acme --name 'VIP north' --where 'tag = vip and city = Recife, Natal'")]
    Save {
        #[command(flatten)]
        which: Which,
        /// Who belongs to it: `tag = vip and not campaign = <id>`, `city = "São Paulo", Recife or age >= 30`, `consent`, `phone = 55*`
        #[arg(long = "where", value_name = "EXPRESSION")]
        expression: String,
    },
    /// Lists segments with how many belong to them now
    #[command(after_help = "Example: sluice segment list --tenant acme")]
    List {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
    /// Forgets a segment; its contacts stay
    #[command(after_help = "Example: sluice segment drop --tenant acme --name 'VIP north'")]
    Drop(Which),
}

#[derive(clap::Args)]
struct Which {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Its name
    #[arg(long, value_parser = input::filled)]
    name: String,
}

const COLUMNS: [&str; 3] = ["name", "contacts", "expression"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let pool = connect(config).await?;
    match args.verb {
        Verb::Save { which, expression } => save(&pool, args.form, &which, &expression).await,
        Verb::List { tenant: slug } => list(&pool, args.form, &slug).await,
        Verb::Drop(which) => {
            let transaction = pool.tenant(tenant(&pool, &which.tenant).await?).await?;
            contacts::drop_segment(&transaction, &which.name).await?;
            audit::record(&transaction, &actor(), "segment.drop", &which.name, &json!({})).await?;
            transaction.commit().await?;
            args.form.one(&json!({"name": which.name, "dropped": true}), &format!("{} is forgotten", which.name))
        }
    }
}

async fn save(pool: &Pool, form: Form, which: &Which, expression: &str) -> Result<(), Failure> {
    let read = contacts::parse("--where", expression)?;
    let transaction = pool.tenant(tenant(pool, &which.tenant).await?).await?;
    contacts::save_segment(&transaction, &which.name, expression, &actor()).await?;
    audit::record(&transaction, &actor(), "segment.save", &which.name, &json!({"expression": expression})).await?;
    let n = contacts::count(&transaction, Some(&read)).await?;
    transaction.commit().await?;
    form.rows(&COLUMNS, &[json!({"name": which.name, "contacts": n, "expression": expression})])
}

async fn list(pool: &Pool, form: Form, slug: &str) -> Result<(), Failure> {
    let transaction = pool.tenant(tenant(pool, slug).await?).await?;
    let mut rows: Vec<Value> = Vec::new();
    for segment in contacts::segments(&transaction).await? {
        let read = contacts::parse("segment", &segment.expression)?;
        let n = contacts::count(&transaction, Some(&read)).await?;
        rows.push(json!({"name": segment.name, "contacts": n, "expression": segment.expression}));
    }
    transaction.commit().await?;
    form.rows(&COLUMNS, &rows)
}
