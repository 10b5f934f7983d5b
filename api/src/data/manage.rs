//! What people change at Meta: templates and business accounts.

use secrecy::SecretString;
use sluice_connectors::manage::{self, Connect, Connected, Draft};

use super::figures;
use crate::auth::{Actor, Role};
use crate::error::Field;
use crate::view::Template;
use crate::{Error, State};

impl From<manage::Error> for Error {
    fn from(error: manage::Error) -> Self {
        match error {
            manage::Error::Invalid(faults) => Self::Invalid(faults.into_iter().map(Field::from).collect()),
            manage::Error::Conflict(why) => Self::Conflict(why),
            manage::Error::Meta(e) => e.into(),
            manage::Error::Postgres(e) => e.into(),
        }
    }
}

/// Makes a template.
pub async fn create(app: &State, actor: &Actor, waba: Option<&str>, draft: &Draft) -> Result<Template, Error> {
    actor.require(Role::Admin, "make templates")?;
    Ok(figures::template(app.desk(actor)?.create_template(waba, draft).await?))
}

/// Gives a template other words.
pub async fn edit(app: &State, actor: &Actor, waba: Option<&str>, draft: &Draft) -> Result<Template, Error> {
    actor.require(Role::Admin, "edit templates")?;
    Ok(figures::template(app.desk(actor)?.edit_template(waba, draft).await?))
}

/// Deletes a template, in one language or in all.
pub async fn delete(app: &State, actor: &Actor, waba: Option<&str>, name: &str, language: Option<&str>) -> Result<usize, Error> {
    actor.require(Role::Admin, "delete templates")?;
    Ok(app.desk(actor)?.delete_template(waba, name, language).await?)
}

/// What somebody says of a business account.
pub struct Account<'a> {
    /// Its id.
    pub waba: &'a str,
    /// Access token.
    pub token: &'a str,
    /// Six digits.
    pub pin: Option<&'a str>,
    /// Address of our webhooks, where the app's is not to be used.
    pub callback: Option<&'a str>,
}

/// Connects a business account with its numbers.
pub async fn connect(app: &State, actor: &Actor, account: &Account<'_>) -> Result<Connected, Error> {
    actor.require(Role::Owner, "connect business accounts")?;
    let some = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let token = some(Some(account.token)).ok_or_else(|| Error::field("token", "`token` is missing: the access token of a system user"))?;
    let verify_token = app.outside()?.verify_token.clone();
    let wanted = Connect {
        waba: account.waba.trim().to_owned(),
        token: SecretString::from(token),
        callback: some(account.callback).map(|url| (url, verify_token)),
        pin: some(account.pin),
    };
    Ok(app.desk(actor)?.connect(&wanted).await?)
}
