//! The registry's client and server against each other, and the server against `schema_registry_converter`'s client.

use std::net::SocketAddr;

use schema_registry_converter::async_impl::schema_registry as converter;
use schema_registry_converter::async_impl::schema_registry::SrSettings;
use schema_registry_converter::schema_registry_common::{SchemaType, SuppliedSchema};
use serde_json::{Value, json};
use sluice_connectors::registry::server::{Store, router};
use sluice_connectors::registry::{Options, learn, load, register};
use sluice_schemas::record::{Journal, Record, SCHEMAS};

async fn server() -> Options {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, router(Store::memory())).await });
    Options { url }
}

fn thing(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"Thing","fields":[{fields}]}}"#)
}

const A: &str = r#"{"name":"a","type":"int"}"#;
const B_WITH_DEFAULT: &str = r#"{"name":"a","type":"int"},{"name":"b","type":"string","default":""}"#;

async fn post(options: &Options, path: &str, schema: &str) -> (u16, Value) {
    let answer =
        reqwest::Client::new().post(format!("{}{path}", options.url)).json(&json!({ "schema": schema })).send().await.expect("answers");
    (answer.status().as_u16(), answer.json().await.expect("is JSON"))
}

async fn get(options: &Options, path: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{}{path}", options.url)).await.expect("answers");
    (answer.status().as_u16(), answer.json().await.expect("is JSON"))
}

#[tokio::test]
async fn every_schema_is_registered_once_and_keeps_its_id() {
    let options = server().await;
    let first = register(&options).await.expect("registers");
    let again = register(&options).await.expect("registers again");
    let ids = |versions: &[sluice_schemas::codec::Version]| versions.iter().map(|v| (v.name.clone(), v.id)).collect::<Vec<_>>();
    assert_eq!(first.len(), SCHEMAS.len());
    assert_eq!(ids(&first), ids(&again));
    let (_, versions) = get(&options, "/subjects/raw_event/versions").await;
    assert_eq!(versions, json!([1]));
}

#[tokio::test]
async fn loaded_codecs_write_the_registered_id_and_read_what_they_wrote() {
    let options = server().await;
    let id = register(&options).await.expect("registers").iter().find(|v| v.name == "journal").expect("is there").id;
    let codec = load(&options).await.expect("loads").of::<Journal>();
    let bytes = codec.encode(&Journal::default()).expect("encodes");
    assert_eq!(bytes[1..5], id.to_be_bytes());
    assert_eq!(codec.decode(&bytes).expect("decodes"), Journal::default());
}

