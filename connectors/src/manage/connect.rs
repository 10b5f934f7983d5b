//! A WhatsApp business account with its numbers, connected in one go; every step may be repeated.

use reqwest::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Desk, Error};
use crate::postgres::{self, Transaction, audit, config, numbers, tenants};

/// What is asked of each number.
const FIELDS: &str = "id,display_phone_number,verified_name,throughput,status";

/// What is to be connected.
pub struct Connect {
    /// WhatsApp business account.
    pub waba: String,
    /// Access token of a system user that may manage and message for it.
    pub token: SecretString,
    /// Address of our webhooks with the token that Meta presents there, where the app's own is not to be used.
    pub callback: Option<(String, String)>,
    /// Six digits: the two-step PIN under which numbers that are not connected yet are registered.
    pub pin: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Connected {
    /// WhatsApp business account.
    pub waba: String,
    /// Its numbers.
    pub numbers: Vec<Registered>,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Registered {
    /// Phone number id.
    pub account: String,
    /// The number as people write it.
    pub display: Option<String>,
    /// Name that customers see.
    pub verified_name: Option<String>,
    /// Messages a second, in and out together.
    pub messages_per_second: i32,
    /// Whether it may send now.
    pub connected: bool,
    /// What is left to do for it.
    pub remedy: Option<String>,
}

impl Desk<'_> {
    /// Checks the token by reading the account's numbers, keeps them with the token, subscribes to their webhooks, and registers those that
    /// are not connected. Numbers are kept before Meta is told to send: nothing that comes is unrouted.
    pub async fn connect(&self, wanted: &Connect) -> Result<Connected, Error> {
        if wanted.pin.as_ref().is_some_and(|pin| pin.len() != 6 || !pin.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(Error::field("pin", "is not six digits"));
        }
        if wanted.waba.is_empty() || !wanted.waba.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::field("waba", "is not the id of a business account: digits alone"));
        }
        let listed = self.client.list(&format!("{}/phone_numbers", wanted.waba), FIELDS, &wanted.token).await?;
        if listed.is_empty() {
            return Err(Error::Conflict(format!("business account {} has no number; add one at Meta first", wanted.waba)));
        }
        self.keep_numbers(wanted, &listed).await?;
        let body = wanted.callback.as_ref().map(|(url, verify)| json!({"override_callback_uri": url, "verify_token": verify}));
        self.client.change(Method::POST, &format!("{}/subscribed_apps", wanted.waba), &[], body.as_ref(), &wanted.token).await?;
        let mut numbers = Vec::with_capacity(listed.len());
        for value in &listed {
            numbers.push(self.register(wanted, value).await);
        }
        Ok(Connected { waba: wanted.waba.clone(), numbers })
    }

    async fn keep_numbers(&self, wanted: &Connect, listed: &[Value]) -> Result<(), Error> {
        let transaction = self.pool.tenant(self.tenant).await?;
        for value in listed {
            let number = merged(&transaction, &wanted.waba, value).await?;
            let taken = |error| match error {
                postgres::Error::Exists { .. } => Error::Conflict(format!("number {} belongs to another tenant", number.account)),
                other => other.into(),
            };
            config::put_number(&transaction, &number).await.map_err(taken)?;
            numbers::set_token(&transaction, self.keys, "whatsapp", &number.account, &wanted.token).await?;
        }
        audit::record(&transaction, self.by, "account.connect", &wanted.waba, &json!({"numbers": listed.len()})).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn register(&self, wanted: &Connect, value: &Value) -> Registered {
        let told = read(value);
        if told.connected {
            return told;
        }
        let Some(pin) = &wanted.pin else {
            return Registered { remedy: Some("not registered: connect again with a PIN of six digits".into()), ..told };
        };
        let body = json!({"messaging_product": "whatsapp", "pin": pin});
        match self.client.change(Method::POST, &format!("{}/register", told.account), &[], Some(&body), &wanted.token).await {
            Ok(_) => Registered { connected: true, ..told },
            Err(e) => Registered { remedy: Some(format!("not registered: {e}")), ..told },
        }
    }
}

fn read(value: &Value) -> Registered {
    let text = |field: &str| value[field].as_str().map(str::to_owned);
    Registered {
        account: text("id").unwrap_or_default(),
        display: text("display_phone_number"),
        verified_name: text("verified_name"),
        messages_per_second: match value["throughput"]["level"].as_str() {
            Some("HIGH") => 1_000,
            // Numbers that are also in the phone's app (contract §8).
            Some("NOT_APPLICABLE") => 20,
            _ => 80,
        },
        connected: value["status"] == "CONNECTED",
        remedy: None,
    }
}

/// The number as it was, with what Meta says of it; a new one lives on its tenant's home.
async fn merged(transaction: &Transaction, waba: &str, value: &Value) -> Result<config::Number, Error> {
    let told = read(value);
    let old = match numbers::get(transaction, "whatsapp", &told.account).await {
        Ok(old) => Some(old),
        Err(postgres::Error::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let home = match &old {
        Some(old) => old.home,
        None => tenants::own(transaction).await?.home,
    };
    Ok(config::Number {
        channel: "whatsapp".into(),
        account: told.account,
        waba_id: Some(waba.to_owned()),
        display_phone_number: told.display,
        home,
        messages_per_second: told.messages_per_second,
        status: old.as_ref().map_or_else(|| "active".into(), |old| old.status.clone()),
        portfolio_id: old.as_ref().and_then(|old| old.portfolio_id.clone()),
        messaging_limit: old.and_then(|old| old.messaging_limit),
    })
}
