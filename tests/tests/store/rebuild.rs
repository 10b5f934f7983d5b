use sluice_connectors::postgres::{self, Options, Pool, attention};
use sluice_pipeline::effects::tally::{Changed, Error, Place, Rebuild, Scope, Tally};
use sluice_schemas::ids::{CampaignId, TenantId};

use super::database;
use super::tally::{HOME, balanced, lives, running};

const MESSAGES: Place = Place { projection: "campaigns", topic: "messages", partition: HOME, next: 0 };

/// A campaign whose whole life is counted, in a database of its own.
async fn counted() -> (Options, Pool, tokio_postgres::Client, (TenantId, CampaignId)) {
    let (options, owner) = database().await;
    postgres::migrate(&options).await.expect("migrates");
    let pool = Pool::new(&options).expect("pools");
    let (acme, id) = running(&pool).await;
    Tally::new(pool.clone(), 0).messages(&lives(acme, id)).await.unwrap();
    (options, pool, owner, (acme, id))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sets_of_tables_have_the_same_columns() {
    let (options, owner) = database().await;
    postgres::migrate(&options).await.expect("migrates");
    let sql = "select table_name::text, column_name::text, data_type::text, is_nullable::text from information_schema.columns c
               where table_schema = $1 and table_name in (select table_name from information_schema.tables where table_schema = 'rebuild')
                 and table_name <> 'campaigns' order by table_name, ordinal_position";
    let columns = async |schema: &str| -> Vec<[String; 4]> {
        let rows = owner.query(sql, &[&schema]).await.unwrap();
        rows.iter().map(|row| [row.get(0), row.get(1), row.get(2), row.get(3)]).collect()
    };
    let second = columns("rebuild").await;
    assert!(second.len() > 30, "{second:?}");
    assert_eq!(columns("public").await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_mends_what_is_wrong_and_the_live_tally_goes_on_from_there() {
    let (options, pool, owner, (acme, id)) = counted().await;
    let right = balanced(&pool, acme, id).await;
    // Superusers see every tenant's rows.
    owner.batch_execute("update campaign_counters set n = n + 7 where state = 'read'; delete from sends_attention").await.unwrap();
    let log = lives(acme, id);
    let (mut rebuild, scope) = Rebuild::begin(&options, 0, &[(HOME, None)]).await.unwrap();
    assert_eq!(scope, Scope { campaigns: 1, kept: 0 });
    rebuild.starts(MESSAGES);
    rebuild.messages(&log[..5]).await.unwrap();
    let second = Rebuild::begin(&options, 0, &[]).await.map(drop).unwrap_err();
    assert!(matches!(second, Error::Rebuilding), "{second}");

    let end = Place { next: log[log.len() - 1].offset + 1, ..MESSAGES };
    let locked = rebuild.lock(&[end]).await.unwrap();
    assert_eq!(locked.stands(), [end.next]);
    rebuild.messages(&log[5..]).await.unwrap();
    let changed = locked.swap(&[end]).await.unwrap();
    assert_eq!(changed, Changed { campaigns: 1, attention: 1, ..Changed::default() });
    assert_eq!(balanced(&pool, acme, id).await, right);
    let transaction = pool.tenant(acme).await.unwrap();
    assert_eq!(attention::attention(&transaction, None, 10).await.unwrap().len(), 1);
    drop(transaction);
    let again = Tally::new(pool.clone(), 0).messages(&log).await.unwrap();
    assert_eq!((again.applied, again.skipped), (0, log.len()), "what the rebuild has counted is not counted again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_older_than_the_log_catches_up_by_a_rebuild() {
    let (options, pool, owner, (acme, id)) = counted().await;
    let right = balanced(&pool, acme, id).await;
    let log = lives(acme, id);
    let (restored, end) = (log[5].offset, log[log.len() - 1].offset + 1);
    owner.execute("update tally_offsets set next_offset = $1", &[&restored]).await.unwrap();
    let mut live = Tally::new(pool.clone(), 0);
    live.starts("messages", HOME, end);
    let mut next = lives(acme, id);
    next.truncate(1);
    next[0].offset = end + 1;
    assert_eq!(live.messages(&next).await.unwrap_err().kind(), "gap");

    let (mut rebuild, _) = Rebuild::begin(&options, 0, &[(HOME, None)]).await.unwrap();
    rebuild.starts(MESSAGES);
    rebuild.messages(&log).await.unwrap();
    let place = Place { next: end, ..MESSAGES };
    let locked = rebuild.lock(&[place]).await.unwrap();
    assert_eq!(locked.stands(), [restored]);
    locked.swap(&[place]).await.unwrap();
    assert_eq!(balanced(&pool, acme, id).await, right);
    assert_eq!(live.messages(&next).await.unwrap().applied, 1, "the gap is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_has_forgotten_keeps_its_figures() {
    let (options, pool, _owner, (acme, id)) = counted().await;
    let right = balanced(&pool, acme, id).await;
    // The oldest step that is still there is of a time long after the campaign was made.
    let (mut rebuild, scope) = Rebuild::begin(&options, 0, &[(HOME, Some(i64::MAX))]).await.unwrap();
    assert_eq!(scope, Scope { campaigns: 0, kept: 1 });
    let log = lives(acme, id);
    let place = Place { next: log[log.len() - 3].offset, ..MESSAGES };
    rebuild.starts(place);
    rebuild.messages(&log[log.len() - 3..]).await.unwrap();
    let end = Place { next: log[log.len() - 1].offset + 1, ..MESSAGES };
    rebuild.lock(&[end]).await.unwrap().swap(&[end]).await.unwrap();
    assert_eq!(balanced(&pool, acme, id).await, right);
    let transaction = pool.tenant(acme).await.unwrap();
    assert_eq!(attention::attention(&transaction, None, 10).await.unwrap().len(), 1);
}
