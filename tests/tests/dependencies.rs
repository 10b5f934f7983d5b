//! What `cargo deny` would say of licences, bans and sources, read from the same `deny.toml`, for machines without that tool.
//! Advisories need the network and are left to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package};
use serde::Deserialize;

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    name: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn deny() -> Deny {
    toml::from_str(&std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml")).expect("deny.toml is TOML of the known shape")
}

/// Every package of the lock file, whatever the platform.
fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).other_options(["--locked".to_owned()]);
    command.exec().expect("the lock file is up to date")
}

fn foreign(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    metadata.packages.iter().filter(|package| package.source.is_some())
}

/// Whether an SPDX expression can be met by `allowed` licences. Old crates write `MIT/Apache-2.0` for `or`.
fn permits(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "\u{0}");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let permitted = any(&words, &mut at, allowed);
    permitted && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut permitted = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        permitted |= all(words, at, allowed);
    }
    permitted
}

fn all(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut permitted = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        permitted &= one(words, at, allowed);
    }
    permitted
}

fn one(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word != "(" {
        return allowed(&word.replace('\u{0}', " WITH "));
    }
    let permitted = any(words, at, allowed);
    *at += 1;
    permitted
}

#[test]
fn every_licence_is_one_that_we_accept() {
    let Licenses { allow, exceptions } = deny().licenses;
    let metadata = metadata();
    let mut unused: BTreeMap<&str, &Exception> = exceptions.iter().map(|exception| (exception.name.as_str(), exception)).collect();
    for package in foreign(&metadata) {
        let exception = unused.remove(package.name.as_str());
        let more = exception.map(|exception| exception.allow.as_slice()).unwrap_or_default();
        let allowed = |licence: &str| allow.iter().chain(more).any(|known| known == licence);
        let licence = package.license.as_deref().unwrap_or_else(|| panic!("{} names no licence", package.name));
        assert!(permits(licence, &allowed), "{} {}: {licence} is not in deny.toml", package.name, package.version);
    }
    assert!(unused.is_empty(), "exceptions in deny.toml for crates that are not used: {:?}", unused.keys());
}

#[test]
fn nothing_banned_is_built_and_nothing_comes_from_elsewhere() {
    let bans = deny().bans;
    let metadata = metadata();
    for package in foreign(&metadata) {
        assert!(!bans.deny.iter().any(|banned| package.name == banned.name), "{} is banned in deny.toml", package.name);
        let source = package.source.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(source.starts_with("registry+"), "{} comes from {source}", package.name);
    }
}

#[test]
fn the_versions_that_must_match_are_there_once() {
    let metadata = metadata();
    // apache-avro is part of the registry client's interface; two of a driver would be two pools of connections.
    for name in ["apache-avro", "axum", "hyper", "rdkafka", "rustls", "scylla", "tokio", "tokio-postgres"] {
        let versions: Vec<String> =
            foreign(&metadata).filter(|package| package.name == name).map(|package| package.version.to_string()).collect();
        assert_eq!(versions.len(), 1, "{name}: {versions:?}");
    }
}

#[test]
fn an_expression_is_read_as_spdx_means_it() {
    let mit = |licence: &str| ["MIT", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
    assert!(permits("MIT OR GPL-2.0-only", &mit) && permits("GPL-2.0-only/MIT", &mit) && permits("(MIT OR X) AND MIT", &mit));
    assert!(permits("Apache-2.0 WITH LLVM-exception", &mit));
    assert!(!permits("MIT AND GPL-2.0-only", &mit) && !permits("Apache-2.0", &mit) && !permits("MIT X", &mit) && !permits("", &mit));
}
