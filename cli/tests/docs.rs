//! The documentation's tables against the program: keys of the configuration, metrics, alerts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sections of the configuration; what lies in them and is none of them is a key.
const SECTIONS: [&str; 13] =
    ["", "kafka", "postgres", "postgres.app", "postgres.worker", "cql", "registry", "media", "meta", "ingress", "api", "secrets", "ledger"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The first cells of the tables under the page's first heading, without their backticks.
fn first_cells(page: &str) -> BTreeSet<String> {
    let cell = |line: &str| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name.to_owned());
    read(page).lines().take_while(|line| !line.starts_with("## ")).filter_map(cell).collect()
}

/// The keys of a section, as the program names them when it refuses one that does not exist.
fn keys(section: &str) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let header = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
    // A login is read only with its user.
    let user = if section.ends_with("app") || section.ends_with("worker") { "user = \"x\"\n" } else { "" };
    std::fs::write(file.path(), format!("{header}{user}no_such_key = 1\n")).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SLUICE_")) {
        command.env_remove(name);
    }
    let output = command.args(["--config", &file.path().display().to_string(), "doctor"]).output().expect("sluice runs");
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, known) = said.split_once("known: ").unwrap_or_else(|| panic!("[{section}] {said}"));
    let known = known.split(" (in ").next().unwrap_or_default();
    known.trim().split(", ").map(|key| if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }).collect()
}

#[test]
fn docs_configuration_is_complete() {
    let real: BTreeSet<String> =
        SECTIONS.iter().flat_map(|section| keys(section)).filter(|key| !SECTIONS.contains(&key.as_str())).collect();
    assert_eq!(first_cells("docs/configuration.md"), real);
}

/// Names given to metrics in the sources: literals with our prefix that a help text follows.
fn metrics(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            metrics(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            for rest in text.split("\"sluice_").skip(1) {
                let Some((name, after)) = rest.split_once('"') else { continue };
                let helped = after.strip_prefix(',').is_some_and(|help| help.trim_start().starts_with('"'));
                let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                if helped && plain && !name.starts_with("test_") {
                    found.insert(format!("sluice_{name}"));
                }
            }
        }
    }
}

#[test]
fn docs_metrics_is_complete() {
    let mut real = BTreeSet::new();
    for source in ["api/src", "pipeline/src", "connectors/src", "cli/src"] {
        metrics(&root().join(source), &mut real);
    }
    let written: BTreeSet<String> = first_cells("docs/metrics.md").into_iter().filter(|name| name.starts_with("sluice_")).collect();
    assert!(!real.is_empty());
    assert_eq!(written, real);
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let rules = read("deploy/prometheus/rules.yml");
    let alerts: BTreeSet<String> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ").map(str::to_owned)).collect();
    let runbooks: BTreeSet<String> = std::fs::read_dir(root().join("docs/operations"))
        .expect("docs/operations")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok()?.strip_suffix(".md").map(str::to_owned))
        .filter(|name| name.starts_with("Sluice"))
        .collect();
    assert_eq!(runbooks, alerts);
}
