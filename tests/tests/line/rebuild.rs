//! Projections that lost rows or hold wrong ones are made anew from the topics, while the line goes on.

use scylla::client::session_builder::SessionBuilder;
use scylla::value::CqlTimestamp;
use serde_json::Value;
use sluice_connectors::scylla::bucket;
use sluice_local::System;

use super::harness::{audience, calm, campaign, control, eventually, funnel, texts, write};
use super::http::runtime;

const RECIPIENTS: usize = 20;
const PREFIX: &str = "1555029";

fn settings(system: &System) -> toml::Value {
    let text = std::fs::read_to_string(system.dir().join("sluice.toml")).expect("a configuration");
    toml::from_str(&text).expect("TOML")
}

/// Statements of the owner, for whom no policy hides a row.
fn postgres(system: &System, statements: &str) {
    let url = settings(system)["postgres"]["url"].as_str().expect("an address").to_owned();
    runtime().block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("Postgres answers");
        tokio::spawn(connection);
        client.batch_execute(statements).await.expect("statements");
    });
}

fn rebuild(system: &System, projection: &str) -> Value {
    let lines = system.sluice_json(&["replay", "rebuild", "--projection", projection, "--yes"]).expect("a rebuild");
    assert_eq!(lines[0]["kind"], "plan");
    lines[1].clone()
}

#[test]
fn lost_and_wrong_figures_are_right_after_a_rebuild_while_a_campaign_runs() {
    let system = calm();
    let csv = audience(PREFIX, RECIPIENTS);
    let ids = ["counted-before", "counted-meanwhile"].map(|name| {
        let made = campaign(system, name, &csv.replace(PREFIX, &format!("{PREFIX}{}", name.len() % 10)), 10);
        made["id"].as_str().expect("an id").to_owned()
    });
    let over = |id: &str| {
        eventually(system, "the end of the campaign", || {
            let shown = funnel(system, id, RECIPIENTS as i64);
            let read = shown["funnel"]["read"].as_i64() >= shown["funnel"]["accepted"].as_i64();
            (shown["state"] == "completed" && read).then(|| shown["funnel"].clone())
        })
    };
    control(system, "start", &ids[0]);
    let right = over(&ids[0]);
    postgres(system, &format!("update campaign_counters set n = n + 3 where campaign_id = '{}'", ids[0]));
    assert!(system.api_get(&format!("/api/v1/campaigns/{}", ids[0])).expect("a campaign")["funnel"] != right);
    control(system, "start", &ids[1]);
    let report = rebuild(system, "tally");
    assert!(report["changed"]["campaigns"].as_i64() >= Some(1) && report["campaigns"].as_i64() >= Some(2), "{report}");
    assert_eq!(funnel(system, &ids[0], RECIPIENTS as i64)["funnel"], right);
    over(&ids[1]);
}

/// Takes the question away and puts other words into the answer, at the time of their rows.
async fn spoil(node: &str, keyspace: &str, tenant: &str, id: &str) {
    let session = SessionBuilder::new().known_node(node).build().await.expect("a session");
    let now = bucket(jiff::Timestamp::now().as_millisecond());
    for bucket in [now - 1, now] {
        let place = format!("tenant = {tenant} and conversation = {id} and bucket = {bucket}");
        let sql = format!("select ts, message_id, direction from {keyspace}.messages_by_conversation where {place}");
        let rows = session.query_unpaged(sql, ()).await.expect("an answer").into_rows_result().expect("rows");
        for row in rows.rows::<(CqlTimestamp, String, String)>().expect("columns") {
            let (CqlTimestamp(ts), message, direction) = row.expect("a row");
            let row = format!("{place} and ts = {ts} and message_id = '{message}'");
            let sql = if direction == "in" {
                format!("delete from {keyspace}.messages_by_conversation using timestamp {ts}000 where {row}")
            } else {
                // Of two values of one time the greater stands.
                format!("update {keyspace}.messages_by_conversation using timestamp {ts}000 set body = '~' where {row}")
            };
            session.query_unpaged(sql, ()).await.expect("spoilt");
        }
    }
}

#[test]
fn a_conversation_whose_rows_were_lost_or_wrong_is_shown_again_after_a_rebuild() {
    let (system, from) = (calm(), "15550297001");
    write(system, from, "3 bags of cement to 01310-100?");
    let answer = eventually(system, "an answer", || texts(system, from).pop());
    let id = eventually(system, "the conversation in the archive", || {
        let found = system.api_get(&format!("/api/v1/conversations?q={from}")).ok()?;
        found["data"][0]["id"].as_str().map(str::to_owned)
    });
    let messages = || system.api_get(&format!("/api/v1/conversations/{id}/messages")).ok();
    let read = |shown: &Value| shown["data"].as_array().is_some_and(|rows| rows.len() == 2) && shown.to_string().contains("\"read\"");
    let before = eventually(system, "question and answer, read", || messages().filter(read));
    assert!(before.to_string().contains(answer.split('\n').next().expect("a line")), "{before}");

    let cql = settings(system)["cql"].clone();
    let (node, keyspace) = (cql["nodes"][0].as_str().expect("a node"), cql["keyspace"].as_str().expect("a keyspace"));
    let tenant = system.sluice_json(&["tenant", "list"]).expect("tenants")[0]["id"].as_str().expect("an id").to_owned();
    runtime().block_on(spoil(node, keyspace, &tenant, &id));
    assert_ne!(messages().as_ref(), Some(&before));
    let report = rebuild(system, "history");
    assert_eq!(report["unreadable"], 0, "{report}");
    assert_eq!(messages(), Some(before));
}
