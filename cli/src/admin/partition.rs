//! `sluice partition`.

use std::time::Duration;

use anyhow::anyhow;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_connectors::registry;
use sluice_pipeline::topology::CHAINS;
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::Config as Edit;
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, CONFIG};

use super::output::Form;
use super::{actor, input};
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
    /// Lets a partition go on that stands still: its next records are tried, and it stops again should they fail
    #[command(after_help = "Example: sluice partition resume --chain intake --partition 3 --reason 'the schema is registered'")]
    Resume {
        /// Which chain
        #[arg(long, value_parser = PossibleValuesParser::new(CHAINS.iter().map(|chain| chain.name)))]
        chain: String,
        /// Which partition
        #[arg(long)]
        partition: i32,
        /// Why, for the record
        #[arg(long, value_parser = input::filled)]
        reason: String,
    },
}

/// How long the broker may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let Verb::Resume { chain, partition, reason } = &args.verb;
    if !(0..config.kafka.partitions).contains(partition) {
        let error = anyhow!("--partition: {partition} is none of the {} partitions, 0 and on", config.kafka.partitions);
        return Err(Failure { code: DATA, error });
    }
    let now = Millis::now().0;
    // It is nobody's configuration, so it has no row in Postgres: the record is the decision.
    let edit = Edit {
        tenant: TenantId::UNKNOWN,
        kind: "resume".into(),
        name: chain.clone(),
        version: now,
        value: Some(json!({"by": actor(), "reason": reason}).to_string()),
        at_ms: now,
    };
    let codecs = registry::load(&config.registry()).await?;
    let payload = codecs.of().encode(&edit).map_err(anyhow::Error::from)?;
    let key = topics::key(edit.tenant, &format_args!("resume/{chain}")).into_bytes();
    let out = Out { topic: CONFIG, partition: *partition, key, payload: Some(payload), headers: Vec::new() };
    Producer::new(&config.kafka, PATIENCE)?.send_all(vec![out]).await?;
    let text = format!("the word is recorded; {chain} goes on with partition {partition} at once, if it stands still");
    args.form.one(&json!({"chain": chain, "partition": partition, "status": "recorded"}), &text)
}
