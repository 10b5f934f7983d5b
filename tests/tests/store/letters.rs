use sluice_connectors::postgres::letters::{self, Act};
use sluice_schemas::ids::TenantId;
use sluice_schemas::topics::EVENTS_DEAD_LETTER;

use super::{migrated, tenant};

const DROPPED: Act<'_> = Act { decision: "dropped", actor: "ana", reason: "a rehearsal" };

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_seen_by_its_tenant_alone_and_the_last_one_counts() {
    let (pool, _owner) = migrated().await;
    let (acme, globex) = (tenant(&pool, "acme", "1", 0).await, tenant(&pool, "globex", "2", 1).await);
    let worker = pool.worker().await.unwrap();
    let subjects = [(acme, 3, 17), (TenantId::UNKNOWN, 3, 18)];
    letters::decide(&worker, EVENTS_DEAD_LETTER, DROPPED, &subjects).await.unwrap();
    letters::audit(&worker, acme, "ana", "letters.drop", EVENTS_DEAD_LETTER, &serde_json::json!({"records": 1})).await.unwrap();
    letters::audit(&worker, TenantId::UNKNOWN, "ana", "letters.drop", EVENTS_DEAD_LETTER, &serde_json::json!({})).await.unwrap();
    worker.commit().await.unwrap();

    let places = [(3, 17), (3, 18), (4, 1)];
    let own = pool.tenant(acme).await.unwrap();
    let seen = letters::decided(&own, EVENTS_DEAD_LETTER, &places).await.unwrap();
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [(3, 17)], "nobody's letter is nobody's to see");
    let redriven = Act { decision: "redriven", reason: "", ..DROPPED };
    letters::decide(&own, EVENTS_DEAD_LETTER, redriven, &[(acme, 3, 17)]).await.unwrap();
    own.commit().await.unwrap();
    let other = pool.tenant(globex).await.unwrap();
    assert!(letters::decided(&other, EVENTS_DEAD_LETTER, &places).await.unwrap().is_empty());
    assert!(letters::decide(&other, EVENTS_DEAD_LETTER, DROPPED, &[(acme, 3, 17)]).await.is_err());
    let worker = pool.worker().await.unwrap();
    let all = letters::decided(&worker, EVENTS_DEAD_LETTER, &places).await.unwrap();
    assert_eq!((all.len(), all[&(3, 17)].decision.as_str()), (2, "redriven"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_redrive_runs_for_a_tenant_and_none_beside_one_for_all() {
    let (pool, _owner) = migrated().await;
    let (acme, globex) = (tenant(&pool, "acme", "1", 0).await, tenant(&pool, "globex", "2", 1).await);
    let (first, beside, second) = (pool.tenant(acme).await.unwrap(), pool.tenant(globex).await.unwrap(), pool.worker().await.unwrap());
    assert!(letters::lock(&first, Some(acme)).await.unwrap());
    assert!(letters::lock(&beside, Some(globex)).await.unwrap());
    assert!(!letters::lock(&second, Some(acme)).await.unwrap());
    assert!(!letters::lock(&second, None).await.unwrap());
    drop(second);
    first.commit().await.unwrap();
    beside.commit().await.unwrap();
    let all = pool.worker().await.unwrap();
    assert!(letters::lock(&all, None).await.unwrap());
    let late = pool.tenant(acme).await.unwrap();
    assert!(!letters::lock(&late, Some(acme)).await.unwrap());
}
