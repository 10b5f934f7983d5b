//! Faults on request (`POST /_sim/faults`).
//!
//! | kind | does |
//! | --- | --- |
//! | `latency` | waits `ms` ± `jitter_ms`, before or after the call takes effect |
//! | `reset` | TCP reset without an answer |
//! | `http` | answers `status` (503) with Meta's code 2 |
//! | `garbage` | answers `status` (200) with an HTML page |
//! | `cut` | sends half of the answer's body and closes |
//! | `dead_hour` | answers 503 to everything for `for_ms` (one hour) |
//! | `code` | refuses the call with Meta's `code`, and `subcode` if given |
//! | `fail` | accepts the message; its status becomes `failed` with `code` |
//! | `webhook_delay`, `webhook_duplicate`, `webhook_reorder` | delays a webhook POST by `ms`, posts it twice, reverses its updates |
//!
//! `when` is `before` (nothing is accepted) or `after` (the call has taken effect and stands in the book, only the
//! answer is lost). Each fault may be narrowed by `probability`, `count`, `for_ms`, `phone_number_id` (or any other
//! object id in the path), `to`, and `path` (a part of the path).

mod middleware;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::limits::{HOUR, Millis};
use crate::random::Draw;
use crate::state::lock;

pub(crate) use middleware::{inject, record};

/// What a fault does; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Latency,
    Reset,
    Http,
    Garbage,
    Cut,
    DeadHour,
    Code,
    Fail,
    WebhookDelay,
    WebhookDuplicate,
    WebhookReorder,
}

/// Whether the call takes effect before the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    #[default]
    Before,
    After,
}

/// A fault as it is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) when: When,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subcode: Option<u32>,
    #[serde(default)]
    pub(crate) ms: u64,
    #[serde(default)]
    pub(crate) jitter_ms: u64,
    #[serde(default = "always")]
    pub(crate) probability: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) for_ms: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phone_number_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
}

fn always() -> f64 {
    1.0
}

/// A fault in force.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    pub(crate) id: u64,
    /// How often it has struck.
    pub(crate) struck: u64,
    #[serde(skip)]
    considered: u64,
    #[serde(skip)]
    until: Option<Millis>,
    #[serde(flatten)]
    pub(crate) spec: Spec,
}

/// The call that a fault may strike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) path: &'a str,
    /// The object id in the path.
    pub(crate) object: &'a str,
    pub(crate) to: Option<&'a str>,
}

/// How a call ends that does not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Reset,
    Http(u16),
    Garbage(u16),
    Cut,
    Code(u32, Option<u32>),
}

/// What strikes one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) wait_before_ms: u64,
    pub(crate) wait_after_ms: u64,
    pub(crate) ending: Option<(When, Ending)>,
}

/// What strikes one webhook POST.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WebhookPlan {
    pub(crate) delay_ms: u64,
    pub(crate) duplicate: bool,
    pub(crate) reorder: bool,
}

