//! What Meta or a number's owner may change while the simulator runs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use serde::Deserialize;
use serde_json::json;

use crate::limits::Bucket;
use crate::state::{State, Waba, lock};
use crate::webhook::Update;

/// `POST /_sim/number`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberChange {
    phone_number_id: String,
    #[serde(default)]
    registered: Option<bool>,
    /// Messages a second from now on; the bucket starts full.
    #[serde(default)]
    throughput: Option<u32>,
}

/// Applies a change.
///
/// # Errors
/// A sentence about the field that is wrong.
pub(super) fn number(state: &State, change: &NumberChange) -> Result<(), String> {
    let number = state
        .numbers
        .get(&change.phone_number_id)
        .ok_or_else(|| format!("phone_number_id: `{}` is no number of this world", change.phone_number_id))?;
    if let Some(registered) = change.registered {
        number.registered.store(registered, Ordering::Relaxed);
    }
    if let Some(throughput) = change.throughput {
        let depth = number.seed.throughput_depth.unwrap_or(throughput);
        *lock(&number.throughput) = Bucket::new(f64::from(throughput), depth);
    }
    Ok(())
}

/// `POST /_sim/template`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateChange {
    waba_id: String,
    name: String,
    language: String,
    /// `APPROVED`, `PAUSED`, `DISABLED`, ...
    status: String,
    /// The webhook's `reason`.
    #[serde(default)]
    reason: Option<String>,
}

/// Changes a template's status and sends `message_template_status_update` (contract §5).
///
/// # Errors
/// A sentence about the field that is wrong.
pub(super) fn template(state: &Arc<State>, change: &TemplateChange) -> Result<(), String> {
    let waba = state.wabas.get(&change.waba_id).ok_or_else(|| format!("waba_id: `{}` is no WABA of this world", change.waba_id))?;
    let reason = change.reason.as_deref().unwrap_or("NONE");
    if set_status(state, waba, (&change.name, &change.language), &change.status, reason) {
        return Ok(());
    }
    Err(format!("name: `{}` does not exist in {}", change.name, change.language))
}

/// Sets a template's status and sends the webhook; false where there is no such template.
pub(crate) fn set_status(state: &Arc<State>, waba: &Arc<Waba>, (name, language): (&str, &str), status: &str, reason: &str) -> bool {
    let template = {
        let mut templates = waba.templates.write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = templates.get_mut(name).and_then(|languages| languages.get_mut(language)) else { return false };
        let template = Arc::make_mut(slot);
        status.clone_into(&mut template.seed.status);
        template.reason = (reason != "NONE").then(|| reason.to_owned());
        slot.clone()
    };
    let value = json!({
        "event": status,
        "message_template_id": template.id.parse::<u64>().unwrap_or_default(),
        "message_template_name": name,
        "message_template_language": language,
        "message_template_category": template.seed.category,
        "reason": reason,
    });
    let time = state.clock.now();
    state.outbox.push(state, Update::Field { waba: waba.clone(), time, field: "message_template_status_update", value });
    true
}
