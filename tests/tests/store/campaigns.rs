use std::fmt::Write as _;
use std::io::Cursor;

use jiff::Timestamp;
use sluice_connectors::postgres::campaigns::{self, Action, Created, Import, New};
use sluice_connectors::postgres::outbox::{self, Record};
use sluice_connectors::postgres::{Error, Pool, config};
use sluice_pipeline::effects::expand;
use sluice_schemas::ids::{SendId, TenantId};
use sluice_schemas::record::{Config, Control, ControlState, Demand};

use super::{migrated, number, tenant};

pub fn new(account: &str) -> New {
    New {
        name: "Spring".into(),
        channel: "whatsapp".into(),
        account: account.into(),
        template_name: "offer".into(),
        template_language: "en_US".into(),
        mapping: serde_json::from_str(r#"{"body": ["name"]}"#).unwrap(),
        throttle: 10,
        failure_limit: campaigns::FAILURE_LIMIT,
        window: None,
        created_by: "ana".into(),
    }
}

/// A campaign to `n` recipients.
pub async fn campaign(pool: &Pool, tenant: TenantId, account: &str, n: usize) -> Created {
    let mut file = String::from("phone,name\n");
    for i in 0..n {
        let _ = writeln!(file, "+1555010{i:04},Ana {i}");
    }
    campaigns::create(pool, tenant, &new(account), &Import::default(), Cursor::new(file)).await.expect("a campaign")
}

/// What waits in the outbox, marked as published.
async fn published(pool: &Pool) -> Vec<Record> {
    let claim = outbox::claim(pool, 1_000).await.unwrap();
    let ids: Vec<i64> = claim.entries.iter().map(|entry| entry.id).collect();
    let records = claim.entries.iter().map(|entry| entry.record.clone().unwrap()).collect();
    claim.published(&ids).await.unwrap();
    records
}

fn controls(records: &[Record]) -> Vec<&Control> {
    records.iter().filter_map(|r| if let Record::Control(control) = r { Some(control) } else { None }).collect()
}

fn configs(records: &[Record]) -> Vec<&Config> {
    records.iter().filter_map(|r| if let Record::Config(config) = r { Some(config) } else { None }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_takes_good_lines_and_reports_bad_ones() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 3).await;
    let file = "phone;name\n+15550100001;\"tab\there \\ and\nline\"\n+15550100002;Ben\n15;Eva\n+1 555 010 0002;Ben again\n+15550100004;\n";
    let made = campaigns::create(&pool, acme, &new("1"), &Import::default(), Cursor::new(file)).await.unwrap();
    let campaign = &made.campaign;
    assert_eq!((campaign.audience, campaign.refused, campaign.duplicates, campaign.state.as_str()), (2, 2, 1, "draft"));
    assert_eq!(made.refusals.iter().map(|refusal| refusal.line).collect::<Vec<_>>(), [5, 7]);
    let transaction = pool.tenant(acme).await.unwrap();
    assert_eq!(campaigns::refusals(&transaction, campaign.id, 0, 10).await.unwrap(), made.refusals);
    let rows = campaigns::audience(&transaction, campaign.id, 3, 0, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.seq, row.recipient.as_str())).collect::<Vec<_>>(), [(0, "15550100001"), (1, "15550100002")]);
    assert_eq!(rows[0].variables["name"], "tab\there \\ and\nline");
    let funnel = campaigns::funnel(&transaction, campaign.id).await.unwrap();
    assert_eq!((funnel.audience, funnel.pending, funnel.balanced()), (2, 2, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_cannot_be_sent_is_refused_and_leaves_nothing() {
    let (pool, owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 0).await;
    let two = serde_json::from_str(r#"{"body": ["name", "name"]}"#).unwrap();
    let cases = [
        (New { account: "7".into(), ..new("1") }, "phone,name\n", "not_found"),
        (New { template_name: "nope".into(), ..new("1") }, "phone,name\n", "not_found"),
        (New { mapping: two, ..new("1") }, "phone,name\n", "invalid"),
        (new("1"), "phone\n+15550100001\n", "invalid"),
        (new("1"), "", "invalid"),
    ];
    for (new, file, kind) in cases {
        let error = campaigns::create(&pool, acme, &new, &Import::default(), Cursor::new(file)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert_eq!(owner.query_one("select count(*) from campaigns", &[]).await.unwrap().get::<_, i64>(0), 0);
    let empty = campaigns::create(&pool, acme, &new("1"), &Import::default(), Cursor::new("phone,name\nx,y\n")).await.unwrap();
    let transaction = pool.tenant(acme).await.unwrap();
    let error = campaigns::control(&transaction, empty.campaign.id, &Action::Start, Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert!(error.to_string().starts_with("audience"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_control_raises_the_epoch_and_reaches_every_home() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 3).await;
    let transaction = pool.tenant(acme).await.unwrap();
    config::put_number(&transaction, &number("2", 5)).await.unwrap();
    transaction.commit().await.unwrap();
    let id = campaign(&pool, acme, "1", 4).await.campaign.id;
    published(&pool).await;
    let steps = [
        (Action::Start, ControlState::Running),
        (Action::Pause("template paused".into()), ControlState::Paused),
        (Action::Resume, ControlState::Running),
        (Action::Cancel, ControlState::Cancelled),
    ];
    for (epoch, (action, state)) in (1..).zip(steps) {
        let transaction = pool.tenant(acme).await.unwrap();
        let now = campaigns::control(&transaction, id, &action, Timestamp::from_millisecond(5).unwrap()).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!((now.epoch, now.state.as_str()), (epoch, state.name()));
        let records = published(&pool).await;
        let seen: Vec<_> = controls(&records).iter().map(|c| (c.home, c.epoch, c.state, c.audience, c.throttle)).collect();
        assert_eq!(seen, [(3, epoch, state, 4, 10), (5, epoch, state, 0, 10)]);
    }
    let transaction = pool.tenant(acme).await.unwrap();
    let error = campaigns::control(&transaction, id, &Action::Resume, Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert_eq!(error.to_string(), "the campaign is cancelled: cannot resume");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_undone_publishes_nothing() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 0).await;
    let id = campaign(&pool, acme, "1", 1).await.campaign.id;
    published(&pool).await;
    let transaction = pool.tenant(acme).await.unwrap();
    campaigns::control(&transaction, id, &Action::Start, Timestamp::UNIX_EPOCH).await.unwrap();
    drop(transaction);
    assert_eq!(published(&pool).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_home_learns_everything() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 3).await;
    let transaction = pool.tenant(acme).await.unwrap();
    config::put_catalog(&transaction, &serde_json::json!({"items": []})).await.unwrap();
    transaction.commit().await.unwrap();
    let records = published(&pool).await;
    assert_eq!(configs(&records).len(), 4);
    let transaction = pool.tenant(acme).await.unwrap();
    config::put_number(&transaction, &number("2", 5)).await.unwrap();
    transaction.commit().await.unwrap();
    let claim = outbox::claim(&pool, 1_000).await.unwrap();
    let mut told: Vec<_> = claim
        .entries
        .iter()
        .filter(|entry| entry.partition == 5)
        .filter_map(
            |entry| if let Ok(Record::Config(config)) = &entry.record { Some(format!("{} {}", config.kind, config.name)) } else { None },
        )
        .collect();
    told.sort();
    told.dedup();
    assert_eq!(told, ["catalog -", "number 1", "number 2", "template 15550200001/offer/en_US", "tenant -"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_publishes_at_a_time_and_a_crash_loses_nothing() {
    let (pool, _owner) = migrated().await;
    tenant(&pool, "acme", "1", 0).await;
    let first = outbox::claim(&pool, 10).await.unwrap();
    let ids: Vec<i64> = first.entries.iter().map(|entry| entry.id).collect();
    assert!(!ids.is_empty() && ids.is_sorted());
    assert!(outbox::claim(&pool, 10).await.unwrap().entries.is_empty());
    drop(first);
    // The rollback travels behind the drop; the next claim that holds the lock finds the same rows.
    let again = loop {
        let claim = outbox::claim(&pool, 10).await.unwrap();
        if !claim.entries.is_empty() {
            break claim;
        }
        claim.release().await.unwrap();
    };
    assert_eq!(again.entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), ids);
    again.published(&ids).await.unwrap();
    assert!(outbox::claim(&pool, 10).await.unwrap().entries.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_campaign_starts_once_when_its_time_has_come() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 0).await;
    let id = campaign(&pool, acme, "1", 1).await.campaign.id;
    let at = |ms| Timestamp::from_millisecond(ms).unwrap();
    let transaction = pool.tenant(acme).await.unwrap();
    campaigns::schedule(&transaction, id, at(1_000)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(campaigns::start_due(&pool, at(999)).await.unwrap(), []);
    assert_eq!(campaigns::start_due(&pool, at(1_000)).await.unwrap(), [(acme, id)]);
    assert_eq!(campaigns::start_due(&pool, at(2_000)).await.unwrap(), []);
    let records = published(&pool).await;
    assert_eq!(controls(&records).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demand_gives_each_row_once_and_the_same_sends_again() {
    let (pool, _owner) = migrated().await;
    let (acme, globex) = (tenant(&pool, "acme", "1", 3).await, tenant(&pool, "globex", "2", 3).await);
    let id = campaign(&pool, acme, "1", 5).await.campaign.id;
    let demand = |epoch, from, n| Demand { tenant: acme, campaign: id, home: 3, epoch, from, n, at_ms: 7 };
    let first = expand::expand(&pool, &demand(1, 0, 3)).await.unwrap();
    let second = expand::expand(&pool, &demand(1, 3, 3)).await.unwrap();
    let seqs: Vec<i64> = first.iter().chain(&second).map(|send| send.seq).collect();
    assert_eq!(seqs, [0, 1, 2, 3, 4]);
    assert_eq!(first[1].send_id, SendId::of(acme, &format!("campaign/{id}/3/1"), 0));
    let again = expand::expand(&pool, &demand(2, 0, 3)).await.unwrap();
    assert_eq!(again.iter().map(|s| s.send_id).collect::<Vec<_>>(), first.iter().map(|s| s.send_id).collect::<Vec<_>>());
    let foreign = expand::expand(&pool, &Demand { tenant: globex, ..demand(1, 0, 3) }).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })), "{foreign:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_campaign_starts_only_after_a_second_person_has_approved_it() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 0).await;
    let (large, small) = (campaign(&pool, acme, "1", 3).await.campaign.id, campaign(&pool, acme, "1", 2).await.campaign.id);
    let transaction = pool.tenant(acme).await.unwrap();
    campaigns::require_from(&transaction, Some(3)).await.unwrap();
    let at = Timestamp::UNIX_EPOCH;
    let started = campaigns::control(&transaction, large, &Action::Start, at).await.unwrap_err();
    assert!(started.to_string().contains("second person, other than ana"), "{started}");
    let planned = campaigns::schedule(&transaction, large, at).await.unwrap_err();
    assert_eq!(planned.to_string(), started.to_string());
    let own = campaigns::approve(&transaction, large, "ana", at).await.unwrap_err();
    assert_eq!(own.to_string(), "the campaign is made by ana: cannot let the same person approve it");
    assert!(!campaigns::control(&transaction, small, &Action::Start, at).await.unwrap().awaits_approval);
    let approved = campaigns::approve(&transaction, large, "ben", at).await.unwrap();
    assert_eq!((approved.approved_by.as_deref(), approved.awaits_approval), (Some("ben"), false));
    assert_eq!(
        campaigns::approve(&transaction, large, "eva", at).await.unwrap().approved_by.as_deref(),
        Some("ben"),
        "the first one counts"
    );
    assert_eq!(campaigns::control(&transaction, large, &Action::Start, at).await.unwrap().state, "running");
    assert_eq!(campaigns::approve(&transaction, large, "eva", at).await.unwrap_err().kind(), "state");
}