/// The faults in force.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    /// Read without the lock, so that a simulator without faults pays nothing for them.
    active: AtomicUsize,
    list: Mutex<(u64, Vec<Fault>)>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, active: AtomicUsize::new(0), list: Mutex::default() }
    }

    pub(crate) fn any(&self) -> bool {
        self.active.load(Ordering::Acquire) > 0
    }

    /// Puts a fault in force and returns its id.
    ///
    /// # Errors
    /// A clear sentence about the field that is missing or wrong.
    pub(crate) fn add(&self, mut spec: Spec, now: Millis) -> Result<u64, String> {
        if !(0.0..=1.0).contains(&spec.probability) {
            return Err(format!("probability: {} is not between 0 and 1", spec.probability));
        }
        if matches!(spec.kind, Kind::Code | Kind::Fail) && spec.code.is_none() {
            return Err("code: a fault of this kind needs Meta's error code".into());
        }
        if spec.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err("status: write an HTTP status from 200 to 599".into());
        }
        if spec.kind == Kind::DeadHour {
            spec.for_ms = spec.for_ms.or(Some(HOUR));
        }
        let mut list = lock(&self.list);
        list.0 += 1;
        let id = list.0;
        let until = spec.for_ms.map(|length| now + length);
        list.1.push(Fault { id, struck: 0, considered: 0, until, spec });
        self.active.store(list.1.len(), Ordering::Release);
        Ok(id)
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        lock(&self.list).1.clone()
    }

    /// Lifts one fault, or all; returns how many.
    pub(crate) fn remove(&self, id: Option<u64>) -> usize {
        let mut list = lock(&self.list);
        let before = list.1.len();
        list.1.retain(|fault| id.is_some_and(|id| fault.id != id));
        self.active.store(list.1.len(), Ordering::Release);
        before - list.1.len()
    }

    /// What strikes this call: all latencies, and the first other fault.
    pub(crate) fn plan(&self, call: Call<'_>, now: Millis) -> Plan {
        let mut plan = Plan::default();
        self.strike(now, |fault, draw| {
            let spec = &fault.spec;
            let ending = match spec.kind {
                Kind::Latency if call.matches(spec) => {
                    let wait = draw.between("latency", spec.ms.saturating_sub(spec.jitter_ms) as i64, (spec.ms + spec.jitter_ms) as i64);
                    match spec.when {
                        When::Before => plan.wait_before_ms += wait as u64,
                        When::After => plan.wait_after_ms += wait as u64,
                    }
                    return true;
                }
                Kind::Reset => Ending::Reset,
                Kind::Http => Ending::Http(spec.status.unwrap_or(503)),
                Kind::Garbage => Ending::Garbage(spec.status.unwrap_or(200)),
                Kind::Cut => Ending::Cut,
                Kind::DeadHour => Ending::Http(503),
                Kind::Code => Ending::Code(spec.code.unwrap_or(1), spec.subcode),
                _ => return false,
            };
            if plan.ending.is_some() || !call.matches(spec) {
                return false;
            }
            // Half an answer needs an answer, and a refusal is one: neither has a choice of `when`.
            let when = match spec.kind {
                Kind::Cut => When::After,
                Kind::Code | Kind::DeadHour => When::Before,
                _ => spec.when,
            };
            plan.ending = Some((when, ending));
            true
        });
        plan
    }

    /// The code with which an accepted message is to fail later.
    pub(crate) fn late_code(&self, call: Call<'_>, now: Millis) -> Option<u32> {
        let mut code = None;
        if self.any() {
            self.strike(now, |fault, _| {
                let strikes = code.is_none() && fault.spec.kind == Kind::Fail && call.matches(&fault.spec);
                if strikes {
                    code = fault.spec.code;
                }
                strikes
            });
        }
        code
    }

    /// What strikes the next webhook POST.
    pub(crate) fn webhook(&self, now: Millis) -> WebhookPlan {
        let mut plan = WebhookPlan::default();
        if self.any() {
            self.strike(now, |fault, _| {
                match fault.spec.kind {
                    Kind::WebhookDelay => plan.delay_ms += fault.spec.ms,
                    Kind::WebhookDuplicate => plan.duplicate = true,
                    Kind::WebhookReorder => plan.reorder = true,
                    _ => return false,
                }
                true
            });
        }
        plan
    }

    /// Offers the occasion to each fault in force whose probability says so; `apply` answers whether it struck.
    fn strike(&self, now: Millis, mut apply: impl FnMut(&Fault, Draw) -> bool) {
        let mut list = lock(&self.list);
        for fault in &mut list.1 {
            let spent = fault.spec.count.is_some_and(|count| fault.struck >= count);
            if spent || fault.until.is_some_and(|until| now >= until) {
                continue;
            }
            let draw = Draw::new(self.seed, "fault", fault.id << 32 | fault.considered);
            fault.considered += 1;
            if draw.chance("strike", fault.spec.probability) && apply(fault, draw) {
                fault.struck += 1;
            }
        }
    }
}

impl Call<'_> {
    fn matches(&self, spec: &Spec) -> bool {
        let digits = |text: &str| text.trim_start_matches('+').to_owned();
        spec.phone_number_id.as_deref().is_none_or(|id| id == self.object)
            && spec.to.as_deref().is_none_or(|to| self.to.is_some_and(|own| digits(own) == digits(to)))
            && spec.path.as_deref().is_none_or(|part| self.path.contains(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call<'static> = Call { path: "/v24.0/1/messages", object: "1", to: Some("+15550142") };

    fn faults(spec: serde_json::Value) -> Faults {
        let faults = Faults::new(1);
        faults.add(serde_json::from_value(spec).unwrap(), 0).unwrap();
        faults
    }

    #[test]
    fn a_fault_strikes_as_often_as_asked_and_only_its_target() {
        let faults = faults(serde_json::json!({"kind": "code", "code": 131_048, "count": 2, "to": "15550142"}));
        let other = Call { to: Some("15550143"), ..CALL };
        assert_eq!(faults.plan(other, 0), Plan::default());
        let hit = Some((When::Before, Ending::Code(131_048, None)));
        assert_eq!([0; 3].map(|now| faults.plan(CALL, now).ending), [hit, hit, None]);
        assert_eq!(faults.list()[0].struck, 2);
    }

    #[test]
    fn a_dead_hour_ends() {
        let faults = faults(serde_json::json!({"kind": "dead_hour"}));
        assert!(faults.plan(CALL, HOUR - 1).ending.is_some());
        assert!(faults.plan(CALL, HOUR).ending.is_none());
    }

    #[test]
    fn latency_adds_to_the_other_fault() {
        let faults = faults(serde_json::json!({"kind": "latency", "ms": 20, "jitter_ms": 5, "when": "after"}));
        faults.add(serde_json::from_value(serde_json::json!({"kind": "reset", "when": "after"})).unwrap(), 0).unwrap();
        let plan = faults.plan(CALL, 0);
        assert!((15..=25).contains(&plan.wait_after_ms));
        assert_eq!(plan.ending, Some((When::After, Ending::Reset)));
        assert_eq!(faults.remove(None), 2);
        assert!(!faults.any());
    }

    #[test]
    fn a_wrong_fault_names_its_field() {
        for (spec, field) in [
            (serde_json::json!({"kind": "code"}), "code"),
            (serde_json::json!({"kind": "reset", "probability": 2}), "probability"),
            (serde_json::json!({"kind": "http", "status": 99}), "status"),
        ] {
            let error = Faults::new(1).add(serde_json::from_value(spec).unwrap(), 0).unwrap_err();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
