//! `sluice rates`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::postgres::{audit, rates};

use super::output::{Form, notice};
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
    /// Takes what messages cost from a CSV file, in place of what was known: country, category, price, currency
    #[command(after_help = "Example: sluice rates import --tenant acme rates.csv")]
    Import {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
        /// `BR,MARKETING,0.0625,USD`; country `*` is every other one; `-` is standard input
        file: PathBuf,
    },
    /// Shows what messages cost
    #[command(after_help = "Example: sluice rates list --tenant acme")]
    List {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
}

const COLUMNS: [&str; 4] = ["country", "category", "price", "currency"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let pool = connect(config).await?;
    match args.verb {
        Verb::Import { tenant: slug, file } => {
            let read = rates::read(input::file(&file)?)?;
            let transaction = pool.tenant(tenant(&pool, &slug).await?).await?;
            rates::replace(&transaction, &read).await?;
            audit::record(&transaction, &actor(), "rates.import", &slug, &json!({"prices": read.len()})).await?;
            transaction.commit().await?;
            notice(&format!("{} prices", read.len()));
            Ok(())
        }
        Verb::List { tenant: slug } => {
            let transaction = pool.tenant(tenant(&pool, &slug).await?).await?;
            let rows: Vec<Value> = rates::list(&transaction).await?.iter().map(|rate| json!(rate)).collect();
            transaction.commit().await?;
            args.form.rows(&COLUMNS, &rows)
        }
    }
}
