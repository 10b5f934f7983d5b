//! The stores on real engines: what row-level security, transactions and immutable rows promise.
//!
//! `SLUICE_TEST_POSTGRES` (an owner's URL) and `SLUICE_TEST_CQL` (`host:port`) name engines that run already; without them the tests
//! start their own. Each test has a database or keyspace to itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod campaigns;
mod contacts;
mod history;
mod holds;
mod isolation;
mod letters;
mod rebuild;
mod retention;
mod secrets;
mod tally;

use std::sync::OnceLock;

use sluice_connectors::postgres::{self, Options, Pool, config, tenants};
use sluice_local::{Engine, Stack};
use sluice_schemas::ids::TenantId;
use uuid::Uuid;

/// An engine that this binary started; it ends with the process.
pub fn own(engine: Engine) -> &'static Stack {
    static POSTGRES: OnceLock<Stack> = OnceLock::new();
    static CQL: OnceLock<Stack> = OnceLock::new();
    let stack = if engine == Engine::Postgres { &POSTGRES } else { &CQL };
    stack.get_or_init(|| Stack::temporary(&sluice_local::Options::test().only(&[engine])).expect("the engine starts"))
}

fn owner_url() -> String {
    std::env::var("SLUICE_TEST_POSTGRES").unwrap_or_else(|_| own(Engine::Postgres).postgres_url().expect("its address"))
}

/// A fresh, empty database, with the owner's connection to it.
pub async fn database() -> (Options, tokio_postgres::Client) {
    let url = owner_url();
    let name = format!("store_{}", Uuid::new_v4().simple());
    let admin = connect(&url).await;
    admin.batch_execute(&format!("create database {name}")).await.expect("a database");
    let base = url.rsplit_once('/').expect("a URL with a database").0;
    let url = format!("{base}/{name}");
    let owner = connect(&url).await;
    (Options { pool_size: 4, ..Options::at(&url) }, owner)
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("Postgres answers");
    tokio::spawn(connection);
    client
}

/// A migrated database with the application's pools.
pub async fn migrated() -> (Pool, tokio_postgres::Client) {
    let (options, owner) = database().await;
    postgres::migrate(&options).await.expect("migrates");
    (Pool::new(&options).expect("pools"), owner)
}

/// A tenant with one number on `home` and an approved template `offer` with one placeholder.
pub async fn tenant(pool: &Pool, slug: &str, account: &str, home: i32) -> TenantId {
    let id = TenantId(Uuid::new_v4());
    let (time_zone, locale) = ("Europe/Berlin".into(), "de".into());
    tenants::create(pool, &tenants::New { id, slug: slug.into(), name: slug.into(), home, time_zone, locale }).await.expect("a tenant");
    let transaction = pool.tenant(id).await.unwrap();
    config::put_number(&transaction, &number(account, home)).await.expect("a number");
    let template = config::Template {
        quality: None,
        reason: None,
        waba_id: "15550200001".into(),
        name: "offer".into(),
        language: "en_US".into(),
        category: "MARKETING".into(),
        status: "APPROVED".into(),
        components: serde_json::json!([{"type": "BODY", "text": "Hello {{1}}"}]),
    };
    config::put_template(&transaction, &template).await.expect("a template");
    transaction.commit().await.unwrap();
    id
}

/// A WhatsApp number on `home`.
pub fn number(account: &str, home: i32) -> config::Number {
    config::Number {
        channel: "whatsapp".into(),
        account: account.into(),
        waba_id: Some("15550200001".into()),
        display_phone_number: Some("+1 555 010 0000".into()),
        home,
        messages_per_second: 80,
        status: "active".into(),
        portfolio_id: None,
        messaging_limit: None,
    }
}
