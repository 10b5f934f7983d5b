//! `sluice template`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::manage::Draft;
use sluice_connectors::meta::Client;
use sluice_connectors::postgres::config::{self as settings, Template};
use sluice_connectors::postgres::{audit, numbers};
use sluice_pipeline::effects::accounts::{self, Accounts};

use super::output::{Form, notice};
use super::way::{Way, failed};
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
    /// Imports templates as Meta lists them; one that cannot be read is named and the others go on
    #[command(
        after_help = "Example: sluice template import --tenant acme --waba 102290129340398 templates.json\nThe file is the answer of GET /<waba>/message_templates, or one template, or an array of them."
    )]
    Import(Import),
    /// Reads templates and numbers at Meta now; the role `accounts` does it every hour and whenever Meta tells of a change
    #[command(after_help = "Example: sluice template sync --tenant acme")]
    Sync {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
    /// Makes a template at Meta, which looks at it first
    #[command(
        after_help = "Example: sluice template create --tenant acme draft.json\nThe file: {\"name\": \"spring_sale\", \"language\": \"en_US\", \"category\": \"MARKETING\", \"body\": {\"text\": \"Hello {{1}}, it is spring.\", \"examples\": [\"Ana\"]}, \"footer\": \"Reply STOP to end\", \"buttons\": [{\"type\": \"quick_reply\", \"text\": \"Yes\"}]}"
    )]
    Create(Written),
    /// Gives a template other words; Meta looks at it again, and what uses it waits meanwhile
    #[command(after_help = "Example: sluice template edit --tenant acme draft.json")]
    Edit(Written),
    /// Deletes a template at Meta, in one language or in all
    #[command(after_help = "Example: sluice template delete --tenant acme --name spring_sale --language en_US")]
    Delete {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
        /// WhatsApp Business account; may be left out where there is only one
        #[arg(long, value_parser = input::digits)]
        waba: Option<String>,
        /// Its name
        #[arg(long)]
        name: String,
        /// One language; all of them when left out
        #[arg(long)]
        language: Option<String>,
    },
    /// Lists a tenant's templates
    #[command(after_help = "Example: sluice template list --tenant acme --json | jq .components")]
    List {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
}

#[derive(clap::Args)]
struct Import {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// WhatsApp Business account that owns them
    #[arg(long, value_parser = input::digits)]
    waba: String,
    /// JSON; `-` is standard input
    file: PathBuf,
}

#[derive(clap::Args)]
struct Written {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// WhatsApp Business account; may be left out where there is only one
    #[arg(long, value_parser = input::digits)]
    waba: Option<String>,
    /// JSON; `-` is standard input
    file: PathBuf,
}

const COLUMNS: [&str; 6] = ["waba_id", "name", "language", "category", "status", "quality"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    match args.verb {
        Verb::Import(import) => put(config, args.form, &import).await,
        Verb::Create(written) => write(config, args.form, &written, false).await,
        Verb::Edit(written) => write(config, args.form, &written, true).await,
        Verb::Delete { tenant: slug, waba, name, language } => {
            let at = Way::open(config, &slug).await?;
            let languages = at.desk(&actor()).delete_template(waba.as_deref(), &name, language.as_deref()).await.map_err(failed)?;
            args.form.one(&json!({"name": name, "languages": languages}), &format!("{name} is deleted in {languages} languages"))
        }
        Verb::Sync { tenant: slug } => sync(config, args.form, &slug).await,
        Verb::List { tenant: slug } => {
            let pool = connect(config).await?;
            let transaction = pool.tenant(tenant(&pool, &slug).await?).await?;
            let rows: Vec<Value> = settings::templates(&transaction).await?.iter().map(|template| json!(template)).collect();
            transaction.commit().await?;
            args.form.rows(&COLUMNS, &rows)
        }
    }
}

async fn write(config: &Config, form: Form, written: &Written, edit: bool) -> Result<(), Failure> {
    let draft: Draft = input::json(&written.file, &input::read(&written.file)?)?;
    let (at, by) = (Way::open(config, &written.tenant).await?, actor());
    let (desk, waba) = (at.desk(&by), written.waba.as_deref());
    let made = if edit { desk.edit_template(waba, &draft).await } else { desk.create_template(waba, &draft).await };
    form.rows(&COLUMNS, &[json!(made.map_err(failed)?)])
}

