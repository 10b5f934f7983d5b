//! `sluice media`.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use serde_json::json;
use sluice_connectors::media::{self, Store, Upload};
use sluice_connectors::meta::Client;

use super::output::Form;
use super::{actor, connect, input, tenant};
use crate::config::Config;
use crate::exit::{DATA, Failure};

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
    /// Gives a file to Meta, for messages that name it by its id; the same file gives the same id until Meta forgets it
    #[command(after_help = "Example: sluice media upload --tenant acme --account 15550100001 offer.pdf")]
    Upload {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
        /// Phone number id of the WhatsApp number that will send it
        #[arg(long, value_parser = input::digits)]
        account: String,
        /// MIME type; by the name's ending when left out
        #[arg(long = "type")]
        mime: Option<String>,
        /// The file
        file: PathBuf,
    },
}

const COLUMNS: [&str; 5] = ["id", "type", "bytes", "expires_at", "reused"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let Verb::Upload { tenant: slug, account, mime, file } = args.verb;
    let name = file.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy().into_owned());
    let mime = mime.or_else(|| mime_guess::from_path(&file).first_raw().map(str::to_owned));
    let mime = mime.ok_or_else(|| Failure {
        code: DATA,
        error: anyhow!("{name}: its ending tells no type; give --type, as in --type application/pdf"),
    })?;
    let opened = tokio::fs::File::open(&file).await.with_context(|| format!("{}", file.display()))?;
    let pool = connect(config).await?;
    let upload = Upload { tenant: tenant(&pool, &slug).await?, account: &account, mime: &mime, name: &name, by: &actor() };
    let store = Store::open(&config.media).map_err(|e| anyhow!("media.store: {e}"))?;
    let (keys, client) = (config.keyring()?, Client::new(&config.meta)?);
    let pieces = tokio_util::io::ReaderStream::with_capacity(opened, 256 << 10);
    let uploaded = media::upload((&pool, &keys), (&client, &store), &upload, pieces).await.map_err(|e| match e {
        media::UploadError::Field(field, why) => Failure { code: DATA, error: anyhow!("{name}: {field} {why}") },
        other => anyhow!("{name}: {other}").into(),
    })?;
    args.form.rows(&COLUMNS, &[json!(uploaded)])
}
