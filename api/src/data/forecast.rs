//! How a campaign would go, tried on the ledger's own schedule.

use jiff::Timestamp;
use sluice_connectors::postgres::campaigns::{self, Outlook};
use sluice_connectors::postgres::rates;
use sluice_schemas::ids::CampaignId;
use uuid::Uuid;

use crate::auth::{Actor, Role};
use crate::view::{Cost, Forecast, PassedOver, Point};
use crate::{Error, State};

/// Until Meta answers, milliseconds: what is usual.
const ANSWER_MS: i64 = 500;

/// When it would start, and by when it should be over.
#[derive(Debug, Clone, Copy, Default)]
pub struct When {
    /// The time it is scheduled for, or now, when left out.
    pub at: Option<Timestamp>,
    /// Asked for or not.
    pub finish_by: Option<Timestamp>,
}

/// Plays the campaign. It reads the whole audience: about a second for 100,000.
pub async fn forecast(app: &State, actor: &Actor, id: Uuid, when: When) -> Result<Forecast, Error> {
    actor.require(Role::Admin, "try campaigns")?;
    let transaction = app.pool.tenant(actor.tenant).await?;
    let outlook = campaigns::outlook(&transaction, CampaignId(id)).await?;
    transaction.commit().await?;
    let start = outlook.start(when.at, Timestamp::now());
    let (plan, play) = (outlook.plan(start, ANSWER_MS), app.forecast);
    let played = tokio::task::spawn_blocking(move || play(&plan)).await.map_err(|e| Error::Internal(e.to_string()))?;
    let finish = Timestamp::from_millisecond(played.finish.0).map_err(|e| Error::Internal(e.to_string()))?;
    let point = |(at, sent): &(sluice_schemas::time::Millis, i64)| {
        Some(Point { at: Timestamp::from_millisecond(at.0).ok()?.to_string(), sent: *sent })
    };
    Ok(Forecast {
        recipients: outlook.left,
        messages: outlook.messages(),
        passed_over: passed_over(&outlook),
        starts_at: start.to_string(),
        finishes_at: finish.to_string(),
        seconds: finish.as_second() - start.as_second(),
        late_by_seconds: when.finish_by.map(|by| (finish.as_second() - by.as_second()).max(0)),
        messages_per_second: outlook.rate,
        sums: rates::sums(&outlook.costs).iter().map(|(currency, sum)| format!("{sum} {currency}")).collect(),
        remarks: remarks(&outlook),
        costs: outlook.costs.into_iter().map(cost).collect(),
        curve: played.curve.iter().filter_map(point).collect(),
    })
}

fn cost(cost: rates::Cost) -> Cost {
    Cost { country: cost.country, messages: cost.messages, amount: cost.amount.map(|amount| amount.to_string()), currency: cost.currency }
}

fn passed_over(outlook: &Outlook) -> Vec<PassedOver> {
    let out = &outlook.passed_over;
    let opted = (out.opted_out > 0).then(|| PassedOver { reason: "want no offers".into(), n: out.opted_out });
    let empty = out.empty.iter().map(|(column, n)| PassedOver { reason: format!("have nothing in the column `{column}`"), n: *n });
    let noted = out.noted.iter().map(|(reason, n)| PassedOver { reason: reason.clone(), n: *n });
    opted.into_iter().chain(empty).chain(noted).collect()
}

/// What the figures do not tell.
fn remarks(outlook: &Outlook) -> Vec<String> {
    let mut remarks = Vec::new();
    remarks.extend(outlook.beside.iter().map(|b| format!("{} messages of “{}” take turns with it.", b.messages, b.name)));
    remarks.extend(outlook.holds.iter().map(|hold| format!("It would wait: the {} {} is held; see Attention.", hold.scope, hold.name)));
    if let Some(window) = &outlook.campaign.window {
        remarks.push(format!("Whoever is out of the hours {window} of the own day gets it later; that is not part of the forecast."));
    }
    if let Some(people) = outlook.reached_a_day() {
        remarks.push(format!("Its portfolio may reach {people} different people a day outside open windows; the others wait."));
    }
    let unpriced = outlook.unpriced();
    if unpriced > 0 {
        remarks.push(format!("{unpriced} messages have no price; “sluice rates import” gives them one."));
    }
    remarks
}
