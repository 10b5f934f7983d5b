//! `sluice bench parse`: cutting a body into updates and reading one, beside `serde_json`.

use std::hint::black_box;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sluice_schemas::meta;

use super::Measure;
use super::bodies::body;
use super::pairs::{Plan, compare};

/// All measures of the benchmark; `quick` takes seconds.
pub fn run(quick: bool) -> Vec<Measure> {
    let mut measures = Vec::new();
    for updates in [1, 1_000] {
        measures.extend(split(quick, updates));
    }
    measures.push(parse(quick));
    measures
}

/// The least that `serde_json` can do to get at the updates: borrowed raw values in typed structures. It neither keeps
/// what it does not know nor matches contacts, both of which splitting does.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    changes: Vec<Change<'a>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    value: Lists<'a>,
}

#[derive(Deserialize)]
struct Lists<'a> {
    #[serde(borrow, default)]
    contacts: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    statuses: Vec<&'a RawValue>,
}

fn raw_values(body: &[u8]) -> usize {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else { return 0 };
    let lists = body.entry.iter().flat_map(|entry| &entry.changes).map(|change| &change.value);
    lists
        .map(|lists| {
            black_box(&lists.contacts);
            lists.messages.len() + lists.statuses.len()
        })
        .sum()
}

fn split(quick: bool, updates: usize) -> [Measure; 2] {
    let body = body(updates);
    let plan = |against: &str, goal| Plan {
        bench: "parse",
        measure: format!("split a body into updates, against serde_json to {against}"),
        goal,
        per_iteration: updates as u64,
        bytes: body.len() as u64,
        quick,
        at: serde_json::json!({ "updates": updates }),
    };
    let ours = |times| {
        for _ in 0..times {
            black_box(meta::split(black_box(&body)).map_or(0, |updates| updates.len()));
        }
    };
    let to_raw_values = |times| {
        for _ in 0..times {
            black_box(raw_values(black_box(&body)));
        }
    };
    let to_value = |times| {
        for _ in 0..times {
            black_box(serde_json::from_slice::<Value>(black_box(&body)).is_ok());
        }
    };
    [compare(&plan("&RawValue", None), ours, to_raw_values), compare(&plan("Value", None), ours, to_value)]
}

fn parse(quick: bool) -> Measure {
    let body = body(1);
    let updates = meta::split(&body).unwrap_or_default();
    let plan = Plan {
        bench: "parse",
        measure: "parse one text message into an event, against serde_json of its bytes to Value".to_owned(),
        goal: None,
        per_iteration: updates.len() as u64,
        bytes: updates.iter().map(|update| update.slice.len() as u64).sum(),
        quick,
        at: Value::Null,
    };
    let ours = |times| {
        for _ in 0..times {
            for update in &updates {
                black_box(meta::parse(black_box(&update.context), black_box(update.slice)));
            }
        }
    };
    let to_value = |times| {
        for _ in 0..times {
            for update in &updates {
                black_box(serde_json::from_slice::<Value>(black_box(update.slice)).is_ok());
            }
        }
    };
    compare(&plan, ours, to_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_baseline_finds_the_same_updates() {
        for updates in [1, 1_000] {
            assert_eq!(raw_values(&body(updates)), updates);
        }
    }
}
