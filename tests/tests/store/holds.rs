use jiff::Timestamp;
use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::postgres::attention::{self, Decider};
use sluice_connectors::postgres::outbox::{self, Record};
use sluice_pipeline::effects::tally::Tally;
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{Hold, HoldScope};

use super::{migrated, tenant};

const BY: Decider<'_> = Decider { actor: "a@example.com", reason: "Meta restored it" };

fn hold(tenant: TenantId, offset: i64, name: &str, until_ms: i64, lifted: Option<&str>) -> Delivered<Hold> {
    let record = Hold {
        tenant,
        scope: HoldScope::Number,
        name: name.into(),
        code: Some(131_048),
        detail: Some("de\0tail".into()),
        since_ms: 1_700_000_000_000,
        until_ms,
        refusals: 1,
        probe: None,
        lifted: lifted.map(Into::into),
        at_ms: 1_700_000_000_000,
    };
    Delivered { topic: "holds", partition: 3, offset, timestamp_ms: 0, key: Vec::new(), headers: Vec::new(), record }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_shown_while_it_lasts_and_its_lift_reaches_the_ledger_with_who_and_why() {
    let (pool, _owner) = migrated().await;
    let (acme, other) = (tenant(&pool, "acme", "1", 3).await, tenant(&pool, "other", "2", 3).await);
    let mut tally = Tally::new(pool.clone(), 0);
    let told = [hold(acme, 0, "1", -1, None), hold(acme, 2, "9", 1_700_000_060_000, None), hold(acme, 4, "9", 0, Some("accepted"))];
    tally.holds(&told).await.unwrap();
    assert_eq!(tally.holds(&told).await.unwrap().skipped, 3);
    let transaction = pool.tenant(acme).await.unwrap();
    let shown = attention::holds(&transaction).await.unwrap();
    assert_eq!(shown.iter().map(|hold| (hold.name.as_str(), hold.until)).collect::<Vec<_>>(), [("1", None)]);
    assert_eq!((shown[0].detail.as_deref(), shown[0].since), (Some("detail"), Timestamp::from_second(1_700_000_000).unwrap()));
    assert_eq!(attention::lift(&transaction, "number", "9", BY).await.unwrap_err().kind(), "not_found");
    attention::lift(&transaction, "number", "1", BY).await.unwrap();
    transaction.commit().await.unwrap();
    let theirs = pool.tenant(other).await.unwrap();
    assert_eq!(attention::holds(&theirs).await.unwrap(), []);
    assert_eq!(attention::lift(&theirs, "number", "1", BY).await.unwrap_err().kind(), "not_found");
    theirs.commit().await.unwrap();
    let claim = outbox::claim(&pool, 1_000).await.unwrap();
    let lifts: Vec<_> = (claim.entries.iter())
        .filter_map(|entry| match &entry.record {
            Ok(Record::Config(config)) if config.kind == "lift" => Some((config.tenant, config.name.clone(), config.value.clone())),
            _ => None,
        })
        .collect();
    let value = r#"{"by":"a@example.com","reason":"Meta restored it"}"#.to_owned();
    assert_eq!(lifts, [(acme, "number/1".to_owned(), Some(value))]);
}
