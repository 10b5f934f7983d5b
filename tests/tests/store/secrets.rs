use secrecy::ExposeSecret;
use sluice_connectors::postgres::{keys, numbers, seal::Keyring};

use super::{migrated, number, tenant};

const OLD: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const NEW: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_for_its_number_alone() {
    let (pool, owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 0).await;
    let keys = Keyring::new("old", [("old", OLD)]).unwrap();
    let transaction = pool.tenant(acme).await.unwrap();
    sluice_connectors::postgres::config::put_number(&transaction, &number("9", 0)).await.unwrap();
    for account in ["1", "9"] {
        numbers::set_token(&transaction, &keys, "whatsapp", account, &format!("token of {account}").into()).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let token = numbers::token(&pool, &keys, acme, "whatsapp", "9").await.unwrap().unwrap();
    assert_eq!(token.expose_secret(), "token of 9");
    let raw: Vec<u8> = owner.query_one("select access_token_sealed from numbers where account = '1'", &[]).await.unwrap().get(0);
    assert!(!String::from_utf8_lossy(&raw).contains("token"));

    // A newer key joins; what the old one wrapped still opens.
    let both = Keyring::new("new", [("old", OLD), ("new", NEW)]).unwrap();
    assert_eq!(numbers::tokens(&pool, &both).await.unwrap().len(), 2);

    let swap = "update numbers set access_token_sealed = (select access_token_sealed from numbers where account = '1') where account = '9'";
    owner.execute(swap, &[]).await.unwrap();
    assert_eq!(numbers::token(&pool, &keys, acme, "whatsapp", "9").await.unwrap_err().kind(), "seal");
    // One that does not open holds its number only.
    let tokens = numbers::tokens(&pool, &keys).await.unwrap();
    assert_eq!(tokens.keys().collect::<Vec<_>>(), ["1"]);
    let lost = Keyring::new("new", [("new", NEW)]).unwrap();
    assert!(numbers::token(&pool, &lost, acme, "whatsapp", "1").await.unwrap_err().to_string().contains("`old`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_and_every_token_opens_before_and_after() {
    let (pool, owner) = migrated().await;
    let (acme, rival) = (tenant(&pool, "acme", "1", 0).await, tenant(&pool, "rival", "2", 0).await);
    let old = Keyring::new("old", [("old", OLD)]).unwrap();
    for (tenant, account) in [(acme, "1"), (rival, "2")] {
        let transaction = pool.tenant(tenant).await.unwrap();
        numbers::set_token(&transaction, &old, "whatsapp", account, &format!("token of {account}").into()).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let both = Keyring::new("new", [("old", OLD), ("new", NEW)]).unwrap();
    let new = Keyring::new("new", [("new", NEW)]).unwrap();
    let rotate = async |keys: &Keyring, fresh| {
        let transaction = pool.tenant(acme).await.unwrap();
        let done = keys::rotate(&transaction, keys, fresh).await;
        transaction.commit().await.unwrap();
        done.map(|done| (done.wrapped, done.sealed))
    };
    assert!(rotate(&new, false).await.unwrap_err().to_string().contains("`old`"), "without the old key nothing is wrapped anew");
    assert_eq!(rotate(&both, false).await.unwrap(), (1, 0));
    assert_eq!(rotate(&both, false).await.unwrap(), (0, 0), "and a repeat has nothing to do");
    // acme's opens without the old key, its rival's still needs it.
    assert_eq!(numbers::tokens(&pool, &new).await.unwrap().keys().collect::<Vec<_>>(), ["1"]);
    assert_eq!(numbers::tokens(&pool, &both).await.unwrap().len(), 2);

    let sealed =
        async || -> Vec<u8> { owner.query_one("select access_token_sealed from numbers where account = '1'", &[]).await.unwrap().get(0) };
    let before = sealed().await;
    assert_eq!(rotate(&new, true).await.unwrap(), (0, 1));
    assert_ne!(sealed().await, before);
    assert_eq!(numbers::token(&pool, &new, acme, "whatsapp", "1").await.unwrap().unwrap().expose_secret(), "token of 1");
    let left = owner.query_one("select count(*) from data_keys where tenant_id = $1", &[&acme.0]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 1, "the data key that seals nothing any more is gone");
}
