//! Where a message leaves from and whom it goes to.

use sluice_connectors::meta::channel::{self, Channel};
use sluice_connectors::postgres::numbers::{self, Number};
use sluice_schemas::ids::ConversationId;

use super::Request;
use crate::auth::Actor;
use crate::data::history;
use crate::{Error, State};

/// Number, channel, recipient, and the conversation with the end of its window where there is one.
pub struct Place {
    pub number: Number,
    pub channel: &'static dyn Channel,
    pub to: String,
    pub conversation: Option<(ConversationId, i64)>,
}

/// Finds them; a conversation is known by its id, or by the recipient that it began with.
pub async fn find(app: &State, actor: &Actor, request: &Request) -> Result<Place, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let numbers = numbers::list(&transaction).await?;
    transaction.commit().await?;
    if let Some(id) = request.conversation {
        let (conversation, window_until_ms) = history::conversation(app, actor.tenant, id).await?;
        let to =
            conversation.phone.or(conversation.user_id).ok_or_else(|| Error::Conflict("nobody is known in this conversation".into()))?;
        let number = numbers.into_iter().find(|number| number.account == conversation.account);
        let number = number.ok_or_else(|| Error::NotFound(format!("number {}", conversation.account)))?;
        return Ok(Place { channel: carrier(&number)?, number, to, conversation: Some((ConversationId(id), window_until_ms)) });
    }
    let number = choose(numbers, request)?;
    let channel = carrier(&number)?;
    let to = bare(request.to.as_deref().unwrap_or_default());
    let conversation = history::known(app, actor.tenant, &number.account, &to).await?;
    Ok(Place { number, channel, to, conversation })
}

fn carrier(number: &Number) -> Result<&'static dyn Channel, Error> {
    channel::channel(&number.channel).ok_or_else(|| Error::Internal(format!("channel {}", number.channel)))
}

/// The number named, or the only active one of the channel.
fn choose(numbers: Vec<Number>, request: &Request) -> Result<Number, Error> {
    let name = request.channel.as_deref();
    if let Some(name) = name.filter(|name| channel::channel(name).is_none()) {
        let known: Vec<&str> = channel::CHANNELS.iter().map(|channel| channel.name()).collect();
        return Err(Error::field("channel", format!("`channel`: `{name}` is not one of {}", known.join(", "))));
    }
    if let Some(account) = &request.account {
        let found = numbers.into_iter().find(|number| number.account == *account && name.is_none_or(|name| number.channel == name));
        let number = found.ok_or_else(|| Error::field("account", format!("`account`: {account} is no number of this business")))?;
        return match number.status.as_str() {
            "disabled" => Err(Error::Conflict(format!("number {account} is disabled; it sends nothing"))),
            _ => Ok(number),
        };
    }
    let name = name.unwrap_or("whatsapp");
    let mut of_channel: Vec<Number> = numbers.into_iter().filter(|number| number.channel == name && number.status == "active").collect();
    match (of_channel.pop(), of_channel.is_empty()) {
        (Some(number), true) => Ok(number),
        (Some(_), false) => Err(Error::field("account", format!("`account` is missing: this business has several numbers on {name}"))),
        (None, _) => Err(Error::field("account", format!("`account`: this business has no active number on {name}"))),
    }
}

/// A phone number as records carry it: digits; anything else as it is.
pub(in crate::data) fn bare(to: &str) -> String {
    let phone = to.chars().all(|c| c.is_ascii_digit() || "+ -().".contains(c));
    if phone { to.chars().filter(char::is_ascii_digit).collect() } else { to.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use sluice_schemas::ids::TenantId;

    use super::*;

    fn number(channel: &str, account: &str, status: &str) -> Number {
        Number {
            tenant: TenantId::UNKNOWN,
            channel: channel.into(),
            account: account.into(),
            waba_id: None,
            display_phone_number: None,
            home: 0,
            messages_per_second: 80,
            status: status.into(),
            portfolio_id: None,
            messaging_limit: None,
            told_limit: None,
            suspended: false,
        }
    }

    #[test]
    fn the_only_number_of_a_channel_need_not_be_named() {
        let numbers = || vec![number("whatsapp", "1", "active"), number("instagram", "2", "active"), number("whatsapp", "3", "disabled")];
        let chosen = |request: Request| choose(numbers(), &request).map(|number| number.account).map_err(|error| error.to_string());
        assert_eq!(chosen(Request::default()), Ok("1".into()));
        assert_eq!(chosen(Request { channel: Some("instagram".into()), ..Request::default() }), Ok("2".into()));
        assert!(chosen(Request { channel: Some("messenger".into()), ..Request::default() }).unwrap_err().contains("no active number"));
        assert!(chosen(Request { channel: Some("pigeon".into()), ..Request::default() }).unwrap_err().contains("pigeon"));
        assert!(chosen(Request { account: Some("3".into()), ..Request::default() }).unwrap_err().contains("disabled"));
        assert!(chosen(Request { account: Some("9".into()), ..Request::default() }).unwrap_err().contains("`account`"));
        let two = vec![number("whatsapp", "1", "active"), number("whatsapp", "4", "active")];
        assert!(choose(two, &Request::default()).unwrap_err().to_string().contains("several"));
    }

    #[test]
    fn a_phone_number_is_its_digits() {
        assert_eq!(bare("+1 (555) 010-0002"), "15550100002");
        assert_eq!(bare("US.1a"), "US.1a");
    }
}
