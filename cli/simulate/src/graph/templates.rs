//! `GET /{waba_id}/message_templates` (contract §9).

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Refusal;
use super::{auth, version};
use crate::state::State;
use crate::world::Template;

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    fields: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    language: Option<String>,
}

/// Lists templates by name and language, in pages.
pub(super) async fn list(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let waba = auth::waba(&state, &headers, &id)?;
    let start = filter.after.as_deref().map_or(Some(0), position).ok_or_else(|| Refusal::bad("Param after is no cursor"))?;
    let limit = filter.limit.unwrap_or(25).clamp(1, 1_000);
    let mut all: Vec<Arc<Template>> = {
        let templates = waba.templates.read().unwrap_or_else(PoisonError::into_inner);
        templates.values().flat_map(|languages| languages.values().cloned()).collect()
    };
    all.retain(|template| filter.matches(template));
    all.sort_by(|a, b| (&a.seed.name, &a.seed.language).cmp(&(&b.seed.name, &b.seed.language)));
    let page: Vec<Value> = all.iter().skip(start).take(limit).map(|template| filter.project(template.listed())).collect();
    let end = start + page.len();
    let mut paging = json!({"cursors": {"before": cursor(start), "after": cursor(end)}});
    if end < all.len() {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:8082");
        paging["next"] = format!("http://{host}/{graph}/{id}/message_templates?{}", filter.next(limit, end)).into();
    }
    // Meta leaves `paging` out of an empty answer.
    Ok(Json(if page.is_empty() { json!({"data": []}) } else { json!({"data": page, "paging": paging}) }))
}

impl Filter {
    fn matches(&self, template: &Template) -> bool {
        let is = |asked: &Option<String>, own: &str| asked.as_deref().is_none_or(|asked| asked.eq_ignore_ascii_case(own));
        self.name.as_deref().is_none_or(|part| template.seed.name.contains(part))
            && is(&self.status, &template.seed.status)
            && is(&self.language, &template.seed.language)
    }

    /// Keeps the fields asked for, and the id always.
    fn project(&self, mut template: Value) -> Value {
        if let (Some(fields), Some(object)) = (&self.fields, template.as_object_mut()) {
            object.retain(|key, _| key == "id" || fields.split(',').any(|field| field.trim() == key));
        }
        template
    }

    fn next(&self, limit: usize, end: usize) -> String {
        let mut query = format!("limit={limit}&after={}", cursor(end));
        for (key, value) in [("fields", &self.fields), ("name", &self.name), ("status", &self.status), ("language", &self.language)] {
            if let Some(value) = value {
                query.extend(["&", key, "=", value]);
            }
        }
        query
    }
}

fn cursor(position: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("at:{position}"))
}

fn position(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("at:")?.parse().ok()
}
