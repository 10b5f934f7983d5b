//! `sluice campaign start|pause|resume|cancel|approve`.

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::json;
use sluice_connectors::postgres::campaigns::{self, Action};
use sluice_connectors::postgres::{self, Pool, audit};

use super::super::actor;
use super::super::output::{Form, notice};
use super::Which;
use super::create::print;
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Start {
    #[command(flatten)]
    which: Which,
    /// When to start, RFC 3339; now when left out
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

/// Arguments.
#[derive(clap::Args)]
pub struct Pause {
    #[command(flatten)]
    which: Which,
    /// Why, for those who find it paused
    #[arg(long, default_value = "from the command line")]
    reason: String,
}

/// Starts it, or sets the time at which it starts.
pub async fn start(pool: &Pool, form: Form, args: &Start) -> Result<(), Failure> {
    let Some(at) = args.at else { return apply(pool, form, &args.which, &Action::Start, "start", "running").await };
    if at <= Timestamp::now() {
        return Err(Failure::data(anyhow!("--at: {at} has passed; leave it out to start now")));
    }
    let transaction = args.which.open(pool).await?;
    let campaign = campaigns::schedule(&transaction, args.which.campaign, at).await?;
    let detail = json!({"at": at.to_string()});
    audit::record(&transaction, &actor(), "campaign.schedule", &args.which.campaign.to_string(), &detail).await?;
    transaction.commit().await?;
    print(form, &campaign)
}

/// Pauses it.
pub async fn pause(pool: &Pool, form: Form, args: &Pause) -> Result<(), Failure> {
    apply(pool, form, &args.which, &Action::Pause(args.reason.clone()), "pause", "paused").await
}

/// Resumes it.
pub async fn resume(pool: &Pool, form: Form, which: &Which) -> Result<(), Failure> {
    apply(pool, form, which, &Action::Resume, "resume", "running").await
}

/// Cancels it.
pub async fn cancel(pool: &Pool, form: Form, which: &Which) -> Result<(), Failure> {
    apply(pool, form, which, &Action::Cancel, "cancel", "cancelled").await
}

/// Approves it, in the name of whoever runs the command.
pub async fn approve(pool: &Pool, form: Form, which: &Which) -> Result<(), Failure> {
    let transaction = which.open(pool).await?;
    let campaign = campaigns::approve(&transaction, which.campaign, &actor(), Timestamp::now()).await?;
    audit::record(&transaction, &actor(), "campaign.approve", &which.campaign.to_string(), &json!({})).await?;
    transaction.commit().await?;
    print(form, &campaign)
}

/// Already in the state that is wanted is success without a new epoch: a script may be repeated.
async fn apply(pool: &Pool, form: Form, which: &Which, action: &Action, verb: &str, target: &str) -> Result<(), Failure> {
    let transaction = which.open(pool).await?;
    let campaign = match campaigns::control(&transaction, which.campaign, action, Timestamp::now()).await {
        Ok(campaign) => {
            audit::record(&transaction, &actor(), &format!("campaign.{verb}"), &which.campaign.to_string(), &json!({})).await?;
            campaign
        }
        Err(postgres::Error::State { state, .. }) if state == target => {
            notice(&format!("the campaign is {target} already; nothing is changed"));
            campaigns::get(&transaction, which.campaign).await?
        }
        Err(error) => return Err(error.into()),
    };
    transaction.commit().await?;
    print(form, &campaign)
}
