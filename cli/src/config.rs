//! Configuration: `sluice.toml`, then the environment. Checked whole at start; every error names the key and the fix.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sluice_connectors::postgres::seal::Keyring;
use sluice_connectors::{kafka, media, meta, postgres, registry, scylla};
use sluice_pipeline::domain::callback;

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of this instance, stable across restarts: StatefulSet ordinal, systemd `%i`.
    pub instance: String,
    /// Folder of the embedded state stores.
    pub state_dir: PathBuf,
    /// Kafka.
    pub kafka: kafka::Options,
    /// Postgres.
    pub postgres: postgres::Options,
    /// ScyllaDB or Cassandra.
    pub cql: scylla::Options,
    /// Schema registry.
    pub registry: Registry,
    /// Graph API.
    pub meta: meta::Options,
    /// Files of messages.
    pub media: media::Options,
    /// Webhook ingress.
    pub ingress: sluice_api::ingress::Options,
    /// Console, API, metrics and health.
    pub api: sluice_api::Options,
    /// Keys.
    pub secrets: Secrets,
    /// The ledger.
    pub ledger: Ledger,
}

/// Schema registry.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registry {
    /// Base address.
    pub url: String,
}

/// Keys: each named, several while one is being replaced.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// Name of the key-encryption key that wraps new data keys.
    pub current: String,
    /// Key-encryption keys, 32 bytes in base64.
    pub keys: BTreeMap<String, SecretString>,
    /// Name of the key that signs callback data.
    pub callback_current: String,
    /// Keys of the callback data; old ones stay for 38 days.
    pub callback: BTreeMap<String, SecretString>,
}

/// The ledger's own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// A send of unknown outcome is quarantined after this many seconds without a status.
    pub unknown_deadline_seconds: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            instance: "0".into(),
            state_dir: "state".into(),
            kafka: kafka::Options::default(),
            postgres: postgres::Options::default(),
            cql: scylla::Options::default(),
            registry: Registry::default(),
            meta: meta::Options::default(),
            media: media::Options::default(),
            ingress: sluice_api::ingress::Options::default(),
            api: sluice_api::Options::default(),
            secrets: Secrets::default(),
            ledger: Ledger::default(),
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:8085".into() }
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self { unknown_deadline_seconds: 3_600 }
    }
}

/// Read when no file is named and it exists.
const DEFAULT_FILE: &str = "sluice.toml";

/// Variables with a short name, as scripts know them, and the key that each sets.
pub const SHORT: [(&str, &str); 9] = [
    ("SLUICE_INSTANCE", "instance"),
    ("SLUICE_STATE_DIR", "state_dir"),
    ("SLUICE_KAFKA", "kafka.brokers"),
    ("SLUICE_POSTGRES", "postgres.url"),
    ("SLUICE_CQL", "cql.nodes"),
    ("SLUICE_REGISTRY", "registry.url"),
    ("SLUICE_GRAPH_URL", "meta.graph_url"),
    ("SLUICE_APP_SECRET", "ingress.app_secrets"),
    ("SLUICE_VERIFY_TOKEN", "ingress.verify_token"),
];

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {0}")]
pub struct Error(String);

impl Config {
    /// Reads `file` (the default `sluice.toml` may be missing, a named one may not) and the environment:
    /// `SLUICE_<SECTION>__<KEY>` sets `section.key`.
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        let mut figment = Figment::new();
        match file {
            Some(path) if !path.exists() => return Err(Error(format!("{} does not exist", path.display()))),
            Some(path) => figment = figment.merge(Toml::file_exact(path)),
            None if Path::new(DEFAULT_FILE).exists() => figment = figment.merge(Toml::file_exact(DEFAULT_FILE)),
            None => {}
        }
        let mut figment = figment.merge(Env::prefixed("SLUICE_").filter(|key| key.as_str().contains("__")).split("__"));
        for (variable, key) in SHORT {
            if let Ok(value) = std::env::var(variable) {
                let list = ["cql.nodes", "ingress.app_secrets"].contains(&key);
                figment = if list {
                    figment.merge((key, value.split(',').map(str::trim).map(str::to_owned).collect::<Vec<_>>()))
                } else {
                    figment.merge((key, value))
                };
            }
        }
        figment.extract().map_err(|e| {
            let all: Vec<String> = e.into_iter().map(|e| named(&e)).collect();
            Error(all.join("; "))
        })
    }

    /// The key-encryption keys.
    pub fn keyring(&self) -> Result<Keyring, Error> {
        let keys = self.secrets.keys.iter().map(|(name, key)| (name.as_str(), key.expose_secret()));
        if self.secrets.keys.is_empty() {
            return Err(Error("secrets.keys is empty: add a key of 32 bytes in base64 and name it in secrets.current".into()));
        }
        Keyring::new(&self.secrets.current, keys).map_err(|e| Error(e.to_string()))
    }

    /// The keys of the callback data, the signing one first.
    pub fn callback_keys(&self) -> Result<callback::Keys, Error> {
        let current = &self.secrets.callback_current;
        let mut keys: Vec<(String, Vec<u8>)> =
            self.secrets.callback.iter().map(|(name, key)| (name.clone(), key.expose_secret().as_bytes().to_vec())).collect();
        keys.sort_by_key(|(name, _)| name != current);
        if keys.first().is_none_or(|(name, secret)| name != current || secret.len() < 16) {
            return Err(Error(
                "secrets.callback: add a key of 16 characters or more under the name that secrets.callback_current gives".into(),
            ));
        }
        callback::Keys::new(&keys).ok_or_else(|| Error("secrets.callback: names have at most 8 characters and no dot".into()))
    }

    /// The registry's options.
    pub fn registry(&self) -> registry::Options {
        registry::Options { url: self.registry.url.clone() }
    }
}

fn named(e: &figment::Error) -> String {
    let key = e.path.join(".");
    let source = e.metadata.as_ref().and_then(|m| m.source.as_ref()).map(|s| format!(" (in {s})")).unwrap_or_default();
    match &e.kind {
        figment::error::Kind::UnknownField(field, known) => {
            format!(
                "`{field}` is not a key{}; known: {}{source}",
                if key.is_empty() { String::new() } else { format!(" of `{key}`") },
                known.join(", ")
            )
        }
        kind if key.is_empty() => format!("{kind}{source}"),
        kind => format!("`{key}`: {kind}{source}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(toml: &str) -> Result<Config, Error> {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), toml).expect("written");
        Config::load(Some(file.path()))
    }

    #[test]
    fn an_unknown_key_is_named_with_the_known_ones() {
        let e = from("[kafka]\nbroker = \"x\"").expect_err("unknown key").to_string();
        assert!(e.contains("`broker`") && e.contains("brokers"), "{e}");
    }

    #[test]
    fn a_wrong_type_is_named() {
        let e = from("[kafka]\npartitions = \"many\"").expect_err("wrong type").to_string();
        assert!(e.contains("kafka.partitions"), "{e}");
    }

    #[test]
    fn callback_keys_must_name_the_signing_one() {
        let config = from("[secrets]\ncallback_current = \"b\"\n[secrets.callback]\na = \"0123456789abcdef\"").expect("loads");
        let e = config.callback_keys().err().expect("no such key").to_string();
        assert!(e.contains("secrets.callback_current"), "{e}");
    }
}
