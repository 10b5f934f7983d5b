//! `sluice keys`.

use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::postgres::{audit, keys, tenants};

use super::output::Form;
use super::{actor, connect};
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
    /// Wraps every tenant's data key by `secrets.current`, so that older keys can leave the configuration; everything goes on meanwhile
    #[command(after_help = "Example: sluice keys rotate --data-keys")]
    Rotate {
        /// Give each tenant a new data key too, and seal its secrets anew
        #[arg(long)]
        data_keys: bool,
    },
}

const COLUMNS: [&str; 3] = ["slug", "wrapped", "sealed"];

/// Runs the verb. Each tenant is done whole or not at all; a repeat goes on with those that are left.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let Verb::Rotate { data_keys } = args.verb;
    let (pool, ring) = (connect(config).await?, config.keyring()?);
    let mut rows: Vec<Value> = Vec::new();
    for tenant in tenants::all(&pool).await? {
        let transaction = pool.tenant(tenant.id).await?;
        let done = keys::rotate(&transaction, &ring, data_keys).await?;
        if done.wrapped + done.sealed > 0 {
            audit::record(&transaction, &actor(), "keys.rotate", &tenant.slug, &json!(done)).await?;
        }
        transaction.commit().await?;
        rows.push(json!({"slug": tenant.slug, "wrapped": done.wrapped, "sealed": done.sealed}));
    }
    args.form.rows(&COLUMNS, &rows)
}
