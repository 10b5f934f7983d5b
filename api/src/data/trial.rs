//! A look at a campaign's first messages before it starts, and one of them sent to whoever tries it.

use sluice_connectors::postgres::campaigns::{self, Campaign, Recipient};
use sluice_schemas::command;
use sluice_schemas::ids::CampaignId;
use uuid::Uuid;

use super::messages::{self, Request};
use crate::auth::{Actor, Role};
use crate::view::{Sent, Trial};
use crate::{Error, State};

/// Recipients whose messages are shown.
const FIRST: i64 = 3;

async fn rows(app: &State, actor: &Actor, id: Uuid, n: i64) -> Result<(Campaign, Vec<Recipient>), Error> {
    actor.require(Role::Admin, "try campaigns")?;
    let transaction = app.pool.tenant(actor.tenant).await?;
    let campaign = campaigns::get(&transaction, CampaignId(id)).await?;
    let rows = campaigns::audience_behind(&transaction, campaign.id, None, n).await?;
    transaction.commit().await?;
    Ok((campaign, rows.into_iter().map(|(_, row)| row).collect()))
}

/// What the first recipients would see.
pub async fn first(app: &State, actor: &Actor, id: Uuid) -> Result<Vec<Trial>, Error> {
    let (campaign, rows) = rows(app, actor, id, FIRST).await?;
    let mut shown = Vec::new();
    for row in rows {
        let recipient = row.recipient.clone();
        let preview = match message(&campaign, &row, &recipient) {
            Ok((request, command)) => messages::preview(app, actor, &request, &command).await,
            Err(error) => Err(error),
        };
        shown.push(match preview {
            Ok(preview) => Trial { recipient, preview: Some(preview), fault: None },
            // One recipient's message that cannot be made says so in its place.
            Err(error @ (Error::Invalid(_) | Error::Conflict(_))) => Trial { recipient, preview: None, fault: Some(error.to_string()) },
            Err(other) => return Err(other),
        });
    }
    Ok(shown)
}

/// Sends the first recipient's message to `to`, as a message of its own: it is in no funnel.
pub async fn send(app: &State, actor: &Actor, id: Uuid, to: &str, key: &str) -> Result<Sent, Error> {
    if to.trim().is_empty() {
        return Err(Error::field("to", "`to` is missing: give the telephone number that gets the trial"));
    }
    let (campaign, rows) = rows(app, actor, id, 1).await?;
    let row = rows.first().ok_or_else(|| Error::Conflict("the campaign has no recipient whose message could be tried".into()))?;
    let (request, command) = message(&campaign, row, to)?;
    messages::send(app, actor, &request, &command, key).await
}

/// The message that `row` gives, for `to`.
fn message(campaign: &Campaign, row: &Recipient, to: &str) -> Result<(Request, command::Command), Error> {
    let empty = |column| Error::field("columns", format!("column `{column}` is empty, and the template needs it: the message is not sent"));
    let components = campaign.mapping.fill(&row.variables).map_err(empty)?;
    let mut asked = campaign.template(components);
    (asked["to"], asked["account"], asked["channel"]) = (to.into(), campaign.account.as_str().into(), campaign.channel.as_str().into());
    messages::read(asked)
}
