//! `sluice replay redrive`.

use anyhow::anyhow;
use jiff::Timestamp;
use sluice_connectors::letters::{Command, Filter, Source};

use super::super::letters::{self, Act};
use super::super::output::Form;
use super::super::tap::which;
use crate::config::Config;
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    form: Form,
    /// Whose records: slug or identifier
    #[arg(long)]
    tenant: String,
    /// Records that failed at this time or later (RFC 3339) [default: all that are still there]
    #[arg(long)]
    from: Option<Timestamp>,
    /// Records that failed before this time (RFC 3339) [default: now]
    #[arg(long)]
    to: Option<Timestamp>,
    /// Only this stage's; `ingress` is what no number claimed
    #[arg(long)]
    stage: Option<String>,
    /// Only this kind of error
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    act: Act,
    /// Answer messages too whose conversation has moved on since
    #[arg(long)]
    answer_late: bool,
}

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && to <= from
    {
        return Err(Failure::data(anyhow!("--to: must be later than --from, {from}")));
    }
    let filter = Filter {
        tenant: Some(which(config, &args.tenant).await?),
        stage: args.stage,
        kind: args.kind,
        from_ms: args.from.map(Timestamp::as_millisecond),
        to_ms: args.to.map(Timestamp::as_millisecond),
        ..Filter::default()
    };
    let command = Command::Redrive { answer_late: args.answer_late };
    letters::act(config, args.form, &args.act, &[Source::Letters, Source::Unrouted], &filter, command).await
}
