//! The product beside a stack: a schema registry, a simulated Meta, and `sluice run` with every role.
//!
//! ```no_run
//! use std::sync::Arc;
//! use sluice_local::{Options, Stack, System, system::Setup};
//!
//! let stack = Arc::new(Stack::temporary(&Options::test())?);
//! let system = System::start(&stack, &Setup::test().meta(&["--fail", "131026=0.01"]))?;
//! system.seed()?;
//! system.kill_sluice()?;
//! system.start_sluice()?;
//! # Ok::<(), sluice_local::Error>(())
//! ```

mod instance;
mod part;
mod secrets;
pub mod seed;
mod setup;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::Context as _;
use crate::{Engine, Error, Stack, http};
use part::Part;
use setup::Place;

pub use instance::Instance;
pub use part::binary;
pub use setup::{Ports, Setup};

/// A running system. Shared by reference, as the stack is; dropping it kills its processes and leaves the stack running.
pub struct System {
    stack: Arc<Stack>,
    notice: fn(&str),
    place: Mutex<Place>,
    // Dropped in this order: who sends before who receives.
    sluice: Mutex<Part>,
    meta: Mutex<Part>,
    registry: Mutex<Part>,
}

impl System {
    /// Migrates and starts everything, and returns when `sluice run` is ready.
    pub fn start(stack: &Arc<Stack>, setup: &Setup) -> Result<Self, Error> {
        let system = Self::prepare(stack, setup)?;
        system.start_meta()?;
        system.start_sluice()?;
        Ok(system)
    }

    /// Settles the system's place, migrates, and starts the registry alone.
    pub fn prepare(stack: &Arc<Stack>, setup: &Setup) -> Result<Self, Error> {
        let place = Place::settle(stack, setup)?;
        let system = Self {
            stack: Arc::clone(stack),
            notice: setup.notice,
            sluice: Mutex::new(part::sluice(&place)?),
            meta: Mutex::new(part::meta(&place)?),
            registry: Mutex::new(part::registry(&place)?),
            place: Mutex::new(place),
        };
        // The registry keeps its schemas in Postgres and must run before they can be registered.
        system.step("postgres is migrated", || system.sluice(&["migrate", "--postgres-only"]).map(drop))?;
        system.step("schema registry is ready", || lock(&system.registry).start().map(drop))?;
        system.step("topics, schemas and keyspace are migrated", || system.sluice(&["migrate"]).map(drop))?;
        Ok(system)
    }

    /// The engines beneath.
    pub fn stack(&self) -> &Arc<Stack> {
        &self.stack
    }

    /// Starts `sluice run` with every role; says how long it took to be ready.
    pub fn start_sluice(&self) -> Result<Duration, Error> {
        self.step("sluice run is ready", || lock(&self.sluice).start())
    }

    /// Lets `sluice run` end in its own way. Nothing happens when it does not run.
    pub fn stop_sluice(&self) -> Result<(), Error> {
        lock(&self.sluice).stop()
    }

    /// Ends `sluice run` at once, as a crash would. Nothing happens when it does not run.
    pub fn kill_sluice(&self) -> Result<(), Error> {
        lock(&self.sluice).kill()
    }

    /// Makes `sluice run` stand still, as a hung host does.
    pub fn pause_sluice(&self) -> Result<(), Error> {
        lock(&self.sluice).pause()
    }

    /// Lets a paused `sluice run` go on.
    pub fn resume_sluice(&self) {
        lock(&self.sluice).resume();
    }

    /// Starts the simulated Meta.
    pub fn start_meta(&self) -> Result<Duration, Error> {
        self.step("simulated Meta is ready", || lock(&self.meta).start())
    }

    /// Ends the simulated Meta at once; its book stays.
    pub fn kill_meta(&self) -> Result<(), Error> {
        lock(&self.meta).kill()
    }

    /// Starts the schema registry.
    pub fn start_registry(&self) -> Result<Duration, Error> {
        self.step("schema registry is ready", || lock(&self.registry).start())
    }

    /// Ends the schema registry at once; what it keeps is in Postgres.
    pub fn kill_registry(&self) -> Result<(), Error> {
        lock(&self.registry).kill()
    }

    /// Fails with the first part or engine that ended without being asked.
    pub fn check(&self) -> Result<(), Error> {
        self.stack.check()?;
        [&self.sluice, &self.meta, &self.registry].into_iter().try_for_each(|part| lock(part).check())
    }

    /// Ends everything but the engines in its own way, `sluice run` first, and reports the first failure.
    pub fn stop(self) -> Result<(), Error> {
        [&self.sluice, &self.meta, &self.registry].into_iter().map(|part| lock(part).stop()).fold(Ok(()), Result::and)
    }

    /// Console and API, `http://127.0.0.1:port`; a tenant's console is at its own host name, see [`Self::tenant_url`].
    pub fn api_url(&self) -> String {
        Place::url(lock(&self.place).ports.api)
    }

    /// Console and API under a tenant's host name.
    pub fn tenant_url(&self, slug: &str) -> String {
        format!("http://{slug}.localhost:{}", lock(&self.place).ports.api)
    }

    /// Webhook ingress.
    pub fn ingress_url(&self) -> String {
        Place::url(lock(&self.place).ports.ingress)
    }

    /// Metrics and health.
    pub fn metrics_url(&self) -> String {
        Place::url(lock(&self.place).ports.metrics)
    }

    /// Simulated Meta.
    pub fn meta_url(&self) -> String {
        Place::url(lock(&self.place).ports.meta)
    }

    /// Schema registry.
    pub fn registry_url(&self) -> String {
        Place::url(lock(&self.place).ports.registry)
    }

    /// Postgres with the system's database, as its owner.
    pub fn postgres_url(&self) -> String {
        lock(&self.place).postgres.clone()
    }

