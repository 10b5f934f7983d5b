//! Starts a chain on a thread of its own, and again after an error.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sluice_connectors::kafka::Fences;
use sluice_connectors::kafka::consumer::Stop;
use sluice_connectors::registry;
use sluice_pipeline::chain::Chain;
use sluice_pipeline::runner::{self, Alive, SILENCE, Setup, Watch};
use sluice_pipeline::stages::intake::Intake;
use sluice_pipeline::stages::ledger::{Ledger, Settings};
use sluice_pipeline::stages::reconcile::Reconcile;
use sluice_pipeline::topology;
use sluice_schemas::codec::Codecs;
use tokio_util::sync::CancellationToken;

use super::{Parts, Running};
use crate::exit::{Failure, UNAVAILABLE};

/// Pause between looks at a chain's beats.
const LOOK: Duration = Duration::from_secs(1);

type Make = Box<dyn Fn() -> Box<dyn Chain> + Send + Sync>;

/// Starts `role`.
pub fn start(role: &'static str, parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let (Some(row), Some(topics)) = (topology::role(role), topology::chain(role)) else {
        return Err(anyhow::anyhow!("{role} is not a chain").into());
    };
    let readiness = running.readiness.clone();
    let setup = Setup {
        role: row,
        topics,
        instance: parts.config.instance.clone(),
        folder: parts.config.state_dir.join(format!("{}-{}", role, parts.config.instance)),
        kafka: parts.config.kafka.clone(),
        codecs: parts.codecs.clone(),
        make: make(role, parts)?,
        alive: Alive::default(),
        ready: Box::new(move |ready| {
            if ready {
                readiness.ready(role);
            } else {
                readiness.waiting(role, "not assigned and restored");
            }
        }),
    };
    std::fs::create_dir_all(&setup.folder)?;
    let (stop, fatal) = (running.stop.clone(), running.fatal.clone());
    let (registry, runtime) = (parts.config.registry(), tokio::runtime::Handle::current());
    let learn = move |codecs: &Codecs, id| runtime.block_on(registry::learn(&registry, codecs, id));
    let (alive, watched) = (setup.alive.clone(), running.cancel.clone());
    running.task(watch(role, alive, watched));
    running.thread(role, move || supervise(&setup, learn, &stop, &fatal))?;
    Ok(())
}

fn make(role: &str, parts: &Parts) -> Result<Make, Failure> {
    let codecs = parts.codecs.clone();
    Ok(match role {
        "intake" => Box::new(move || Box::new(Intake::new(&codecs))),
        "ledger" => {
            let settings = Settings {
                keys: parts.config.callback_keys()?,
                http_timeout_ms: i64::from(parts.config.meta.timeout_seconds) * 1_000,
                unknown_deadline_ms: parts.config.ledger.unknown_deadline_seconds * 1_000,
            };
            Box::new(move || Box::new(Ledger::new(&codecs, settings.clone())))
        }
        _ => {
            let keys = parts.config.callback_keys()?;
            Box::new(move || Box::new(Reconcile::new(&codecs, keys.clone())))
        }
    })
}

/// Ends the process when the chain's thread is silent for too long: its client waits for what does not come, and no call reaches it. A fresh
/// process goes on at what is committed. Counted in looks, so that a process that was stopped itself has its time.
async fn watch(role: &'static str, alive: Alive, cancel: CancellationToken) {
    let mut watch = Watch::new(alive);
    while cancel.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        if watch.is_silent(LOOK) {
            tracing::error!(
                chain = role,
                "the chain has stood still in its Kafka client for {} s; the process ends, so that a fresh one goes on",
                SILENCE.as_secs()
            );
            std::process::exit(i32::from(UNAVAILABLE));
        }
    }
}

/// Every error is answered by a fresh instance, which reads the committed state; a fence that cannot be our own ends the process,
/// since another one runs under this name.
fn supervise(
    setup: &Setup,
    learn: impl Fn(&Codecs, u32) -> Result<(), registry::Error>,
    stop: &Stop,
    fatal: &tokio::sync::mpsc::UnboundedSender<anyhow::Error>,
) {
    let mut pause = Duration::from_millis(200);
    let mut fences = Fences::default();
    while !stop.load(Ordering::Acquire) {
        setup.alive.beat();
        let started = Instant::now();
        let Err(e) = runner::run(setup, stop) else { return };
        if let runner::Error::Stranger(id) = e {
            match learn(&setup.codecs, id) {
                Ok(()) => continue,
                Err(e) => tracing::error!(chain = setup.role.name, id, error = %e, "a record waits for its schema"),
            }
        }
        tracing::error!(chain = setup.role.name, kind = e.kind(), error = %e, "the chain starts again");
        if e.fenced() && !fences.may_return(Instant::now()) {
            let _ = fatal.send(e.into());
            return;
        }
        if started.elapsed() > Duration::from_mins(1) {
            pause = Duration::from_millis(200);
        }
        let until = Instant::now() + pause;
        while Instant::now() < until && !stop.load(Ordering::Acquire) {
            setup.alive.beat();
            std::thread::sleep(Duration::from_millis(50));
        }
        pause = (pause * 2).min(Duration::from_secs(15));
    }
}
