//! Accounts: what Meta says of templates and numbers, kept in Postgres for people and told to the chains.
//!
//! Guarantee: at least once. Meta is asked anew at every start, every hour, and after each of its words about an account; the answer, not
//! the word, is kept, so that words may come twice, late or in another order. What is as it was raises no version.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::meta::{Client, graph};
use sluice_connectors::postgres::config::{self, Template};
use sluice_connectors::postgres::health::{self, Health};
use sluice_connectors::postgres::seal::Keyring;
use sluice_connectors::postgres::{self, Pool, numbers};
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::Event;

/// What is asked of a template.
const TEMPLATE: &str = "id,name,language,category,status,components,quality_score,rejected_reason";
/// What is asked of a number.
const NUMBER: &str = "id,display_phone_number,verified_name,quality_rating,throughput,status,whatsapp_business_manager_messaging_limit";
/// Status of a template that Meta lists no more.
const DELETED: &str = "DELETED";

/// A WhatsApp Business account of a tenant.
pub type Account = (TenantId, String);

/// Why an account could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// Meta.
    #[error(transparent)]
    Meta(#[from] graph::Error),
    /// No active number of the account has an access token.
    #[error("no active number of business account {0} has an access token: `sluice number add … --token-file`")]
    Token(String),
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Postgres(e) => e.kind(),
            Self::Meta(e) => e.kind(),
            Self::Token(_) => "token",
        }
    }
}

/// What a reading brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Templates that Meta lists.
    pub templates: usize,
    /// Of these, new or changed.
    pub changed: usize,
    /// Templates that Meta lists no more.
    pub gone: usize,
    /// Templates that cannot be used, and why.
    pub refused: Vec<String>,
    /// Numbers of the account that are ours.
    pub numbers: usize,
}

/// Reads accounts.
#[derive(Clone)]
pub struct Accounts {
    pool: Pool,
    client: Client,
    keys: Keyring,
}

impl Accounts {
    /// A reader with the tokens that `keys` open.
    pub const fn new(pool: Pool, client: Client, keys: Keyring) -> Self {
        Self { pool, client, keys }
    }

    /// Every business account that has a number.
    pub async fn all(&self) -> postgres::Result<BTreeSet<Account>> {
        let numbers = numbers::all(&self.pool).await?;
        Ok(numbers.into_iter().filter(|n| n.channel == "whatsapp").filter_map(|n| Some((n.tenant, n.waba_id?))).collect())
    }

    /// Reads one account. What Meta said before stays where it does not answer; that it did not is noted at the account's numbers.
    pub async fn read(&self, account: &Account) -> Result<Report, Error> {
        let read = self.ask(account).await;
        if let Err(error @ (Error::Meta(_) | Error::Token(_))) = &read {
            let transaction = self.pool.tenant(account.0).await?;
            health::fail(&transaction, &account.1, &error.to_string()).await?;
            transaction.commit().await?;
        }
        read
    }

    async fn ask(&self, (tenant, waba): &Account) -> Result<Report, Error> {
        let token = self.token(*tenant, waba).await?;
        let templates = self.client.list(&format!("{waba}/message_templates"), TEMPLATE, &token).await?;
        let numbers = self.client.list(&format!("{waba}/phone_numbers"), NUMBER, &token).await?;
        let mut report = self.keep_templates(*tenant, waba, &templates).await?;
        report.numbers = self.keep_numbers(*tenant, &numbers).await?;
        Ok(report)
    }

    async fn token(&self, tenant: TenantId, waba: &str) -> Result<SecretString, Error> {
        let token = numbers::token_of_waba(&self.pool, &self.keys, tenant, waba).await?;
        token.ok_or_else(|| Error::Token(waba.to_owned()))
    }

    async fn keep_templates(&self, tenant: TenantId, waba: &str, listed: &[Value]) -> Result<Report, Error> {
        let transaction = self.pool.tenant(tenant).await?;
        let stored = config::templates(&transaction).await?.into_iter().filter(|template| template.waba_id == waba);
        let mut stored: BTreeMap<(String, String), Template> =
            stored.map(|template| ((template.name.clone(), template.language.clone()), template)).collect();
        let mut report = Report { templates: listed.len(), ..Report::default() };
        for value in listed {
            match template(waba, value) {
                Ok(template) => {
                    if stored.remove(&(template.name.clone(), template.language.clone())).as_ref() != Some(&template) {
                        config::put_template(&transaction, &template).await?;
                        report.changed += 1;
                    }
                }
                Err(why) => report.refused.push(why),
            }
        }
        for gone in stored.into_values().filter(|template| template.status != DELETED) {
            config::put_template(&transaction, &Template { status: DELETED.to_owned(), ..gone }).await?;
            report.gone += 1;
        }
        transaction.commit().await?;
        Ok(report)
    }