async fn sync(config: &Config, form: Form, slug: &str) -> Result<(), Failure> {
    let pool = connect(config).await?;
    let tenant = tenant(&pool, slug).await?;
    let accounts = Accounts::new(pool, Client::new(&config.meta)?, config.keyring()?);
    let (mut rows, mut failed) = (Vec::new(), 0);
    for account in accounts.all().await?.into_iter().filter(|account| account.0 == tenant) {
        match accounts.read(&account).await {
            Ok(report) => {
                let mut row = json!(report);
                row["waba_id"] = json!(account.1);
                rows.push(row);
            }
            Err(error) => {
                failed += 1;
                notice(&format!("{}: {error}", account.1));
            }
        }
    }
    form.rows(&["waba_id", "templates", "changed", "gone", "numbers"], &rows)?;
    if failed > 0 {
        return Err(anyhow!("{failed} business accounts could not be read; what Meta said before stays").into());
    }
    Ok(())
}

async fn put(config: &Config, form: Form, import: &Import) -> Result<(), Failure> {
    let (templates, faults) = read(&import.waba, &input::json(&import.file, &input::read(&import.file)?)?);
    for fault in &faults {
        notice(&format!("{}: {fault}", import.file.display()));
    }
    let pool = connect(config).await?;
    let transaction = pool.tenant(tenant(&pool, &import.tenant).await?).await?;
    if !numbers::list(&transaction).await?.iter().any(|number| number.waba_id.as_deref() == Some(&import.waba)) {
        notice(&format!("--waba: no number of {} belongs to {} yet; its templates can be sent once one does", import.tenant, import.waba));
    }
    for template in &templates {
        settings::put_template(&transaction, template).await?;
        audit::record(&transaction, &actor(), "template.put", &template.name, &json!({"language": template.language})).await?;
    }
    transaction.commit().await?;
    form.rows(&COLUMNS, &templates.iter().map(|template| json!(template)).collect::<Vec<_>>())?;
    if faults.is_empty() {
        return Ok(());
    }
    Err(Failure::data(anyhow!("{} of {} templates were not imported", faults.len(), faults.len() + templates.len())))
}

/// The templates that can be used, and what is wrong with each other one.
fn read(waba: &str, file: &Value) -> (Vec<Template>, Vec<String>) {
    let (prefix, list) = match file {
        Value::Array(list) => ("", list.as_slice()),
        Value::Object(object) if object.get("data").is_some_and(Value::is_array) => {
            ("data", file["data"].as_array().map(Vec::as_slice).unwrap_or_default())
        }
        one => ("", std::slice::from_ref(one)),
    };
    let (mut templates, mut faults) = (Vec::new(), Vec::new());
    for (index, value) in list.iter().enumerate() {
        match accounts::template(waba, value) {
            Ok(template) => templates.push(template),
            Err(fault) => faults.push(format!("{prefix}[{index}].{fault}")),
        }
    }
    (templates, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Value {
        json!({"id": "1", "name": "offer", "language": "en_US", "category": "MARKETING", "status": "approved",
               "components": [{"type": "BODY", "text": "Hello {{1}}"}]})
    }

    #[test]
    fn a_list_an_array_and_one_template_are_all_read() {
        for file in [json!({"data": [template()], "paging": {}}), json!([template()]), template()] {
            let (templates, faults) = read("1", &file);
            assert!(faults.is_empty(), "{faults:?}");
            assert_eq!((templates.len(), templates[0].status.as_str()), (1, "APPROVED"));
        }
    }

    #[test]
    fn a_bad_template_is_named_by_field_and_the_others_go_on() {
        let mut nameless = template();
        nameless["name"] = Value::Null;
        let mut bare = template();
        bare["components"] = json!([{}]);
        let (templates, faults) = read("1", &json!({"data": [nameless, template(), bare, 7]}));
        assert_eq!(templates.len(), 1);
        assert!(faults[0].starts_with("data[0].name: "), "{faults:?}");
        assert!(faults[1].starts_with("data[2].components[0].type: "), "{faults:?}");
        assert!(faults[2].starts_with("data[3].components: "), "{faults:?}");
    }
}
