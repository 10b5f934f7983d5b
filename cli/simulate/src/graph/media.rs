//! Media: upload, a URL that lives five minutes, and its bytes (contract §9).
//!
//! Kept in memory, the oldest dropped beyond 256 MB; a restart forgets them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Multipart, Path, Query, State as Extract};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Refusal;
use super::validate::Asset;
use super::{auth, version};
use crate::limits::Millis;
use crate::state::{State, lock};
use crate::webhook::signature;

const MOST_BYTES: usize = 256 << 20;
const URL_LIFETIME: Millis = 5 * 60_000;

/// One file.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// The number it belongs to; `None` for customers' media.
    owner: Option<String>,
    mime: String,
    data: Bytes,
}

/// The files.
#[derive(Debug, Default)]
pub(crate) struct Media(Mutex<Store>);

#[derive(Debug, Default)]
struct Store {
    bytes: usize,
    items: HashMap<String, Arc<Item>>,
    order: VecDeque<String>,
}

impl Media {
    /// Keeps a file.
    pub(crate) fn put(&self, id: String, owner: Option<String>, mime: String, data: Bytes) -> Arc<Item> {
        let item = Arc::new(Item { id: id.clone(), owner, mime, data });
        let mut store = lock(&self.0);
        store.bytes += item.data.len();
        store.items.insert(id.clone(), item.clone());
        store.order.push_back(id);
        while store.bytes > MOST_BYTES && store.order.len() > 1 {
            let Some(oldest) = store.order.pop_front() else { break };
            store.forget(&oldest);
        }
        item
    }

    fn get(&self, id: &str) -> Option<Arc<Item>> {
        lock(&self.0).items.get(id).cloned()
    }

    /// Whether a message of `number` may use it.
    pub(super) fn check(&self, asset: Asset<'_>, number: &str) -> Result<(), Refusal> {
        let item = self.get(asset.id).filter(|item| item.owner.as_deref().is_none_or(|owner| owner == number));
        let item = item.ok_or_else(|| {
            Refusal::invalid(format!("{}['id']: media '{}' does not exist or was not uploaded for this number", asset.kind, asset.id))
        })?;
        let (kind, _) = kind(&item.mime).unwrap_or(("document", 0));
        // Every file may go as a document.
        if kind == asset.kind || asset.kind == "document" {
            return Ok(());
        }
        Err(Refusal::new(131_053, format!("{}['id']: media '{}' is {}", asset.kind, asset.id, item.mime)))
    }
}

impl Store {
    fn forget(&mut self, id: &str) -> bool {
        let item = self.items.remove(id);
        self.bytes -= item.as_ref().map_or(0, |item| item.data.len());
        item.is_some()
    }
}

impl Item {
    fn digest(&self) -> digest::Digest {
        digest::digest(&digest::SHA256, &self.data)
    }

    /// SHA-256 in base64, as inbound messages carry it.
    pub(crate) fn sha256_base64(&self) -> String {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(self.digest())
    }
}

/// Message type and most bytes of a MIME type; `None` if Meta takes no such file.
fn kind(mime: &str) -> Option<(&'static str, usize)> {
    const MB: usize = 1 << 20;
    Some(match mime.split(';').next().unwrap_or_default().trim() {
        "image/jpeg" | "image/png" => ("image", 5 * MB),
        "image/webp" => ("sticker", 500 << 10),
        "audio/aac" | "audio/mp4" | "audio/mpeg" | "audio/amr" | "audio/ogg" | "audio/opus" => ("audio", 16 * MB),
        "video/mp4" | "video/3gpp" => ("video", 16 * MB),
        "text/plain" | "application/pdf" | "application/msword" | "application/vnd.ms-excel" | "application/vnd.ms-powerpoint" => {
            ("document", 100 * MB)
        }
        office if office.starts_with("application/vnd.openxmlformats-officedocument.") => ("document", 100 * MB),
        _ => return None,
    })
}

