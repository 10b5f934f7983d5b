//! `sluice campaign status`.

use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};
use sluice_connectors::postgres::Pool;
use sluice_connectors::postgres::campaigns::{self, Campaign, Funnel};
use sluice_schemas::record::SendState;

use super::super::output::Form;
use super::Which;
use crate::exit::Failure;

const OFTEN: Duration = Duration::from_secs(1);

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Print every change until the campaign is over or Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Prints where the audience stands.
pub async fn run(pool: &Pool, form: Form, args: &Args) -> Result<(), Failure> {
    let mut stop = std::pin::pin!(crate::run::signal());
    let mut last = None;
    loop {
        let transaction = args.which.open(pool).await?;
        let campaign = campaigns::get(&transaction, args.which.campaign).await?;
        let funnel = campaigns::funnel(&transaction, args.which.campaign).await?;
        transaction.commit().await?;
        let now = shown(&campaign, &funnel);
        if last.as_ref() != Some(&now) {
            form.one(&now, &text(&campaign, &funnel))?;
        }
        if !funnel.balanced() {
            return Err(anyhow!("the states do not add up to the audience of {}; `sluice audit` finds the rows", funnel.audience).into());
        }
        if !args.watch || ["completed", "cancelled"].contains(&campaign.state.as_str()) {
            return Ok(());
        }
        last = Some(now);
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = tokio::time::sleep(OFTEN) => {}
        }
    }
}

fn shown(campaign: &Campaign, funnel: &Funnel) -> Value {
    json!({
        "id": campaign.id, "name": campaign.name, "state": campaign.state, "pause_reason": campaign.pause_reason, "epoch": campaign.epoch,
        "audience": funnel.audience, "pending": funnel.pending, "states": funnel.states, "accepted_by_meta": funnel.accepted(),
        "failures": funnel.failures, "answers": funnel.answers, "adds_up": funnel.balanced(),
    })
}

/// `Spring  running  1000 = 200 pending + 50 planned + 750 delivered`, the states in the order of a message's life.
fn text(campaign: &Campaign, funnel: &Funnel) -> String {
    let mut parts = Vec::new();
    if funnel.pending != 0 || funnel.states.is_empty() {
        parts.push(format!("{} pending", funnel.pending));
    }
    parts.extend(
        SendState::ALL
            .iter()
            .map(|state| (funnel.count(state.name()), state.name()))
            .filter(|(n, _)| *n != 0)
            .map(|(n, state)| format!("{n} {state}")),
    );
    let equals = if funnel.balanced() { "=" } else { "is not" };
    let reason = campaign.pause_reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let answered: i64 = funnel.answers.values().sum();
    let answers = if answered > 0 { format!(", {answered} answered") } else { String::new() };
    format!("{}  {}{reason}  {} {equals} {}{answers}", campaign.name, campaign.state, funnel.audience, parts.join(" + "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(state: &str, reason: Option<&str>) -> Campaign {
        Campaign {
            id: sluice_schemas::ids::CampaignId::default(),
            name: "Spring".into(),
            channel: "whatsapp".into(),
            account: "1".into(),
            template_name: "offer".into(),
            template_language: "en_US".into(),
            mapping: campaigns::Mapping::default(),
            state: state.into(),
            pause_reason: reason.map(str::to_owned),
            epoch: 1,
            version: 1,
            throttle: 0,
            failure_limit: 20,
            window: None,
            segment: None,
            retry_of: None,
            approved_by: None,
            awaits_approval: false,
            audience: 10,
            refused: 0,
            duplicates: 0,
            created_by: "cli".into(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            starts_at: None,
            started_at: None,
            finished_at: None,
        }
    }

    #[test]
    fn the_funnel_is_a_sum_that_a_reader_can_check() {
        let states = [("read", 2), ("planned", 3), ("failed", 1)].map(|(state, n)| (state.to_owned(), n)).into();
        let mut funnel = Funnel { audience: 10, pending: 4, states, failures: [(131_026, 1)].into(), answers: [("Yes".into(), 2)].into() };
        assert_eq!(
            text(&campaign("running", None), &funnel),
            "Spring  running  10 = 4 pending + 3 planned + 1 failed + 2 read, 2 answered"
        );
        assert_eq!(shown(&campaign("running", None), &funnel)["accepted_by_meta"], 2);
        funnel.pending = 3;
        let line = text(&campaign("paused", Some("wrong price")), &funnel);
        assert_eq!(line, "Spring  paused (wrong price)  10 is not 3 pending + 3 planned + 1 failed + 2 read, 2 answered");
    }

    #[test]
    fn an_empty_audience_adds_up_too() {
        assert_eq!(text(&campaign("draft", None), &Funnel::default()), "Spring  draft  0 = 0 pending");
    }
}
