//! Configuration that the chains read: a row here, and in the same transaction one `config` record for every home of the tenant.
//!
//! The records' names and values, by kind:
//! - `tenant` `-`: `{"slug","name","home","time_zone","locale","suspended","messages_per_second","cap_messages","cap_days"}`
//! - `number` account: `{"channel","account","waba_id","display_phone_number","home","messages_per_second","status","portfolio_id","messaging_limit"}`
//! - `template` `waba/name/language`: `{"waba_id","name","language","category","status","components"}`
//! - `catalog` `-`: the catalog as given
//! - `lift` `scope/name` and `settle` send id: what a person decided, `{"by","reason"}` and `"decision"`

use serde_json::{Value, json};
use sluice_schemas::record::Config;
use sluice_schemas::time::Millis;

use super::outbox::{self, Record};
use super::{Error, Result, Transaction, numbers, tenants};

/// A number to be made or changed.
#[derive(Debug, Clone)]
pub struct Number {
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// Phone number id, Instagram account or page.
    pub account: String,
    /// WhatsApp Business account.
    pub waba_id: Option<String>,
    /// For people.
    pub display_phone_number: Option<String>,
    /// Partition of every record about it; refused to change.
    pub home: i32,
    /// Meta's limit, inbound and outbound together.
    pub messages_per_second: i32,
    /// `active`, `held`, `disabled`.
    pub status: String,
    /// Business portfolio.
    pub portfolio_id: Option<String>,
    /// People whom the portfolio may reach a day outside open windows.
    pub messaging_limit: Option<i32>,
}

