//! The shape of the house: imports go one way, and stages are pure. `schemas ← connectors ← {pipeline, api} ← cli ← tests`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate of the workspace may import of the others, in what it ships.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("sluice-schemas", &[]),
    ("sluice-connectors", &["sluice-schemas"]),
    ("sluice-pipeline", &["sluice-schemas", "sluice-connectors"]),
    ("sluice-api", &["sluice-schemas", "sluice-connectors"]),
    // The judge shares no code with what it judges.
    ("sluice-simulate", &[]),
    ("sluice", &["sluice-schemas", "sluice-connectors", "sluice-pipeline", "sluice-api", "sluice-simulate"]),
    ("sluice-local", &[]),
    ("sluice-tests", &["sluice-schemas", "sluice-connectors", "sluice-local"]),
];

/// Where `pipeline` may name `connectors`; stages and domain may not.
const EDGES: [&str; 5] = ["runner", "effects", "replay", "topology.rs", "lib.rs"];

/// What a stage may name: the standard library, crates that neither wait nor ask the machine anything, and these parts of ours.
const STAGE_ROOTS: [&str; 6] = ["std", "sluice_schemas", "crate::domain", "crate::stages", "crate::chain", "crate::state"];

/// Words by which code waits, asks the clock or the dice, or leaves the process.
const IMPURE: [&str; 16] = [
    ".await",
    "async fn",
    "tokio",
    "rdkafka",
    "reqwest",
    "sluice_connectors",
    "SystemTime",
    "::now(",
    "rand::",
    "Uuid::now",
    "Uuid::new_v4",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn imports(kinds: &[DependencyKind]) -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().expect("cargo metadata answers");
    let ours: BTreeSet<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let of = |package: &cargo_metadata::Package| {
        let wanted = package.dependencies.iter().filter(|dependency| kinds.contains(&dependency.kind));
        wanted.map(|dependency| dependency.name.clone()).filter(|name| ours.contains(name)).collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), of(package))).collect()
}

#[test]
fn imports_go_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into();
    let imports = imports(&[DependencyKind::Normal, DependencyKind::Build]);
    let known: BTreeSet<&str> = imports.keys().map(String::as_str).collect();
    assert_eq!(known, allowed.keys().copied().collect(), "a crate without a place in the house, or a place without a crate");
    for (package, imported) in &imports {
        for name in imported {
            assert!(allowed[package.as_str()].contains(&name.as_str()), "{package} must not import {name}");
        }
    }
}

#[test]
fn tests_of_a_crate_do_not_turn_the_direction_round() {
    let order = ["sluice-schemas", "sluice-connectors", "sluice-pipeline", "sluice-api", "sluice", "sluice-tests"];
    // The local engines and the simulated Meta stand beside the house; any test may use them.
    let beside = ["sluice-local", "sluice-simulate"];
    let place = |name: &str| order.iter().position(|other| *other == name);
    for (package, imported) in imports(&[DependencyKind::Development]) {
        for name in imported.iter().filter(|name| !beside.contains(&name.as_str()) && **name != package) {
            assert!(place(name) < place(&package), "the tests of {package} must not import {name}");
            let siblings = [package.as_str(), name.as_str()].iter().all(|part| ["sluice-pipeline", "sluice-api"].contains(part));
            assert!(!siblings, "{package} and {name} meet at topics and tables alone");
        }
    }
}

/// Rust files below `folder`, with their text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            found.push((path, text));
        }
    }
    found
}

/// The code that ships: without comments, and without the tests at the end of the file.
fn shipped(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    ["tests", "properties"].contains(&name.as_ref()) || name.ends_with("_test")
}

#[test]
fn stages_and_domain_are_pure() {
    for folder in ["stages", "domain"] {
        let files = sources(&root().join("pipeline/src").join(folder));
        assert!(files.len() > 5, "the {folder} have moved");
        for (path, text) in files.iter().filter(|(path, _)| !is_test(path)) {
            let code = shipped(text);
            for word in IMPURE {
                assert!(!code.contains(word), "{}: `{word}` does not belong in a pure stage", path.display());
            }
        }
    }
}

#[test]
fn stages_import_only_schemas_domain_and_the_contract() {
    for (path, text) in sources(&root().join("pipeline/src/stages")).iter().filter(|(path, _)| !is_test(path)) {
        for line in shipped(text).lines().map(str::trim) {
            let Some(import) = line.strip_prefix("use ").or_else(|| line.strip_prefix("pub use ")) else { continue };
            let inside = import.starts_with("crate::").then(|| STAGE_ROOTS.iter().any(|root| import.starts_with(root)));
            assert!(inside != Some(false), "{}: a stage must not name {import}", path.display());
        }
    }
}

#[test]
fn only_the_edges_of_the_pipeline_name_connectors() {
    let folder = root().join("pipeline/src");
    for (path, text) in sources(&folder) {
        let inside = path.strip_prefix(&folder).expect("below it");
        let edge = inside.iter().next().is_some_and(|first| EDGES.iter().any(|edge| first == *edge));
        assert!(
            edge || !shipped(&text).contains("sluice_connectors"),
            "{}: only runner, effects, replay and topology name connectors",
            path.display()
        );
    }
}

#[test]
fn api_and_pipeline_meet_at_topics_and_tables_alone() {
    for (folder, other) in [("pipeline/src", "sluice_api"), ("api/src", "sluice_pipeline")] {
        for (path, text) in sources(&root().join(folder)) {
            assert!(!text.contains(other), "{} names {other}", path.display());
        }
    }
}

#[test]
fn schemas_do_no_io() {
    for (path, text) in sources(&root().join("schemas/src")).iter().filter(|(path, _)| !is_test(path)) {
        let code = shipped(text);
        for word in ["tokio", "rdkafka", "std::fs", "std::net", ".await"] {
            assert!(!code.contains(word), "{}: `{word}` in schemas", path.display());
        }
    }
}