/// `POST /{phone_number_id}/media`.
pub(super) async fn upload(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    headers: HeaderMap,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let number = auth::number(&state, &headers, &id)?.clone();
    let broken = |problem: String| Refusal::bad(format!("The multipart form cannot be read: {problem}"));
    let mut form = form.map_err(|error| broken(error.body_text()))?;
    let (mut product, mut file, mut declared) = (false, None, None);
    while let Some(field) = form.next_field().await.map_err(|error| broken(error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        let mime = field.content_type().map(String::from);
        let data = field.bytes().await.map_err(|error| broken(error.body_text()))?;
        match name.as_str() {
            "messaging_product" => product = &*data == b"whatsapp",
            "type" => declared = String::from_utf8(data.to_vec()).ok(),
            "file" => file = Some((mime, data)),
            _ => {}
        }
    }
    if !product {
        return Err(Refusal::bad("The parameter messaging_product is required."));
    }
    let (mime, data) = file.ok_or_else(|| Refusal::bad("The parameter file is required."))?;
    let mime = mime.or(declared).unwrap_or_else(|| "application/octet-stream".into());
    let (_, most) = kind(&mime)
        .ok_or_else(|| Refusal::bad(format!("Param file must be a file of a supported type. Received file of type '{mime}'.")))?;
    if data.is_empty() || data.len() > most {
        return Err(Refusal::new(131_053, format!("A file of type {mime} must have 1 to {most} bytes, got {}", data.len())));
    }
    let item = state.media.put(state.ids.numeric(), Some(number.id.clone()), mime, data);
    Ok(Json(json!({"id": item.id})))
}

/// `GET /{media_id}`, if the id is one of media.
pub(super) fn show(state: &State, headers: &HeaderMap, id: &str, of_number: Option<&str>) -> Option<Result<Value, Refusal>> {
    let item = state.media.get(id)?;
    if item.owner.as_deref().is_some_and(|owner| of_number.is_some_and(|asked| asked != owner)) {
        return Some(Err(Refusal::no_object(id)));
    }
    if let Err(refusal) =
        item.owner.as_deref().map_or_else(|| auth::token(state, headers).map(drop), |owner| auth::number(state, headers, owner).map(drop))
    {
        return Some(Err(refusal));
    }
    let expires = (state.clock.now() + URL_LIFETIME) / 1_000;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:8082");
    Some(Ok(json!({
        "messaging_product": "whatsapp",
        "url": format!("http://{host}/_media/{id}?ext={expires}&hash={}", url_hash(state, id, expires)),
        "mime_type": item.mime,
        "sha256": hex::encode(item.digest()),
        "file_size": item.data.len(),
        "id": id,
    })))
}

fn url_hash(state: &State, id: &str, expires: i64) -> String {
    signature(&state.app_secret, format!("media {id} {expires}").as_bytes()).split_off("sha256=".len())
}

/// The query of a media URL.
#[derive(Debug, Deserialize)]
pub(super) struct Signed {
    ext: i64,
    hash: String,
}

/// The bytes behind a media URL: same bearer, 404 once it has expired.
pub(super) async fn download(
    Extract(state): Extract<Arc<State>>,
    Path(id): Path<String>,
    query: Result<Query<Signed>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = auth::token(&state, &headers) {
        return refusal.into_response();
    }
    let valid = query.is_ok_and(|Query(signed)| state.clock.now() / 1_000 < signed.ext && signed.hash == url_hash(&state, &id, signed.ext));
    match state.media.get(&id).filter(|_| valid) {
        Some(item) => {
            let mime = HeaderValue::from_str(&item.mime).unwrap_or(HeaderValue::from_static("application/octet-stream"));
            ([(header::CONTENT_TYPE, mime)], item.data.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `DELETE /{media_id}`.
pub(super) async fn delete(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    auth::token(&state, &headers)?;
    if lock(&state.media.0).forget(&id) { Ok(Json(json!({"success": true}))) } else { Err(Refusal::no_object(&id)) }
}