#[tokio::test]
async fn a_record_of_another_registered_version_is_read() {
    let options = server().await;
    register(&options).await.expect("registers");
    // A newer build added a field with a default, as a rolling upgrade would.
    let (_, text) = SCHEMAS.iter().find(|(name, _)| *name == "journal").expect("is there");
    let mut schema: Value = serde_json::from_str(text).expect("parses");
    schema["fields"].as_array_mut().expect("fields").push(json!({ "name": "added", "type": ["null", "int"], "default": null }));
    let (status, answer) = post(&options, "/subjects/journal/versions", &schema.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    let newer = u32::try_from(answer["id"].as_u64().expect("id")).expect("fits");

    let codec = load(&options).await.expect("loads").of::<Journal>();
    let own = codec.encode(&Journal { sequence: 7, ..Journal::default() }).expect("encodes");
    let mut theirs = vec![0];
    theirs.extend_from_slice(&newer.to_be_bytes());
    theirs.extend_from_slice(&own[5..]);
    theirs.push(0); // branch 0 of the union: null
    assert_eq!(codec.decode(&theirs).expect("decodes").sequence, 7);
}

#[tokio::test]
async fn loading_before_migrating_says_what_to_do() {
    let error = load(&server().await).await.map(|_| ()).expect_err("nothing is registered");
    assert_eq!(error.kind(), "unregistered");
    assert!(error.to_string().contains("sluice migrate"));
}

#[tokio::test]
async fn a_change_that_would_break_readers_is_refused_with_the_field() {
    let options = server().await;
    let (_, text) = SCHEMAS.iter().find(|(name, _)| *name == "journal").expect("is there");
    let with_more = text.replacen(r#"{"name": "sequence""#, r#"{"name": "gone", "type": "int"}, {"name": "sequence""#, 1);
    assert_ne!(*text, with_more);
    assert_eq!(post(&options, "/subjects/journal/versions", &with_more).await.0, 200);

    let error = register(&options).await.expect_err("drops a field without a default");
    assert_eq!(error.kind(), "incompatible");
    let text = error.to_string();
    assert!(text.contains("`journal`") && text.contains("field `gone`") && text.contains("version 1"), "{text}");
}

#[tokio::test]
async fn a_refused_schema_leaves_no_trace() {
    let options = server().await;
    assert_eq!(post(&options, "/subjects/thing/versions", &thing(A)).await, (200, json!({ "id": 1 })));
    let (status, answer) = post(&options, "/subjects/thing/versions", &thing(r#"{"name":"a","type":"string"}"#)).await;
    assert_eq!((status, &answer["error_code"]), (409, &json!(409)));
    assert!(answer["message"].as_str().is_some_and(|m| m.contains("field `a` is written as")), "{answer}");
    assert_eq!(get(&options, "/subjects/thing/versions").await, (200, json!([1])));
}

#[tokio::test]
async fn a_schema_evolves_and_old_ids_stay() {
    let options = server().await;
    post(&options, "/subjects/thing/versions", &thing(A)).await;
    assert_eq!(post(&options, "/subjects/thing/versions", &thing(B_WITH_DEFAULT)).await, (200, json!({ "id": 2 })));
    // White space changes nothing, a repeat changes nothing.
    assert_eq!(post(&options, "/subjects/thing/versions", &thing(A).replace(',', " , ")).await, (200, json!({ "id": 1 })));
    assert_eq!(get(&options, "/subjects").await, (200, json!(["thing"])));
    assert_eq!(get(&options, "/subjects/thing/versions/latest").await.1["id"], 2);
    assert_eq!(get(&options, "/subjects/thing/versions/1").await.1["schema"], json!(thing(A)));
    assert_eq!(get(&options, "/schemas/ids/2").await.1["schema"], json!(thing(B_WITH_DEFAULT)));
    assert_eq!(post(&options, "/subjects/thing", &thing(B_WITH_DEFAULT)).await.1["version"], 2);
}

#[tokio::test]
async fn the_same_schema_has_one_id_under_every_subject() {
    let options = server().await;
    post(&options, "/subjects/other/versions", &thing(B_WITH_DEFAULT)).await;
    let first = post(&options, "/subjects/thing/versions", &thing(A)).await;
    assert_eq!(post(&options, "/subjects/twin/versions", &thing(A)).await, first);
}

#[tokio::test]
async fn compatibility_can_be_asked_without_registering() {
    let options = server().await;
    post(&options, "/subjects/thing/versions", &thing(A)).await;
    let path = "/compatibility/subjects/thing/versions/latest";
    assert_eq!(post(&options, path, &thing(B_WITH_DEFAULT)).await.1["is_compatible"], true);
    let (_, answer) = post(&options, path, &thing("")).await;
    assert_eq!(answer["is_compatible"], false);
    assert!(answer["messages"][0].as_str().is_some_and(|m| m.contains("field `a`")), "{answer}");
    assert_eq!(get(&options, "/subjects/thing/versions").await.1, json!([1]));
}

#[tokio::test]
async fn what_is_not_there_or_not_avro_has_confluents_codes() {
    let options = server().await;
    post(&options, "/subjects/thing/versions", &thing(A)).await;
    for (path, code) in [
        ("/subjects/nobody/versions", 40401),
        ("/subjects/thing/versions/9", 40402),
        ("/schemas/ids/99", 40403),
        ("/subjects/thing/versions/zero", 42202),
    ] {
        assert_eq!(get(&options, path).await.1["error_code"], code, "{path}");
    }
    assert_eq!(post(&options, "/subjects/thing", &thing("")).await.1["error_code"], 40403);
    assert_eq!(post(&options, "/subjects/thing/versions", r#"{"type":"nonsense"}"#).await.1["error_code"], 42201);
    let level = |level: &str| reqwest::Client::new().put(format!("{}/config", options.url)).json(&json!({ "compatibility": level })).send();
    assert_eq!(level("FULL").await.expect("answers").status(), 200);
    assert_eq!(level("NONE").await.expect("answers").status(), 422);
}

#[tokio::test]
async fn the_crates_own_client_registers_and_fetches() {
    let options = server().await;
    let settings = SrSettings::new(options.url);
    let supplied = |text: String| SuppliedSchema::new(None, SchemaType::Avro, text);
    let posted = converter::post_schema(&settings, "thing".into(), supplied(thing(A))).await.expect("posts");
    let fetched = converter::get_schema_by_id(posted.id, &settings).await.expect("fetches");
    assert_eq!((fetched.schema, fetched.version), (thing(A), Some(1)));
    let latest = converter::get_schema_by_subject_and_version(&settings, "thing", Some(1)).await.expect("fetches");
    assert_eq!(latest.id, posted.id);
    assert_eq!(converter::get_all_subjects(&settings).await.expect("lists"), ["thing"]);
    assert_eq!(converter::get_all_versions(&settings, "thing".into()).await.expect("lists"), [1]);
    assert!(converter::is_compatible_schema(&settings, "thing".into(), supplied(thing(B_WITH_DEFAULT))).await.expect("answers"));
    assert!(!converter::is_compatible_schema(&settings, "thing".into(), supplied(thing(""))).await.expect("answers"));
}

#[tokio::test]
async fn a_schema_registered_after_the_start_is_learnt_and_an_outage_is_not_taken_for_an_answer() {
    let options = server().await;
    register(&options).await.expect("registers");
    let codecs = load(&options).await.expect("loads");
    let codec = codecs.of::<Journal>();
    let mut bytes = codec.encode(&Journal::default()).expect("encodes");
    let newer = Journal::SCHEMA.replacen("\"fields\": [", "\"fields\": [{\"name\": \"later\", \"type\": \"int\", \"default\": 0},", 1);
    let (status, answer) = post(&options, "/subjects/journal/versions", &newer).await;
    assert_eq!(status, 200, "{answer}");
    let id = u32::try_from(answer["id"].as_u64().expect("an id")).expect("fits");
    bytes.splice(1..5, id.to_be_bytes());
    bytes.insert(5, 14);
    assert_eq!(codecs.stranger(&bytes), Some(id));
    let nobody = Options { url: "http://127.0.0.1:9".into() };
    assert!(learn(&nobody, &codecs, id).await.is_err());
    assert_eq!(codecs.stranger(&bytes), Some(id), "an outage is no answer");
    learn(&options, &codecs, id).await.expect("is known");
    assert_eq!(codec.decode(&bytes).expect("reads the newer record"), Journal::default());
    learn(&options, &codecs, 4_000_000).await.expect("an answer, if only that there is none");
    bytes.splice(1..5, 4_000_000_u32.to_be_bytes());
    assert_eq!(codec.decode(&bytes).expect_err("no schema").kind(), "unknown_schema");
}
