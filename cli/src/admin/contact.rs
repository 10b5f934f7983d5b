//! `sluice contact`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::postgres::campaigns::Import;
use sluice_connectors::postgres::contacts::{self, Wanted};
use sluice_connectors::postgres::{Pool, audit};
use uuid::Uuid;

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
    /// Reads contacts from a CSV file: bad lines are named and the good ones go on
    #[command(
        after_help = "Example: sluice contact import --tenant acme --csv people.csv --country BR --tag newsletter --consent 'sign-up form'"
    )]
    Import(ImportArgs),
    /// Shows contacts, all of them or those that an expression takes
    #[command(after_help = "Example: sluice contact list --tenant acme --where 'tag = vip and not city = Recife' --limit 20")]
    List(List),
    /// Shows imports, newest first
    #[command(after_help = "Example: sluice contact imports --tenant acme")]
    Imports {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
    /// Takes an import back, up to 30 days later: what it added goes, what it changed is as before
    #[command(after_help = "Example: sluice contact undo --tenant acme 0198c0de-0000-7000-8000-000000000001")]
    Undo {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
        /// Identifier of the import, as `import` and `imports` print it
        import: Uuid,
    },
}

#[derive(clap::Args)]
struct ImportArgs {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// The file, with a header line; `-` is standard input. Its columns become attributes, `tags` holds tags
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Column of the telephone numbers, when its header is not an obvious one
    #[arg(long, value_name = "COLUMN")]
    phone: Option<String>,
    /// Country of numbers without an international prefix; without it such lines are refused
    #[arg(long, value_parser = input::country)]
    country: Option<String>,
    /// A tag for all of them; may be repeated
    #[arg(long = "tag", value_parser = input::filled)]
    tags: Vec<String>,
    /// Where they agreed to be written to
    #[arg(long, value_parser = input::filled)]
    consent: Option<String>,
    /// Where to write the refused lines as CSV: line, reason, content
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
}

#[derive(clap::Args)]
struct List {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Which: `tag = vip and city = "São Paulo", Recife or age >= 30`
    #[arg(long = "where", value_name = "EXPRESSION")]
    which: Option<String>,
    /// How many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

const CONTACT: [&str; 4] = ["phone", "attributes", "tags", "consent"];
const IMPORT: [&str; 7] = ["id", "file", "added", "changed", "duplicates", "refused", "undone_at"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let pool = connect(config).await?;
    match args.verb {
        Verb::Import(wanted) => import(&pool, args.form, wanted).await,
        Verb::List(which) => list(&pool, args.form, &which).await,
        Verb::Imports { tenant: slug } => {
            let transaction = pool.tenant(tenant(&pool, &slug).await?).await?;
            let rows: Vec<Value> = contacts::imports(&transaction, None, 1_000).await?.iter().map(|row| json!(row)).collect();
            args.form.rows(&IMPORT, &rows)
        }
        Verb::Undo { tenant: slug, import } => {
            let transaction = pool.tenant(tenant(&pool, &slug).await?).await?;
            let kept = contacts::undo(&transaction, import).await?;
            audit::record(&transaction, &actor(), "contact.undo", &import.to_string(), &json!({"kept": kept})).await?;
            transaction.commit().await?;
            args.form.one(&json!({"id": import, "kept": kept}), &format!("undone; {kept} contacts that changed since are kept as they are"))
        }
    }
}

async fn import(pool: &Pool, form: Form, args: ImportArgs) -> Result<(), Failure> {
    let id = tenant(pool, &args.tenant).await?;
    let wanted = Wanted {
        file: args.csv.file_name().map_or_else(|| "-".into(), |name| name.to_string_lossy().into_owned()),
        import: Import { country: args.country, recipient_column: args.phone },
        tags: args.tags,
        consent: args.consent,
        by: actor(),
    };
    let (imported, refusals) = contacts::import(pool, id, &wanted, input::file(&args.csv)?).await?;
    super::refusals::tell(args.refused.as_deref(), &refusals, imported.refused)?;
    notice(&format!("`sluice contact undo --tenant {} {}` takes it back", args.tenant, imported.id));
    form.rows(&IMPORT, &[json!(imported)])
}

async fn list(pool: &Pool, form: Form, args: &List) -> Result<(), Failure> {
    let which = args.which.as_deref().map(|text| contacts::parse("--where", text)).transpose()?;
    let transaction = pool.tenant(tenant(pool, &args.tenant).await?).await?;
    let rows = contacts::list(&transaction, which.as_ref(), "", args.limit).await?;
    let all = contacts::count(&transaction, which.as_ref()).await?;
    transaction.commit().await?;
    form.rows(&CONTACT, &rows.iter().map(|row| json!(row)).collect::<Vec<_>>())?;
    if all > rows.len() as i64 {
        notice(&format!("the first {} of {all}", rows.len()));
    }
    Ok(())
}