    /// Gets JSON from the simulated Meta: `/_sim/ledger?after=0`.
    pub fn meta_get(&self, path: &str) -> Result<Value, Error> {
        http::json(&format!("{}{path}", self.meta_url()), &[], None)
    }

    /// Posts JSON to the simulated Meta: `/_sim/inbound`.
    pub fn meta_post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        http::json(&format!("{}{path}", self.meta_url()), &[], Some(body))
    }

    /// Deletes at the simulated Meta: `/_sim/faults`.
    pub fn meta_delete(&self, path: &str) -> Result<(), Error> {
        let what = format!("{}{path}", self.meta_url());
        http::delete(&what).map(drop).map_err(|error| Error::Answer { what, detail: error.to_string() })
    }

    /// Gets JSON from the API as tenant acme's owner: `/api/v1/campaigns`.
    pub fn api_get(&self, path: &str) -> Result<Value, Error> {
        http::json(&format!("{}{path}", self.api_url()), &[self.authorization()], None)
    }

    /// Posts JSON to the API as tenant acme's owner; the same `key` again changes nothing.
    pub fn api_post(&self, path: &str, key: &str, body: &Value) -> Result<Value, Error> {
        http::json(&format!("{}{path}", self.api_url()), &[self.authorization(), format!("Idempotency-Key: {key}")], Some(body))
    }

    fn authorization(&self) -> String {
        format!("Authorization: Bearer {}", lock(&self.place).secrets.api_token.as_deref().unwrap_or_default())
    }

    /// The metrics of `sluice run` in the text format.
    pub fn metrics(&self) -> Result<String, Error> {
        let url = format!("{}/metrics", self.metrics_url());
        http::request(&url, &[], None).map(|answer| answer.body).map_err(|error| Error::Answer { what: url, detail: error.to_string() })
    }

    /// What scripts need, as `make run` writes it to `.local/env`.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let place = lock(&self.place);
        let address = |engine| self.stack.address(engine).unwrap_or_default();
        vec![
            ("SLUICE_API_URL", format!("http://{}.localhost:{}", seed::SLUG, place.ports.api)),
            ("SLUICE_INGRESS_URL", Place::url(place.ports.ingress)),
            ("SLUICE_METRICS_URL", Place::url(place.ports.metrics)),
            ("SLUICE_META_URL", Place::url(place.ports.meta)),
            ("SLUICE_APP_SECRET", place.secrets.app_secret.clone()),
            ("SLUICE_VERIFY_TOKEN", place.secrets.verify_token.clone()),
            ("SLUICE_META_TOKEN", place.secrets.access_token.clone()),
            ("SLUICE_API_TOKEN", place.secrets.api_token.clone().unwrap_or_default()),
            ("SLUICE_LOGIN", seed::LOGIN.into()),
            ("SLUICE_PASSWORD", place.secrets.password.clone()),
            ("SLUICE_PHONE_NUMBER_ID", seed::PHONE_NUMBER_ID.into()),
            ("SLUICE_WABA_ID", seed::WABA_ID.into()),
            ("SLUICE_INSTAGRAM_ID", seed::INSTAGRAM_ID.into()),
            ("SLUICE_PAGE_ID", seed::PAGE_ID.into()),
            ("SLUICE_KAFKA", address(Engine::Kafka)),
            ("SLUICE_CQL", address(Engine::Cassandra)),
            ("SLUICE_POSTGRES", place.postgres.clone()),
        ]
    }

    /// The folder of state, logs, secrets and configuration.
    pub fn dir(&self) -> PathBuf {
        lock(&self.place).dir.clone()
    }

    /// Writes [`Self::env`] to `env` in the system's folder, readable by nobody else.
    pub fn write_env(&self) -> Result<(), Error> {
        let lines: Vec<String> = self.env().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        secrets::write_private(&self.dir().join("env"), &format!("{}\n", lines.join("\n")))
    }

    /// Writes a file beside the system's state and gives its path.
    pub fn keep(&self, name: &str, text: &str) -> Result<String, Error> {
        let path = self.dir().join(name);
        fs::write(&path, text).context(|| format!("write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    /// A `sluice` command with this system's configuration, for verbs and for further instances.
    pub fn command(&self, arguments: &[&str]) -> Result<Command, Error> {
        let mut command = Command::new(part::binary()?);
        command.env("SLUICE_CONFIG", lock(&self.place).configuration()).args(arguments);
        Ok(command)
    }

    /// Runs a verb to its end and gives its standard output.
    pub fn sluice(&self, arguments: &[&str]) -> Result<String, Error> {
        self.sluice_with(arguments, &[])
    }

    /// The same with these variables too: secrets are given by name.
    pub fn sluice_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> Result<String, Error> {
        let output =
            self.command(arguments)?.envs(env.iter().copied()).output().context(|| format!("start sluice {}", arguments.join(" ")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let detail = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Verb { verb: arguments.join(" "), status: output.status.to_string(), detail })
    }

    /// Runs a verb with `--json` and reads its lines.
    pub fn sluice_json(&self, arguments: &[&str]) -> Result<Vec<Value>, Error> {
        let arguments = [arguments, &["--json"]].concat();
        let output = self.sluice(&arguments)?;
        let wrong = |error: serde_json::Error| Error::Answer { what: format!("sluice {}", arguments.join(" ")), detail: error.to_string() };
        output.lines().filter(|line| !line.trim().is_empty()).map(|line| serde_json::from_str(line).map_err(wrong)).collect()
    }

    fn step<T>(&self, what: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let begun = Instant::now();
        let result = work()?;
        (self.notice)(&format!("{what} ({:.1} s)", begun.elapsed().as_secs_f64()));
        Ok(result)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
