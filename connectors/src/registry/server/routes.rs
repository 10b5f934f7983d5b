use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::store::Candidate;
use super::{Error, Registered, Store};

/// The registry's HTTP interface over `store`.
pub fn router(store: Store) -> Router {
    Router::new()
        .route("/", get(async || Json(json!({}))))
        .route("/subjects", get(subjects))
        .route("/subjects/{subject}", post(lookup))
        .route("/subjects/{subject}/versions", get(versions).post(register))
        .route("/subjects/{subject}/versions/{version}", get(version))
        .route("/schemas/ids/{id}", get(by_id))
        .route("/schemas/types", get(async || Json(json!(["AVRO"]))))
        .route("/config", get(level).put(set_level))
        .route("/config/{subject}", get(level).put(set_level))
        .route("/compatibility/subjects/{subject}/versions", post(compatible_with_all))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(compatible_with))
        .with_state(Arc::new(store))
}

type Answer = Result<Json<Value>, Error>;

/// Body of a registration, look-up or compatibility check.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Submission {
    schema: String,
    schema_type: Option<String>,
    #[serde(default)]
    references: Vec<Value>,
}

impl Submission {
    /// Read whatever the content type: clients disagree on it.
    fn read(body: &Bytes) -> Result<String, Error> {
        let submission: Self = serde_json::from_slice(body).map_err(|error| Error::InvalidSchema(error.to_string()))?;
        match submission.schema_type.as_deref() {
            None | Some("AVRO") if submission.references.is_empty() => Ok(submission.schema),
            None | Some("AVRO") => Err(Error::InvalidSchema("references are not supported; put the types into one schema".into())),
            Some(other) => Err(Error::InvalidSchema(format!("schemaType {other} is not supported, only AVRO"))),
        }
    }
}

fn shown(row: &Registered) -> Json<Value> {
    Json(json!({ "subject": row.subject, "version": row.version, "id": row.id, "schemaType": "AVRO", "schema": row.schema }))
}

async fn subjects(State(store): State<Arc<Store>>) -> Answer {
    Ok(Json(json!(store.subjects().await?)))
}

async fn register(State(store): State<Arc<Store>>, Path(subject): Path<String>, body: Bytes) -> Answer {
    let row = store.register(&subject, &Submission::read(&body)?).await?;
    tracing::info!(subject, version = row.version, id = row.id, "schema registered");
    Ok(Json(json!({ "id": row.id })))
}

async fn lookup(State(store): State<Arc<Store>>, Path(subject): Path<String>, body: Bytes) -> Answer {
    let candidate = Candidate::parse(&Submission::read(&body)?)?;
    candidate.among(&existing(&store, &subject).await?).map(shown).ok_or(Error::SchemaNotFound)
}

async fn versions(State(store): State<Arc<Store>>, Path(subject): Path<String>) -> Answer {
    let rows = existing(&store, &subject).await?;
    Ok(Json(json!(rows.iter().map(|row| row.version).collect::<Vec<_>>())))
}

async fn version(State(store): State<Arc<Store>>, Path((subject, version)): Path<(String, String)>) -> Answer {
    let rows = existing(&store, &subject).await?;
    find(&rows, &version).map(shown)
}

async fn by_id(State(store): State<Arc<Store>>, Path(id): Path<u32>) -> Answer {
    store.by_id(id).await?.as_ref().map(shown).ok_or(Error::SchemaNotFound)
}

async fn level() -> Json<Value> {
    Json(json!({ "compatibilityLevel": "FULL" }))
}

#[derive(Deserialize)]
struct Level {
    compatibility: String,
}

async fn set_level(body: Bytes) -> Answer {
    let level: Level = serde_json::from_slice(&body).map_err(|error| Error::InvalidLevel(error.to_string()))?;
    if level.compatibility == "FULL" { Ok(Json(json!({ "compatibility": "FULL" }))) } else { Err(Error::InvalidLevel(level.compatibility)) }
}

async fn compatible_with_all(State(store): State<Arc<Store>>, Path(subject): Path<String>, body: Bytes) -> Answer {
    let candidate = Candidate::parse(&Submission::read(&body)?)?;
    verdict(&candidate, &store.versions(&subject).await?)
}

async fn compatible_with(State(store): State<Arc<Store>>, Path((subject, version)): Path<(String, String)>, body: Bytes) -> Answer {
    let candidate = Candidate::parse(&Submission::read(&body)?)?;
    let rows = existing(&store, &subject).await?;
    verdict(&candidate, std::slice::from_ref(find(&rows, &version)?))
}

fn verdict(candidate: &Candidate, versions: &[Registered]) -> Answer {
    Ok(Json(match candidate.may_follow(versions)? {
        Ok(()) => json!({ "is_compatible": true }),
        Err(reason) => json!({ "is_compatible": false, "messages": [reason] }),
    }))
}

async fn existing(store: &Store, subject: &str) -> Result<Vec<Registered>, Error> {
    let rows = store.versions(subject).await?;
    if rows.is_empty() { Err(Error::SubjectNotFound(subject.to_owned())) } else { Ok(rows) }
}

fn find<'a>(rows: &'a [Registered], version: &str) -> Result<&'a Registered, Error> {
    let found = match version {
        // Some clients say -1 for the latest.
        "latest" | "-1" => rows.last(),
        number => {
            let number: u32 = number.parse().ok().filter(|n| *n > 0).ok_or_else(|| Error::InvalidVersion(number.to_owned()))?;
            rows.iter().find(|row| row.version == number)
        }
    };
    found.ok_or_else(|| Error::VersionNotFound(version.to_owned()))
}
