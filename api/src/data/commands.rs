//! Decisions of people about conversations and quotes: checked here, written to `conversation.commands`, acted on by the pipeline.

use rust_decimal::Decimal;
use sluice_connectors::kafka::producer::Out;
use sluice_connectors::postgres::numbers;
use sluice_schemas::command;
use sluice_schemas::ids::{ConversationId, QuoteId, TraceId};
use sluice_schemas::record::Command;
use sluice_schemas::time::Millis;
use sluice_schemas::topics;
use uuid::Uuid;

use crate::auth::{Actor, Role};
use crate::{Error, State};

/// Longest reason.
const REASON: usize = 1_000;

/// A decision on its way.
struct Decision {
    /// Conversation it is about.
    conversation: Uuid,
    /// Number that the conversation is held with.
    account: String,
    /// Unique per decision: a repeat changes nothing.
    key: String,
    /// `approve`, `change`, `reject`, `reply`, `resolve`, `reopen`, `assign`.
    action: String,
    /// Quote decided on.
    quote: Option<Uuid>,
    /// Reply, reason, new total or agent.
    argument: Option<String>,
}

/// Decides on a quote: `approve`, `change` with a new total, `reject` with a reason.
pub async fn decide(app: &State, actor: &Actor, quote: Uuid, action: &str, argument: Option<&str>, key: &str) -> Result<(), Error> {
    actor.require(Role::Admin, "decide on quotes")?;
    let argument = quote_argument(action, argument)?;
    let transaction = app.pool.tenant(actor.tenant).await?;
    let quote = super::quotes::get(&transaction, quote).await?;
    transaction.commit().await?;
    if !quote.awaiting() {
        return Err(Error::Conflict(format!("this quote is {}; only a quote that awaits approval can be decided", quote.status)));
    }
    let decision = Decision {
        conversation: quote.conversation,
        account: quote.account,
        key: key.to_owned(),
        action: action.to_owned(),
        quote: Some(quote.id),
        argument,
    };
    send(app, actor, decision).await
}

fn quote_argument(action: &str, argument: Option<&str>) -> Result<Option<String>, Error> {
    let given = argument.map(str::trim).filter(|text| !text.is_empty());
    match (action, given) {
        ("approve", _) => Ok(None),
        ("change", Some(total)) => total
            .parse::<Decimal>()
            .ok()
            .filter(|total| *total > Decimal::ZERO && total.scale() <= 3)
            .map(|total| Some(total.to_string()))
            .ok_or_else(|| Error::field("total", "`total` is the new sum, a number above 0 such as 1234.50")),
        ("change", None) => Err(Error::field("total", "`total` is missing: the new sum, such as 1234.50")),
        ("reject", Some(reason)) if reason.chars().count() <= REASON => Ok(Some(reason.to_owned())),
        ("reject", Some(_)) => Err(Error::field("reason", format!("`reason` is longer than {REASON} characters"))),
        ("reject", None) => Err(Error::field("reason", "`reason` is missing: say why, in a sentence")),
        _ => Err(Error::field("action", format!("`{action}` is not one of approve, change, reject"))),
    }
}

/// What an agent does in a conversation: checked, then written.
pub async fn act(app: &State, actor: &Actor, conversation: Uuid, action: &str, argument: Option<&str>, key: &str) -> Result<(), Error> {
    let argument = agent_argument(action, argument)?;
    if action == "reply" {
        // A reply is a message like any other, and goes through the same door.
        let request = super::messages::Request { conversation: Some(conversation), ..super::messages::Request::default() };
        let text = command::Command::text(argument.unwrap_or_default());
        return super::messages::send(app, actor, &request, &text, key).await.map(drop);
    }
    let (conversation, _) = super::history::conversation(app, actor.tenant, conversation).await?;
    let decision = Decision {
        conversation: conversation.id,
        account: conversation.account,
        key: key.to_owned(),
        action: action.to_owned(),
        quote: None,
        argument,
    };
    send(app, actor, decision).await
}

/// What an agent does in a conversation: `reply`, `resolve`, `reopen`, `assign`.
fn agent_argument(action: &str, argument: Option<&str>) -> Result<Option<String>, Error> {
    let given = argument.map(str::trim).filter(|text| !text.is_empty());
    match (action, given) {
        ("reply", Some(text)) => Ok(Some(text.to_owned())),
        ("reply", None) => Err(Error::field("argument", "the reply is empty")),
        ("assign", Some(agent)) => Ok(Some(agent.to_owned())),
        ("assign", None) => Err(Error::field("argument", "`argument` is missing: the agent's email")),
        ("resolve" | "reopen", _) => Ok(None),
        _ => Err(Error::field("action", format!("`{action}` is not one of reply, resolve, reopen, assign"))),
    }
}

/// Writes a checked decision to the home partition of its number, and returns when all in-sync replicas have it.
async fn send(app: &State, actor: &Actor, decision: Decision) -> Result<(), Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let all = numbers::list(&transaction).await?;
    transaction.commit().await?;
    let number = all.into_iter().find(|number| number.account == decision.account);
    let home = number.ok_or_else(|| Error::NotFound(format!("number {}", decision.account)))?.home;
    let conversation = ConversationId(decision.conversation);
    let command = Command {
        tenant: actor.tenant,
        conversation,
        account: decision.account,
        id: decision.key,
        action: decision.action,
        quote: decision.quote.map(QuoteId),
        argument: decision.argument,
        actor: actor.name.clone(),
        at_ms: Millis::now().0,
        trace: TraceId(Uuid::now_v7()),
    };
    let payload = app.codecs.of::<Command>().encode(&command).map_err(|e| Error::Internal(e.to_string()))?;
    let record = Out {
        topic: topics::CONVERSATION_COMMANDS,
        partition: home,
        key: topics::key(actor.tenant, &conversation).into_bytes(),
        payload: Some(payload),
        headers: Vec::new(),
    };
    app.producer.send_all(vec![record]).await.map_err(|e| Error::Unavailable { service: "kafka", cause: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_needs_its_argument() {
        assert_eq!(quote_argument("approve", None).ok(), Some(None));
        assert_eq!(quote_argument("change", Some(" 1234.50 ")).ok(), Some(Some("1234.50".into())));
        for total in [None, Some(""), Some("0"), Some("-3"), Some("1,5"), Some("NaN"), Some("1.2345")] {
            assert!(quote_argument("change", total).is_err(), "{total:?}");
        }
        assert!(quote_argument("reject", Some("  ")).is_err());
        assert!(quote_argument("delete", None).is_err());
        assert!(agent_argument("reply", Some(" ")).is_err());
        assert_eq!(agent_argument("resolve", Some("ignored")).ok(), Some(None));
        assert!(agent_argument("approve", None).is_err());
    }
}
