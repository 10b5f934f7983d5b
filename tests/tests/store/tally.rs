use jiff::Timestamp;
use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::postgres::campaigns::{self, Action};
use sluice_connectors::postgres::{Pool, attention, quotes};
use sluice_pipeline::effects::tally::{Error, Tally, next_offsets};
use sluice_schemas::ids::{CampaignId, ConversationId, QuoteId, SendId, TenantId, TraceId};
use sluice_schemas::record::{Message, Quote, SendState};

use super::campaigns::campaign;
use super::{migrated, tenant};

pub const HOME: i32 = 3;

pub fn step(tenant: TenantId, campaign: CampaignId, seq: i64, from: Option<SendState>, to: SendState) -> Message {
    let mut send = [0; 16];
    send[8..].copy_from_slice(&seq.to_be_bytes());
    Message {
        tenant,
        account: "1".into(),
        channel: "whatsapp".into(),
        send_id: SendId::from_bytes(send),
        wamid: None,
        conversation: None,
        campaign: Some(campaign),
        seq,
        from,
        to,
        code: (to == SendState::Failed).then_some(131_026),
        detail: Some("de\0tail".into()),
        recipient: "15550100002".into(),
        body: None,
        answer: None,
        at_ms: 1_700_000_000_000,
        trace: TraceId::default(),
    }
}

/// The records at every second offset: transaction markers lie between.
pub fn log<T>(topic: &'static str, records: Vec<T>) -> Vec<Delivered<T>> {
    let deliver =
        |(offset, record)| Delivered { topic, partition: HOME, offset, timestamp_ms: 0, key: Vec::new(), headers: Vec::new(), record };
    (0..).step_by(2).zip(records).map(deliver).collect()
}

/// The lives of four sends, one unit each: read, failed, quarantined, suppressed.
pub fn lives(tenant: TenantId, id: CampaignId) -> Vec<Delivered<Message>> {
    use SendState::{Accepted, Delivered, Failed, InFlight, Planned, Quarantined, Read, Suppressed, Unknown};
    let chains: [&[SendState]; 4] = [
        &[Planned, InFlight, Accepted, Delivered, Read],
        &[Planned, InFlight, Planned, InFlight, Failed],
        &[Planned, InFlight, Unknown, Quarantined],
        &[Suppressed],
    ];
    let mut steps = Vec::new();
    for depth in 0..5usize {
        for (seq, chain) in (0..).zip(chains) {
            let from = depth.checked_sub(1).and_then(|before| chain.get(before).copied());
            steps.extend(chain.get(depth).map(|to| step(tenant, id, seq, from, *to)));
        }
    }
    log("messages", steps)
}

pub async fn balanced(pool: &Pool, tenant: TenantId, id: CampaignId) -> campaigns::Funnel {
    let transaction = pool.tenant(tenant).await.unwrap();
    let funnel = campaigns::funnel(&transaction, id).await.unwrap();
    assert!(funnel.balanced(), "{funnel:?}");
    funnel
}

