//! Where a system lives, on which ports, under which names, and the configuration that follows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::secrets::{Secrets, write_private};
use crate::error::Context as _;
use crate::options::choose_port;
use crate::{Engine, Error, Stack};

/// How to start a [`super::System`].
#[derive(Debug, Clone)]
pub struct Setup {
    /// Folder of state, logs, secrets and configuration; one below the stack's own if absent.
    pub(crate) dir: Option<PathBuf>,
    /// Ports in the order of [`Ports`]; 0 for any free one.
    pub(crate) ports: Ports,
    /// Keeps systems apart that share a stack: topic prefix, keyspace and database.
    pub(crate) namespace: Option<String>,
    /// Partitions of every topic.
    pub(crate) partitions: u16,
    /// Further arguments of `sluice simulate`.
    pub(crate) meta: Vec<String>,
    /// Laid over the configuration.
    pub(crate) overlay: Value,
    pub(crate) notice: fn(&str),
}

/// The ports of a system's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Console and API.
    pub api: u16,
    /// Webhook ingress.
    pub ingress: u16,
    /// Metrics and health.
    pub metrics: u16,
    /// Simulated Meta.
    pub meta: u16,
    /// Schema registry.
    pub registry: u16,
}

impl Ports {
    /// The product's promises.
    pub const LOCAL: Self = Self { api: 8080, ingress: 8081, metrics: 9464, meta: 8082, registry: 8085 };
    /// Any free ones.
    pub const FREE: Self = Self { api: 0, ingress: 0, metrics: 0, meta: 0, registry: 0 };

    fn choose(self) -> Result<Self, Error> {
        Ok(Self {
            api: choose_port("the console and API", self.api)?,
            ingress: choose_port("the webhook ingress", self.ingress)?,
            metrics: choose_port("metrics", self.metrics)?,
            meta: choose_port("the simulated Meta", self.meta)?,
            registry: choose_port("the schema registry", self.registry)?,
        })
    }
}

impl Setup {
    /// On the well-known ports, with everything in `dir`: what `make run` wants.
    pub fn local(dir: &Path) -> Self {
        Self { dir: Some(dir.into()), ports: Ports::LOCAL, namespace: None, partitions: 8, ..Self::test() }
    }

    /// On free ports, in a folder that goes away with the stack, under names of its own: what tests want. Several may share a stack.
    pub fn test() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            dir: None,
            ports: Ports::FREE,
            // A stack that is steered by several processes serves systems of each.
            namespace: Some(format!("t{}_{number}", std::process::id())),
            partitions: 4,
            meta: Vec::new(),
            overlay: Value::Null,
            notice: |_| {},
        }
    }

    /// Further arguments of `sluice simulate`, such as `--fail 131026=0.01`.
    #[must_use]
    pub fn meta(mut self, arguments: &[&str]) -> Self {
        self.meta.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// Laid over the configuration: `json!({"ledger": {"unknown_deadline_seconds": 5}})`.
    #[must_use]
    pub fn configure(mut self, overlay: Value) -> Self {
        merge(&mut self.overlay, overlay);
        self
    }

    /// Other ports; 0 for any free one.
    #[must_use]
    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// Partitions of every topic.
    #[must_use]
    pub fn partitions(mut self, partitions: u16) -> Self {
        self.partitions = partitions;
        self
    }

    /// Calls `notice` with a line for each step worth telling.
    #[must_use]
    pub fn notice(mut self, notice: fn(&str)) -> Self {
        self.notice = notice;
        self
    }
}

/// A system's place, settled.
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) ports: Ports,
    pub(crate) secrets: Secrets,
    /// Database with its address, as the owner.
    pub(crate) postgres: String,
    pub(crate) meta: Vec<String>,
}

impl Place {
    /// Makes folder, secrets, database and `sluice.toml`.
    pub(crate) fn settle(stack: &Stack, setup: &Setup) -> Result<Self, Error> {
        let name = setup.namespace.as_deref().unwrap_or("sluice");
        let dir = setup.dir.clone().unwrap_or_else(|| stack.dir().join("systems").join(name));
        fs::create_dir_all(dir.join("logs")).context(|| format!("create {}", dir.display()))?;
        let dir = dir.canonicalize().context(|| format!("resolve {}", dir.display()))?;
        let place = Self {
            secrets: Secrets::load_or_generate(&dir.join("secrets.toml"))?,
            dir,
            ports: setup.ports.choose()?,
            postgres: stack.database(name)?,
            meta: setup.meta.clone(),
        };
        place.configure(stack, setup)?;
        Ok(place)
    }

    /// Where `sluice` finds its configuration.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.dir.join("sluice.toml")
    }

    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{part}.log"))
    }

    pub(crate) fn url(port: u16) -> String {
        format!("http://127.0.0.1:{port}")
    }

    fn configure(&self, stack: &Stack, setup: &Setup) -> Result<(), Error> {
        let Ports { api, ingress, metrics, meta, registry } = self.ports;
        let local = |port: u16| format!("127.0.0.1:{port}");
        let graph = Self::url(meta);
        let mut configuration = json!({
            "instance": "0",
            "state_dir": self.dir.join("state"),
            "kafka": {
                "brokers": stack.address(Engine::Kafka)?,
                "prefix": setup.namespace.as_ref().map(|name| format!("{name}.")).unwrap_or_default(),
                "partitions": setup.partitions,
            },
            "postgres": {"url": self.postgres},
            "cql": {"nodes": [stack.address(Engine::Cassandra)?], "keyspace": setup.namespace.as_deref().unwrap_or("sluice")},
            "registry": {"url": Self::url(registry)},
            "meta": {"graph_url": graph, "instagram_url": graph},
            "ingress": {
                "listen": local(ingress), "app_secrets": [self.secrets.app_secret], "verify_token": self.secrets.verify_token,
            },
            "media": {"store": self.dir.join("media")},
            "api": {"listen": local(api), "ops_listen": local(metrics)},
            "secrets": {
                "current": "local", "keys": {"local": self.secrets.key_encryption},
                "callback_current": "local", "callback": {"local": self.secrets.callback},
            },
        });
        merge(&mut configuration, setup.overlay.clone());
        let file = self.configuration();
        let text = toml::to_string(&configuration)
            .map_err(|error| Error::Answer { what: format!("write {}", file.display()), detail: error.to_string() })?;
        write_private(&file, &text)
    }
}

/// Lays `over` on `base`, object by object.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (_, Value::Null) => {}
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_changes_only_what_it_names() {
        let setup = Setup::test().configure(json!({"kafka": {"prefix": "x"}})).configure(json!({"kafka": {"partitions": 2}}));
        let mut configuration = json!({"kafka": {"prefix": "", "brokers": "b"}, "instance": "0"});
        merge(&mut configuration, setup.overlay);
        assert_eq!(configuration, json!({"kafka": {"prefix": "x", "brokers": "b", "partitions": 2}, "instance": "0"}));
    }

    #[test]
    fn two_tests_never_share_names() {
        assert_ne!(Setup::test().namespace, Setup::test().namespace);
    }
}
