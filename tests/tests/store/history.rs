use sluice_connectors::scylla::{Direction, MessageRow, Options, Session, Snapshot, Step, StepRow, Write, migrate, plan};
use sluice_local::Engine;
use sluice_schemas::ids::{ConversationId, TenantId, TraceId};
use sluice_schemas::record::SendState;
use sluice_schemas::time::Millis;
use uuid::Uuid;

use super::own;

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const TALK: ConversationId = ConversationId::from_bytes([2; 16]);

fn options() -> Options {
    let node = std::env::var("SLUICE_TEST_CQL").unwrap_or_else(|_| own(Engine::Cassandra).address(Engine::Cassandra).expect("its address"));
    Options { nodes: vec![node], keyspace: format!("store_{}", Uuid::new_v4().simple()), ..Options::default() }
}

async fn session() -> Session {
    let options = options();
    migrate(&options).await.expect("migrates");
    Session::connect(&options).await.expect("connects")
}

fn message(at_ms: i64, id: &str, direction: Direction) -> Write {
    let row = MessageRow {
        at_ms,
        message_id: id.into(),
        direction,
        kind: "inbound".into(),
        type_: "text".into(),
        body: "{}".into(),
        account: "1".into(),
        channel: "whatsapp".into(),
        trace: TraceId::default(),
    };
    Write::Message { tenant: TENANT, conversation: TALK, row }
}

fn step(id: &str, state: SendState, at_ms: i64) -> Write {
    let step = Step { state, at_ms, code: None, detail: None, wamid: None };
    let row = StepRow { step, account: "1".into(), recipient: "15550100002".into(), campaign: None, body: None };
    Write::Step { tenant: TENANT, message_id: id.into(), row }
}

fn snapshot(conversation: u8, updated_ms: i64, version: i64) -> Write {
    let snapshot = Snapshot {
        conversation: ConversationId::from_bytes([conversation; 16]),
        account: "1".into(),
        channel: "whatsapp".into(),
        phone: Some("15550100002".into()),
        user_id: None,
        name: None,
        status: "OPEN".into(),
        stage: "idle".into(),
        window_until_ms: 0,
        created_ms: 0,
        updated_ms,
        last_in_ms: 0,
        preview: String::new(),
        unread: 0,
        assignee: None,
        quote: None,
        version,
    };
    Write::Snapshot { tenant: TENANT, snapshot }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_makes_what_plan_said_and_nothing_twice() {
    let options = options();
    let missing = Session::connect(&options).await.err().unwrap();
    assert_eq!(missing.kind(), "schema", "{missing}");
    let planned = plan(&options).await.unwrap();
    assert_eq!(planned.changes.len(), 5);
    assert_eq!(migrate(&options).await.unwrap(), planned);
    assert_eq!(plan(&options).await.unwrap().changes, Vec::<String>::new());
    Session::connect(&options).await.unwrap().check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_and_another_order_change_nothing() {
    let session = session().await;
    let now = Millis::now();
    let at = now.0 - 60_000;
    let rows = vec![
        message(at, "wamid.in", Direction::In),
        message(at + 1, "send", Direction::Out),
        step("send", SendState::Planned, at + 1),
        step("send", SendState::Accepted, at + 1_500),
        step("send", SendState::Delivered, at + 1_000),
    ];
    assert_eq!(session.write(rows.clone(), now).await.unwrap(), 5);
    let once = session.messages(TENANT, TALK, None, None, 10).await.unwrap();
    session.write(rows.into_iter().rev().collect(), now.plus(5)).await.unwrap();
    assert_eq!(session.messages(TENANT, TALK, None, None, 10).await.unwrap(), once);
    assert_eq!(once.iter().map(|view| view.message.message_id.as_str()).collect::<Vec<_>>(), ["send", "wamid.in"]);
    assert_eq!(once[0].latest.as_ref().map(|step| step.state), Some(SendState::Delivered));
    assert_eq!((once[0].steps.len(), once[1].steps.len()), (3, 0));
    let stranger = TenantId::from_bytes([9; 16]);
    assert_eq!(session.messages(stranger, TALK, None, None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_conversation_cross_partitions_and_show_each_message_once() {
    let session = session().await;
    let now = Millis::now();
    // Every seven days for half a year, and three at the same moment.
    let mut rows: Vec<Write> = (0..26).map(|week| message(now.0 - week * 7 * Millis::DAY, &format!("m{week:02}"), Direction::In)).collect();
    rows.extend(["a", "b", "c"].map(|id| message(now.0 - 1, id, Direction::In)));
    session.write(rows, now).await.unwrap();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = session.messages(TENANT, TALK, before.clone(), Some(Millis(now.0 - 200 * Millis::DAY)), 4).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.message.at_ms, last.message.message_id.clone()));
        seen.extend(page.into_iter().map(|view| (view.message.at_ms, view.message.message_id)));
    }
    assert_eq!(seen.len(), 29);
    assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_lists_each_conversation_once_across_days_and_pages() {
    let session = session().await;
    let now = Millis::now();
    let mut rows = Vec::new();
    for conversation in 0..9u8 {
        // Each changes on four days; the newest is what counts.
        for version in 0..4 {
            let age = (i64::from(conversation) * 3_600_000) + (3 - version) * Millis::DAY;
            rows.push(snapshot(conversation, now.0 - 1_000 - age, version));
        }
    }
    session.write(rows, now).await.unwrap();
    let (mut seen, mut before) = (Vec::new(), Millis(i64::MAX));
    loop {
        let page = session.recent_conversations(TENANT, before, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Millis(last.updated_ms);
        seen.extend(page.iter().map(|snapshot| (snapshot.conversation.as_bytes()[0], snapshot.version)));
    }
    assert_eq!(seen, (0..9).map(|conversation| (conversation, 3)).collect::<Vec<_>>());
    let newest = session.conversation(TENANT, ConversationId::from_bytes([4; 16])).await.unwrap();
    assert_eq!(newest.map(|snapshot| snapshot.version), Some(3));
    assert_eq!(session.conversation(TENANT, ConversationId::from_bytes([99; 16])).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_beyond_the_retention_are_not_written() {
    let options = Options { retention_days: 30, ..options() };
    migrate(&options).await.unwrap();
    let session = Session::connect(&options).await.unwrap();
    let now = Millis::now();
    let rows = vec![message(now.0 - 31 * Millis::DAY, "old", Direction::In), message(now.0 - 29 * Millis::DAY, "new", Direction::In)];
    assert_eq!(session.write(rows, now).await.unwrap(), 1);
    let views = session.messages(TENANT, TALK, None, None, 10).await.unwrap();
    assert_eq!(views.iter().map(|view| view.message.message_id.as_str()).collect::<Vec<_>>(), ["new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_there_is_named() {
    let options = Options { nodes: vec!["127.0.0.1:1".into()], ..Options::default() };
    let error = Session::connect(&options).await.err().unwrap();
    assert_eq!(error.kind(), "unreachable");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}
