//! Every body under `fixtures/` beside the events it becomes, one snapshot a case.

use std::path::Path;

use super::{events, parse, split};

/// Bodies under `fixtures/`, by the name of their case.
pub(super) fn bodies() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut bodies: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    bodies.sort();
    bodies
}

#[test]
fn every_fixture_parses_as_its_snapshot_shows() {
    let bodies = bodies();
    assert!(bodies.len() >= 100, "fixtures are missing: {}", bodies.len());
    insta::with_settings!({ snapshot_path => "../../fixtures/snapshots", prepend_module_to_snapshot => false }, {
        for (name, body) in bodies {
            let events = events(&body).unwrap();
            insta::assert_snapshot!(name, serde_json::to_string_pretty(&events).unwrap());
        }
    });
}

#[test]
fn every_fixture_is_cut_into_slices_of_its_own_body() {
    for (name, body) in bodies() {
        for update in split(&body).unwrap() {
            let start = update.slice.as_ptr() as usize - body.as_ptr() as usize;
            assert_eq!(body.get(start..start + update.slice.len()), Some(update.slice), "{name}");
        }
    }
}

#[test]
fn a_stored_update_parses_as_it_does_in_its_body() {
    for (name, body) in bodies() {
        let events = events(&body).unwrap();
        for (update, event) in split(&body).unwrap().iter().zip(events) {
            let stored = serde_json::to_string(&update.context).unwrap();
            let context: super::Context<'_> = serde_json::from_str(&stored).unwrap();
            assert_eq!(parse(&context.into_owned(), update.slice), event, "{name}");
        }
    }
}

#[test]
fn an_event_survives_being_written_and_read() {
    for (name, body) in bodies() {
        for event in events(&body).unwrap() {
            let text = serde_json::to_string(&event).unwrap();
            assert!(!text.contains('\n'), "{name}: an event is one line");
            assert_eq!(serde_json::from_str::<super::Event>(&text).unwrap(), event, "{name}");
        }
    }
}

#[test]
fn no_two_facts_of_the_fixtures_share_a_dedup_key() {
    let mut seen = std::collections::HashMap::new();
    for (name, body) in bodies() {
        for event in events(&body).unwrap() {
            assert!(!event.dedup_key.is_empty(), "{name}");
            if let Some(other) = seen.insert(event.dedup_key.clone(), name.clone()) {
                assert_eq!(other, name, "{} is shared", event.dedup_key);
            }
        }
    }
}