/// A template as Meta lists it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Template {
    /// WhatsApp Business account.
    pub waba_id: String,
    /// Name.
    pub name: String,
    /// `en_US`.
    pub language: String,
    /// `MARKETING`, `UTILITY`, `AUTHENTICATION`.
    pub category: String,
    /// `APPROVED`, …
    pub status: String,
    /// Header, body, footer, buttons as Meta lists them.
    pub components: Value,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`; as Meta said last.
    pub quality: Option<String>,
    /// Why Meta rejected it.
    pub reason: Option<String>,
}

/// Tells the chains about the transaction's tenant.
pub async fn publish_tenant(transaction: &Transaction) -> Result<i64> {
    lock(transaction).await?;
    let tenant = tenants::own(transaction).await?;
    let version = transaction
        .query_one("update tenants set version = nextval('config_version') where id = $1 returning version", &[&tenant.id.0])
        .await?
        .try_get(0)?;
    let value = json!({
        "slug": tenant.slug, "name": tenant.name, "home": tenant.home, "time_zone": tenant.time_zone,
        "locale": tenant.locale, "suspended": tenant.suspended, "messages_per_second": tenant.messages_per_second,
        "cap_messages": tenant.cap_messages, "cap_days": tenant.cap_days,
    });
    publish(transaction, "tenant", "-", version, Some(&value)).await?;
    Ok(version)
}

/// Suspends the tenant, or ends its suspension.
pub async fn suspend(transaction: &Transaction, suspended: bool) -> Result<i64> {
    let sql = "update tenants set suspended_at = case when $2 then coalesce(suspended_at, now()) end where id = $1";
    transaction.execute(sql, &[&transaction.tenant()?.0, &suspended]).await?;
    publish_tenant(transaction).await
}

/// Sets the plan of the tenant; 0 for no limit of its own.
pub async fn plan(transaction: &Transaction, messages_per_second: i32) -> Result<i64> {
    transaction
        .execute("update tenants set messages_per_second = $2 where id = $1", &[&transaction.tenant()?.0, &messages_per_second])
        .await?;
    publish_tenant(transaction).await
}

/// Bounds how many messages of campaigns one person gets within some days; 0 for no cap.
pub async fn cap(transaction: &Transaction, messages: i32, days: i32) -> Result<i64> {
    let sql = "update tenants set cap_messages = $2, cap_days = $3 where id = $1";
    transaction.execute(sql, &[&transaction.tenant()?.0, &messages, &days]).await?;
    publish_tenant(transaction).await
}

/// Makes or changes a number. Its home never changes; a number of another tenant gives [`Error::Exists`].
pub async fn put_number(transaction: &Transaction, number: &Number) -> Result<i64> {
    lock(transaction).await?;
    let tenant = transaction.tenant()?;
    match numbers::get(transaction, &number.channel, &number.account).await {
        Ok(old) if old.home != number.home => {
            let reason = format!("number {} lives on partition {}; moving a number is not supported", number.account, old.home);
            return Err(Error::invalid("home", reason));
        }
        Ok(_) | Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    let before = tenants::homes(transaction).await?;
    let row = transaction
        .query_one(
            "insert into numbers (tenant_id, channel, account, waba_id, display_phone_number, home_partition,
                                  messages_per_second, status, portfolio_id, messaging_limit)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (tenant_id, channel, account) do update set
                waba_id = excluded.waba_id, display_phone_number = excluded.display_phone_number,
                messages_per_second = excluded.messages_per_second, status = excluded.status, updated_at = now(),
                portfolio_id = excluded.portfolio_id, messaging_limit = excluded.messaging_limit,
                version = nextval('config_version')
             returning version",
            &[
                &tenant.0,
                &number.channel,
                &number.account,
                &number.waba_id,
                &number.display_phone_number,
                &number.home,
                &number.messages_per_second,
                &number.status,
                &number.portfolio_id,
                &number.messaging_limit,
            ],
        )
        .await
        .map_err(|error| error.or_exists("number", &number.account))?;
    let version = row.try_get(0)?;
    publish_number(transaction, numbers::get(transaction, &number.channel, &number.account).await?).await?;
    if !before.contains(&number.home) {
        republish(transaction).await?;
    }
    Ok(version)
}

/// Makes or changes a template.
pub async fn put_template(transaction: &Transaction, template: &Template) -> Result<i64> {
    lock(transaction).await?;
    let row = transaction
        .query_one(
            "insert into templates (tenant_id, waba_id, name, language, category, status, components, quality, reason)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             on conflict (tenant_id, waba_id, name, language) do update set
                category = excluded.category, status = excluded.status, components = excluded.components,
                quality = excluded.quality, reason = excluded.reason, updated_at = now(), version = nextval('config_version')
             returning version",
            &[
                &transaction.tenant()?.0,
                &template.waba_id,
                &template.name,
                &template.language,
                &template.category,
                &template.status,
                &template.components,
                &template.quality,
                &template.reason,
            ],
        )
        .await?;
    let version = row.try_get(0)?;
    publish_template(transaction, template, version).await?;
    Ok(version)
}

/// Every template of the tenant by name and language.
pub async fn templates(transaction: &Transaction) -> Result<Vec<Template>> {
    Ok(versioned_templates(transaction).await?.into_iter().map(|(template, _)| template).collect())
}

async fn versioned_templates(transaction: &Transaction) -> Result<Vec<(Template, i64)>> {
    let sql = "select waba_id, name, language, category, status, components, version, quality, reason from templates
               where tenant_id = $1 order by waba_id, name, language";
    transaction
        .query(sql, &[&transaction.tenant()?.0])
        .await?
        .iter()
        .map(|row| {
            let template = Template {
                waba_id: row.try_get(0)?,
                name: row.try_get(1)?,
                language: row.try_get(2)?,
                category: row.try_get(3)?,
                status: row.try_get(4)?,
                components: row.try_get(5)?,
                quality: row.try_get(7)?,
                reason: row.try_get(8)?,
            };
            Ok((template, row.try_get(6)?))
        })
        .collect()
}

/// Adds a catalog, which rules from then on; older ones are kept.
pub async fn put_catalog(transaction: &Transaction, value: &Value) -> Result<i64> {
    lock(transaction).await?;
    let sql = "insert into catalogs (tenant_id, value) values ($1, $2) returning version";
    let version = transaction.query_one(sql, &[&transaction.tenant()?.0, value]).await?.try_get(0)?;
    publish(transaction, "catalog", "-", version, Some(value)).await?;
    Ok(version)
}

/// The catalog that rules, with its version.
pub async fn catalog(transaction: &Transaction) -> Result<Option<(i64, Value)>> {
    let sql = "select version, value from catalogs where tenant_id = $1 order by version desc limit 1";
    let row = transaction.query_opt(sql, &[&transaction.tenant()?.0]).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Tells every home everything: a home that is new to the tenant knows nothing of it yet.
pub async fn republish(transaction: &Transaction) -> Result<()> {
    publish_tenant(transaction).await?;
    for (template, version) in versioned_templates(transaction).await? {
        publish_template(transaction, &template, version).await?;
    }
    if let Some((version, value)) = catalog(transaction).await? {
        publish(transaction, "catalog", "-", version, Some(&value)).await?;
    }
    for number in numbers::list(transaction).await? {
        publish_number(transaction, number).await?;
    }
    Ok(())
}

/// Tells the chains of a number as it is now: also that its token is a new one, which the record does not carry.
pub(super) async fn publish_number(transaction: &Transaction, number: numbers::Number) -> Result<()> {
    let sql = "select version from numbers where tenant_id = $1 and channel = $2 and account = $3";
    let version = transaction.query_one(sql, &[&number.tenant.0, &number.channel, &number.account]).await?.try_get(0)?;
    publish(transaction, "number", &number.account, version, Some(&value_of(&number))).await
}

/// Tells the chains what a person decided.
pub(super) async fn decide(transaction: &Transaction, kind: &str, name: &str, value: &Value) -> Result<()> {
    lock(transaction).await?;
    let version = transaction.query_one("select nextval('config_version')", &[]).await?.try_get(0)?;
    publish(transaction, kind, name, version, Some(value)).await
}

fn value_of(number: &numbers::Number) -> Value {
    json!({
        "channel": number.channel, "account": number.account, "waba_id": number.waba_id,
        "display_phone_number": number.display_phone_number, "home": number.home,
        "messages_per_second": number.messages_per_second, "status": number.status,
        "portfolio_id": number.portfolio_id, "messaging_limit": number.people_a_day(),
    })
}

/// One edit of a tenant's configuration at a time: versions, and the records in the outbox, then have the order of the commits.
async fn lock(transaction: &Transaction) -> Result<()> {
    let id = transaction.tenant()?;
    let row = transaction.query_opt("select from tenants where id = $1 for no key update", &[&id.0]).await?;
    row.map(drop).ok_or_else(|| Error::not_found("tenant", id))
}

async fn publish_template(transaction: &Transaction, template: &Template, version: i64) -> Result<()> {
    let value = serde_json::to_value(template).map_err(|error| Error::invalid("template", error.to_string()))?;
    let name = format!("{}/{}/{}", template.waba_id, template.name, template.language);
    publish(transaction, "template", &name, version, Some(&value)).await
}

async fn publish(transaction: &Transaction, kind: &str, name: &str, version: i64, value: Option<&Value>) -> Result<()> {
    let tenant = transaction.tenant()?;
    let record = Record::Config(Config {
        tenant,
        kind: kind.to_owned(),
        name: name.to_owned(),
        version,
        value: value.map(Value::to_string),
        at_ms: Millis::now().0,
    });
    for home in tenants::homes(transaction).await? {
        outbox::append(transaction, home, &record).await?;
    }
    Ok(())
}
