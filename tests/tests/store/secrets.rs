use secrecy::ExposeSecret;
use sluice_connectors::postgres::{numbers, seal::Keyring};

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