    async fn keep_numbers(&self, tenant: TenantId, listed: &[Value]) -> Result<usize, Error> {
        let transaction = self.pool.tenant(tenant).await?;
        let ours: BTreeSet<String> = numbers::list(&transaction).await?.into_iter().map(|number| number.account).collect();
        let mut kept = 0;
        for value in listed {
            let Some(account) = value["id"].as_str().filter(|account| ours.contains(*account)) else { continue };
            let text = |name: &str| value[name].as_str().map(str::to_owned);
            let told = health::Health {
                verified_name: text("verified_name"),
                quality: text("quality_rating"),
                status: text("status"),
                throughput: value["throughput"]["level"].as_str().map(str::to_owned),
                messaging_limit: text("whatsapp_business_manager_messaging_limit"),
            };
            health::put(&transaction, account, &told, limit(&told)).await?;
            kept += 1;
        }
        transaction.commit().await?;
        Ok(kept)
    }
}

/// People a day by Meta's word; 0 for no limit, `None` where the word is missing or unknown.
fn limit(told: &Health) -> Option<i32> {
    let word = told.messaging_limit.as_deref()?;
    let people = crate::domain::tier::people(&Value::from(word))?;
    Some(people.map_or(0, |people| i32::try_from(people).unwrap_or(i32::MAX)))
}

/// A template as Meta lists it, or which field makes it useless. Webhooks and older entries write the language with a hyphen.
pub fn template(waba: &str, value: &Value) -> Result<Template, String> {
    let text = |field: &str, example: &str| match value[field].as_str().map(str::trim) {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("{field}: expected a text, as in \"{example}\"")),
    };
    let components = match &value["components"] {
        list @ Value::Array(items) if !items.is_empty() => list.clone(),
        _ => return Err("components: expected the array that Meta lists, with a BODY at least".into()),
    };
    for (index, component) in components.as_array().into_iter().flatten().enumerate() {
        if !component["type"].is_string() {
            return Err(format!("components[{index}].type: expected a text, as in \"BODY\""));
        }
    }
    let said = |value: &Value| value.as_str().filter(|word| !word.is_empty() && *word != "NONE").map(str::to_owned);
    Ok(Template {
        waba_id: waba.to_owned(),
        name: text("name", "order_update")?,
        language: text("language", "en_US")?.replace('-', "_"),
        category: text("category", "MARKETING")?.to_uppercase(),
        status: text("status", "APPROVED")?.to_uppercase(),
        components,
        quality: said(&value["quality_score"]["score"]),
        reason: said(&value["rejected_reason"]),
    })
}

/// Accounts about which a batch of `events` brings a word that makes Meta worth asking.
pub fn words(batch: &[Delivered<Event>]) -> BTreeSet<Account> {
    #[derive(Deserialize)]
    struct Told {
        field: Option<String>,
        waba: Option<String>,
    }
    let told = |event: &Event| -> Option<Account> {
        let told: Told = serde_json::from_str(&event.event).ok().filter(|_| event.kind == "account_event")?;
        let field = told.field?;
        let about = ["template", "phone_number", "capability", "account"].iter().any(|word| field.contains(word));
        Some((event.tenant, told.waba.filter(|_| about)?))
    };
    batch.iter().filter_map(|delivered| told(&delivered.record)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listed() -> Value {
        json!({"id": "1", "name": "offer", "language": "en-US", "category": "marketing", "status": "approved", "rejected_reason": "NONE",
               "quality_score": {"score": "GREEN", "date": 1}, "components": [{"type": "BODY", "text": "Hello {{1}}"}]})
    }

    #[test]
    fn a_listed_template_is_taken_over_in_our_spelling() {
        let taken = template("7", &listed()).expect("is read");
        assert_eq!((taken.language.as_str(), taken.category.as_str(), taken.status.as_str()), ("en_US", "MARKETING", "APPROVED"));
        assert_eq!((taken.quality.as_deref(), taken.reason), (Some("GREEN"), None));
    }

    #[test]
    fn a_template_that_cannot_be_used_names_its_field() {
        for (field, value) in [("name", json!("")), ("language", json!(null)), ("components", json!([])), ("status", json!(7))] {
            let mut broken = listed();
            broken[field] = value;
            assert!(template("7", &broken).expect_err("broken").starts_with(field), "{field}");
        }
    }

    #[test]
    fn a_word_about_templates_numbers_or_accounts_makes_meta_worth_asking() {
        let event = |kind: &str, field: &str| Delivered {
            topic: "events",
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: Vec::new(),
            headers: Vec::new(),
            record: Event {
                tenant: TenantId::from_bytes([1; 16]),
                account: "7".into(),
                channel: "whatsapp".into(),
                conversation: None,
                kind: kind.into(),
                dedup_key: String::new(),
                at_ms: 0,
                received_ms: 0,
                trace: sluice_schemas::ids::TraceId::default(),
                event: json!({"field": field, "waba": "7"}).to_string(),
            },
        };
        let asked = |field: &str| words(&[event("account_event", field)]).len();
        for field in ["message_template_status_update", "template_category_update", "phone_number_quality_update", "account_update"] {
            assert_eq!(asked(field), 1, "{field}");
        }
        assert_eq!(asked("security"), 0);
        assert!(words(&[event("inbound", "messages")]).is_empty());
    }
}
