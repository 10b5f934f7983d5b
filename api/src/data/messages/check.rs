//! What is wrong with a message is said before it is queued.

use sluice_connectors::meta::template as meta;
use sluice_connectors::postgres::config::{self as settings, Template};
use sluice_connectors::postgres::opt_outs;
use sluice_schemas::command::{Command, Content, Fault, Template as Used};
use sluice_schemas::meta::is_user_id;
use sluice_schemas::time::Millis;

use super::{Place, invalid};
use crate::auth::Actor;
use crate::{Error, State};

/// States in which a template will never be sent; one that is paused is queued and held.
const DEAD: [&str; 6] = ["REJECTED", "DISABLED", "PENDING_DELETION", "DELETED", "ARCHIVED", "LIMIT_EXCEEDED"];

/// Limits of the channel, the window, and what the template asks for.
pub async fn all(app: &State, actor: &Actor, place: &Place, command: &Command) -> Result<(), Error> {
    let faults = place.channel.check(&place.to, command);
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    let open = place.conversation.as_ref().is_some_and(|(_, until_ms)| *until_ms > Millis::now().0);
    if !open && !place.channel.outside_window(command) {
        return Err(Error::WindowClosed(if place.channel.name() == "whatsapp" {
            "send a template, or wait until the person has written"
        } else {
            "wait until the person has written; within 7 days a person may answer with the tag HUMAN_AGENT"
        }));
    }
    if let Content::Template(used) = &command.content
        && template(app, actor, place, used).await?.category.eq_ignore_ascii_case("MARKETING")
    {
        wanted(app, actor, place).await?;
    }
    Ok(())
}

/// An offer to a person who wants none is refused here; those of campaigns the ledger passes over.
async fn wanted(app: &State, actor: &Actor, place: &Place) -> Result<(), Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let found = opt_outs::get(&transaction, &place.to).await?;
    transaction.commit().await?;
    match found {
        Some(found) => Err(Error::Conflict(format!(
            "{} wants no offers since {}: send what they asked for, or lift the opt-out once they want offers again",
            place.to, found.since
        ))),
        None => Ok(()),
    }
}

/// The template as Meta lists it, once it is known, usable and fits.
pub async fn template(app: &State, actor: &Actor, place: &Place, used: &Used) -> Result<Template, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let all = settings::templates(&transaction).await?;
    transaction.commit().await?;
    let found = all.into_iter().find(|template| {
        template.name == used.name
            && template.language == used.language.code
            && place.number.waba_id.as_ref().is_none_or(|waba| *waba == template.waba_id)
    });
    let Some(template) = found else {
        let detail = format!("`template.name`: `{}` is not known in {}; synchronise the templates", used.name, used.language.code);
        return Err(Error::field("template.name", detail));
    };
    let status = template.status.to_uppercase();
    if DEAD.contains(&status.as_str()) || ["PENDING", "IN_APPEAL"].contains(&status.as_str()) {
        return Err(Error::Conflict(format!("template `{}` is {status} and cannot be sent", used.name)));
    }
    let mut faults = meta::check(&template.components, &template.category, used);
    if template.category.eq_ignore_ascii_case("AUTHENTICATION") && is_user_id(&place.to) {
        faults.push(Fault::new("to", "must be a phone number: authentication templates cannot go to a user id (131062)"));
    }
    if faults.is_empty() { Ok(template) } else { Err(invalid(faults)) }
}
