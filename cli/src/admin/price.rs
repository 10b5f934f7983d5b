//! `sluice price`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::postgres::{audit, config as settings};
use sluice_pipeline::domain::quote::Catalog;

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
    /// Checks a catalog and makes it the one that rules; older ones are kept
    #[command(after_help = "Example: sluice price import --tenant acme catalog.json")]
    Import {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
        /// JSON; `-` is standard input
        file: PathBuf,
    },
    /// Shows the catalog that rules, in the form that `import` takes
    #[command(after_help = "Example: sluice price show --tenant acme > catalog.json")]
    Show {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
}

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    match &args.verb {
        Verb::Import { tenant: slug, file } => {
            let value = read(file, "the catalog was not imported")?;
            import(config, args.form, slug, &value).await
        }
        Verb::Show { tenant: slug } => show(config, args.form, slug).await,
    }
}

/// The catalog in a file; what is wrong with it is said field by field, and `consequence` at the end.
pub fn read(file: &Path, consequence: &str) -> Result<Value, Failure> {
    let value: Value = input::json(file, &input::read(file)?)?;
    if let Err(faults) = check(&value) {
        for fault in &faults {
            notice(&format!("{}: {fault}", file.display()));
        }
        return Err(Failure::data(anyhow!("{consequence}; faults: {}", faults.len())));
    }
    Ok(value)
}

/// What is wrong with a catalog, field by field.
pub fn check(value: &Value) -> Result<(), Vec<String>> {
    let catalog: Catalog = serde_json::from_value(value.clone()).map_err(|e| vec![e.to_string()])?;
    catalog.validate().map_err(|problems| problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect())
}

async fn import(config: &Config, form: Form, slug: &str, value: &Value) -> Result<(), Failure> {
    let pool = connect(config).await?;
    let transaction = pool.tenant(tenant(&pool, slug).await?).await?;
    let items = value["items"].as_array().map_or(0, Vec::len);
    // The same catalog again is no new version: a set-up that is repeated leaves no trail of equal ones.
    let (version, changed) = match settings::catalog(&transaction).await? {
        Some((version, old)) if old == *value => (version, false),
        _ => (settings::put_catalog(&transaction, value).await?, true),
    };
    if changed {
        audit::record(&transaction, &actor(), "price.import", &version.to_string(), &json!({"items": items})).await?;
    }
    transaction.commit().await?;
    let word = if changed { "rules now" } else { "ruled already; nothing is changed" };
    form.one(&json!({"version": version, "items": items, "changed": changed}), &format!("version {version} with {items} items {word}"))
}

async fn show(config: &Config, form: Form, slug: &str) -> Result<(), Failure> {
    let pool = connect(config).await?;
    let transaction = pool.tenant(tenant(&pool, slug).await?).await?;
    let found = settings::catalog(&transaction).await?;
    transaction.commit().await?;
    let Some((version, catalog)) = found else {
        return Err(anyhow!("tenant {slug} has no catalog yet; `sluice price import` adds one").into());
    };
    form.one(&json!({"version": version, "catalog": catalog}), &serde_json::to_string_pretty(&catalog)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_catalog_is_named_by_its_field() {
        let mut value: Value = serde_json::from_str(include_str!("../../../deploy/demo/catalog.json")).expect("JSON");
        assert_eq!(check(&value), Ok(()));
        value["currency"] = json!("real");
        value["items"][0]["price"] = json!("-1");
        let faults = check(&value).expect_err("faults");
        assert!(faults.iter().any(|fault| fault.starts_with("currency: ")), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.starts_with("items[0].price: ")), "{faults:?}");
        assert!(check(&json!({"currency": "BRL"})).expect_err("faults")[0].contains("missing field"));
    }
}
