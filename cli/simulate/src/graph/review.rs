//! Templates made, edited and deleted (contract §9), and the look that somebody at Meta takes at them.
//!
//! A second later a template is approved, or rejected with `INVALID_FORMAT` if a variable stands at the beginning or the end of its body.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::{auth, object, version};
use crate::control::changes::set_status;
use crate::limits::Millis;
use crate::state::{State, Waba};
use crate::timeline::Event;
use crate::world::{Template, TemplateSeed, variables};

/// How long somebody looks.
const LOOK: Millis = 1_000;

/// 2388xxx: templates that cannot be made (contract §7).
fn refused(details: impl Into<String>) -> Refusal {
    Refusal::new(2_388_000, details)
}

fn text<'v>(body: &'v Map<String, Value>, field: &str) -> Result<&'v str, Refusal> {
    body.get(field).and_then(Value::as_str).ok_or_else(|| Refusal::bad(format!("The parameter {field} is required.")))
}

/// `POST /{waba_id}/message_templates`.
pub(super) async fn create(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let waba = auth::waba(&state, &headers, &id)?;
    let body = object(&body)?;
    let name = text(&body, "name")?;
    if name.is_empty() || name.len() > 512 || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Err(refused("Message template name can only have lowercase letters, digits and underscores, at most 512"));
    }
    let seed = TemplateSeed {
        id: Some(state.ids.numeric()),
        name: name.to_owned(),
        language: text(&body, "language")?.to_owned(),
        category: category(text(&body, "category")?)?,
        status: "PENDING".into(),
        components: components(&body)?,
    };
    let template = Arc::new(Template::new(seed).map_err(|e| refused(e.to_string()))?);
    {
        let mut templates = waba.templates.write().unwrap_or_else(PoisonError::into_inner);
        let languages = templates.entry(name.to_owned()).or_default();
        if languages.contains_key(&template.seed.language) {
            return Err(refused("There is already content in this language for this template"));
        }
        languages.insert(template.seed.language.clone(), template.clone());
    }
    look(&state, waba, &template);
    Ok(Json(json!({"id": template.id, "status": "PENDING", "category": template.seed.category})))
}

fn category(text: &str) -> Result<String, Refusal> {
    let known = ["MARKETING", "UTILITY", "AUTHENTICATION"].contains(&text);
    known.then(|| text.to_owned()).ok_or_else(|| Refusal::bad("Param category must be one of {MARKETING, UTILITY, AUTHENTICATION}"))
}

/// Components with an example for every variable.
fn components(body: &Map<String, Value>) -> Result<Vec<Value>, Refusal> {
    let components =
        body.get("components").and_then(Value::as_array).ok_or_else(|| Refusal::bad("The parameter components is required."))?;
    let of = |kind: &str| components.iter().find(|c| c["type"].as_str().is_some_and(|t| t.eq_ignore_ascii_case(kind)));
    let Some(text) = of("BODY").and_then(|body| body["text"].as_str()) else { return Err(refused("BODY with a text is required")) };
    for (kind, most, field) in [("HEADER", 60, "header_text"), ("BODY", 1_024, "body_text"), ("FOOTER", 60, "-")] {
        let Some(component) = of(kind) else { continue };
        let text = component["text"].as_str().unwrap_or_default();
        if text.chars().count() > most {
            return Err(refused(format!("{kind} text is longer than {most} characters")));
        }
        let example = &component["example"];
        if !variables(text).is_empty() && example[field].is_null() && example[format!("{field}_named_params")].is_null() {
            return Err(refused(format!("{kind} is missing expected field(s) (example)")));
        }
    }
    if text.trim().is_empty() {
        return Err(refused("BODY text is empty"));
    }
    Ok(components.clone())
}

/// `POST /{template_id}`, if the id is a template's: other components or another category, looked at anew.
pub(super) fn edit(state: &Arc<State>, headers: &HeaderMap, id: &str, body: &Bytes) -> Option<Result<Json<Value>, Refusal>> {
    let (waba, old) = state.wabas.values().find_map(|waba| {
        let templates = waba.templates.read().unwrap_or_else(PoisonError::into_inner);
        let found = templates.values().flat_map(std::collections::BTreeMap::values).find(|template| template.id == id)?.clone();
        Some((waba, found))
    })?;
    Some(auth::waba(state, headers, &waba.id).and_then(|_| {
        let body = object(body)?;
        if !["APPROVED", "REJECTED", "PAUSED"].contains(&old.seed.status.as_str()) {
            return Err(refused(format!("A template that is {} cannot be edited", old.seed.status)));
        }
        let mut seed = old.seed.clone();
        seed.id = Some(old.id.clone());
        if body.contains_key("components") {
            seed.components = components(&body)?;
        }
        if let Some(wanted) = body.get("category").and_then(Value::as_str).filter(|wanted| *wanted != seed.category) {
            if seed.status == "APPROVED" {
                return Err(refused("The category of an approved template cannot be edited"));
            }
            seed.category = category(wanted)?;
        }
        seed.status = "PENDING".into();
        let template = Arc::new(Template::new(seed).map_err(|e| refused(e.to_string()))?);
        let mut templates = waba.templates.write().unwrap_or_else(PoisonError::into_inner);
        templates.entry(template.seed.name.clone()).or_default().insert(template.seed.language.clone(), template.clone());
        drop(templates);
        look(state, waba, &template);
        Ok(Json(json!({"success": true})))
    }))
}

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    name: String,
    #[serde(default)]
    hsm_id: Option<String>,
}

/// `DELETE /{waba_id}/message_templates?name=[&hsm_id=]`: one language, or all of them.
pub(super) async fn remove(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let waba = auth::waba(&state, &headers, &id)?;
    let mut templates = waba.templates.write().unwrap_or_else(PoisonError::into_inner);
    let languages = templates.get_mut(&which.name).ok_or_else(|| refused("Message template does not exist"))?;
    let before = languages.len();
    languages.retain(|_, template| which.hsm_id.as_ref().is_some_and(|id| template.id != *id));
    if languages.len() == before {
        return Err(refused("Message template does not exist"));
    }
    Ok(Json(json!({"success": true})))
}

fn look(state: &Arc<State>, waba: &Arc<Waba>, template: &Template) {
    let (name, language) = (template.seed.name.clone(), template.seed.language.clone());
    state.timeline.plan([(state.clock.now() + LOOK, Event::Review { waba: waba.clone(), name, language })]);
}

/// Somebody has looked at a template.
pub(crate) fn done(state: &Arc<State>, waba: &Arc<Waba>, name: &str, language: &str) {
    let waiting = {
        let templates = waba.templates.read().unwrap_or_else(PoisonError::into_inner);
        templates.get(name).and_then(|languages| languages.get(language)).filter(|template| template.seed.status == "PENDING").cloned()
    };
    let Some(template) = waiting else { return };
    let body = template.body_text.trim();
    let loose = body.starts_with("{{") || body.ends_with("}}");
    let (status, reason) = if loose { ("REJECTED", "INVALID_FORMAT") } else { ("APPROVED", "NONE") };
    set_status(state, waba, (name, language), status, reason);
}