pub async fn running(pool: &Pool) -> (TenantId, CampaignId) {
    let acme = tenant(pool, "acme", "1", HOME).await;
    let id = campaign(pool, acme, "1", 4).await.campaign.id;
    let transaction = pool.tenant(acme).await.unwrap();
    campaigns::control(&transaction, id, &Action::Start, Timestamp::UNIX_EPOCH).await.unwrap();
    transaction.commit().await.unwrap();
    (acme, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_funnel_adds_up_at_every_commit_and_the_campaign_ends() {
    let (pool, _owner) = migrated().await;
    let (acme, id) = running(&pool).await;
    let mut tally = Tally::new(pool.clone(), 0);
    for record in lives(acme, id) {
        tally.messages(std::slice::from_ref(&record)).await.unwrap();
        balanced(&pool, acme, id).await;
    }
    let funnel = balanced(&pool, acme, id).await;
    let states: Vec<_> = funnel.states.iter().map(|(state, n)| (state.as_str(), *n)).collect();
    assert_eq!(states, [("failed", 1), ("quarantined", 1), ("read", 1), ("suppressed", 1)]);
    assert_eq!((funnel.pending, funnel.failures[&131_026], funnel.accepted()), (0, 1, 1));
    let transaction = pool.tenant(acme).await.unwrap();
    assert_eq!(campaigns::get(&transaction, id).await.unwrap().state, "completed");
    let attention = attention::attention(&transaction, None, 10).await.unwrap();
    assert_eq!(attention.iter().map(|a| (a.state.as_str(), a.detail.as_deref())).collect::<Vec<_>>(), [("quarantined", Some("detail"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_after_a_crash_is_not_counted_again() {
    let (pool, _owner) = migrated().await;
    let (acme, id) = running(&pool).await;
    let log = lives(acme, id);
    let mut reference = None;
    for cut in 0..=log.len() {
        // A new process each time: the consumer's offsets were never committed, so it reads from the start.
        let applied = Tally::new(pool.clone(), 0).messages(&log[..cut]).await.unwrap();
        assert_eq!((applied.applied, applied.skipped), if cut == 0 { (0, 0) } else { (1, cut - 1) });
        reference = Some(balanced(&pool, acme, id).await);
    }
    let applied = Tally::new(pool.clone(), 0).messages(&log).await.unwrap();
    assert_eq!((applied.applied, applied.skipped), (0, log.len()));
    assert_eq!(Some(balanced(&pool, acme, id).await), reference);
    let next = next_offsets(&pool, "campaigns", "messages", 0).await.unwrap();
    assert_eq!(next[&HOME], log[log.len() - 1].offset + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_of_one_partition_count_once() {
    let (pool, _owner) = migrated().await;
    let (acme, id) = running(&pool).await;
    let log = lives(acme, id);
    let (mut a, mut b) = (Tally::new(pool.clone(), 0), Tally::new(pool.clone(), 0));
    let (a, b) = tokio::join!(a.messages(&log), b.messages(&log));
    assert_eq!(a.unwrap().applied + b.unwrap().applied, log.len());
    assert_eq!(balanced(&pool, acme, id).await.count("read"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_refused_and_markers_are_none() {
    let (pool, _owner) = migrated().await;
    let (acme, id) = running(&pool).await;
    let log = lives(acme, id);
    let mut tally = Tally::new(pool.clone(), 0);
    tally.messages(&log[..2]).await.unwrap();
    tally.messages(&log[2..4]).await.unwrap();
    let mut late = Tally::new(pool.clone(), 0);
    late.starts("messages", HOME, log[6].offset);
    let error = late.messages(&log[6..]).await.unwrap_err();
    assert!(matches!(error, Error::Gap { stored: 7, start: 12, .. }), "{error}");
    assert_eq!(error.kind(), "gap");
    balanced(&pool, acme, id).await;
    // A restored cluster starts a new generation, whose offsets are not compared with the old ones.
    let mut restored = Tally::new(pool.clone(), 1);
    restored.starts("messages", HOME, log[4].offset);
    assert_eq!(restored.messages(&log[4..]).await.unwrap().applied, log.len() - 4);
}

fn quote(tenant: TenantId, id: u8, status: &str, total: &str, updated_ms: i64) -> Quote {
    Quote {
        tenant,
        quote: QuoteId::from_bytes([id; 16]),
        conversation: ConversationId::from_bytes([9; 16]),
        account: "1".into(),
        status: status.into(),
        total: total.into(),
        currency: "EUR".into(),
        reasons: vec!["above 1000".into()],
        request: "20 boxes".into(),
        detail: "{\"lines\":[]}".into(),
        created_ms: 1_000 + i64::from(id),
        updated_ms,
        deadline_ms: 9_000,
        decided_by: None,
        trace: TraceId::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_show_their_newest_state_and_a_bad_one_stops_nobody() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", HOME).await;
    let records = log(
        "quotes",
        vec![
            quote(acme, 1, "awaiting_approval", "1200.50", 2_000),
            quote(acme, 2, "awaiting_approval", "not money", 2_000),
            quote(acme, 3, "awaiting_approval", "0.10", 2_000),
            quote(acme, 3, "approved", "0.10", 3_000),
        ],
    );
    let applied = Tally::new(pool.clone(), 0).quotes(&records).await.unwrap();
    assert_eq!((applied.applied, applied.refused.len(), applied.refused[0].1), (3, 1, 2));
    let transaction = pool.tenant(acme).await.unwrap();
    let waiting = quotes::awaiting(&transaction, None, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|q| (q.quote, q.total.as_str())).collect::<Vec<_>>(), [(QuoteId::from_bytes([1; 16]), "1200.50")]);
    let first = quotes::list(&transaction, None, 1).await.unwrap();
    let second = quotes::list(&transaction, Some((first[0].created_at, first[0].quote)), 5).await.unwrap();
    assert_eq!([first[0].quote, second[0].quote], [QuoteId::from_bytes([3; 16]), QuoteId::from_bytes([1; 16])]);
    drop(transaction);
    // A rebuild reads old records into the same table: what is newer stays.
    Tally::new(pool.clone(), 1).quotes(&records[..3]).await.unwrap();
    let transaction = pool.tenant(acme).await.unwrap();
    assert_eq!(quotes::get(&transaction, QuoteId::from_bytes([3; 16])).await.unwrap().status, "approved");
}

/// `failed` of these steps fail, the others are accepted.
fn outcomes(tenant: TenantId, id: CampaignId, seqs: std::ops::Range<i64>, failed: i64) -> Vec<Message> {
    let end = |seq: i64| if seq < seqs.start + failed { SendState::Failed } else { SendState::Accepted };
    seqs.clone().map(|seq| step(tenant, id, seq, None, end(seq))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_mostly_fails_pauses_and_a_resume_counts_anew() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", HOME).await;
    let id = campaign(&pool, acme, "1", 400).await.campaign.id;
    let control = async |action: Action| {
        let transaction = pool.tenant(acme).await.unwrap();
        let campaign = campaigns::control(&transaction, id, &action, Timestamp::UNIX_EPOCH).await.unwrap();
        transaction.commit().await.unwrap();
        campaign.state
    };
    let brake = async || campaigns::brake(&pool, Timestamp::UNIX_EPOCH).await.unwrap();
    control(Action::Start).await;
    let mut tally = Tally::new(pool.clone(), 0);
    let mut records = outcomes(acme, id, 0..49, 49);
    tally.messages(&log("messages", records.clone())).await.unwrap();
    assert_eq!(brake().await, [], "the first few say nothing");
    records.extend(outcomes(acme, id, 49..250, 1));
    tally.messages(&log("messages", records.clone())).await.unwrap();
    assert_eq!(brake().await, [], "50 of 250 are the limit of 20 %, not above it");
    records.extend(outcomes(acme, id, 250..251, 1));
    tally.messages(&log("messages", records.clone())).await.unwrap();
    assert_eq!(brake().await, [(acme, id)]);
    let transaction = pool.tenant(acme).await.unwrap();
    let paused = campaigns::get(&transaction, id).await.unwrap();
    drop(transaction);
    let reason = paused.pause_reason.unwrap_or_default();
    assert!(paused.state == "paused" && reason.contains("51 of the last 251") && reason.contains("131026"), "{reason}");

    assert_eq!(control(Action::Resume).await, "running");
    assert_eq!(brake().await, [], "what failed before does not count");
    records.extend(outcomes(acme, id, 251..301, 20));
    tally.messages(&log("messages", records)).await.unwrap();
    assert_eq!(brake().await, [(acme, id)], "20 of 50 since then do");
}
