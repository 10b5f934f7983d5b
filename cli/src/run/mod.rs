//! `sluice run`: the roles of the topology in one process.
//!
//! Shutting down: readiness turns false, listeners close, chains commit what is open, effects end what is in flight.

mod accounts;
mod buried;
mod chains;
mod effects;
mod live;
mod measure;
mod media;
mod parts;
mod replays;
mod servers;
mod tables;
mod upkeep;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::FutureExt as _;
use sluice_api::ops::Readiness;
use sluice_connectors::kafka::consumer::Stop;
use sluice_pipeline::topology::{self, Kind, TOPOLOGY};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::exit::Failure;
use parts::Parts;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A role of `sluice topology`; repeat it for several; none means all
    #[arg(long = "role")]
    roles: Vec<String>,
}

/// Threads of chains and effects, with the flags that end them.
pub struct Running {
    /// Ends chains and consumer loops.
    pub stop: Stop,
    /// Ends servers and tasks.
    pub cancel: CancellationToken,
    /// What is not ready, and why.
    pub readiness: Readiness,
    /// Told when the process cannot go on: a fence, or a part that ended by itself.
    pub fatal: tokio::sync::mpsc::UnboundedSender<anyhow::Error>,
    threads: Vec<JoinHandle<()>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// Runs `work` on a thread of its own. A panic ends the process: without this part it would look alive and stand still.
    pub fn thread(&mut self, name: &'static str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let fatal = self.fatal.clone();
        let guarded = move || {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                let _ = fatal.send(anyhow::anyhow!("the thread {name} panicked"));
            }
        };
        self.threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(guarded)?);
        Ok(())
    }

    /// Runs `work` as a task; a panic ends the process.
    pub fn task(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let fatal = self.fatal.clone();
        self.tasks.push(tokio::spawn(async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                let _ = fatal.send(anyhow::anyhow!("a task panicked"));
            }
        }));
    }

    async fn end(self, draining: Vec<Draining>) {
        self.stop.store(true, Ordering::Release);
        self.cancel.cancel();
        for task in self.tasks {
            let _ = task.await;
        }
        let threads = self.threads;
        let _ = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join()))).await;
        for drain in draining {
            drain.await;
        }
    }
}

type Draining = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs the roles until a signal or until one cannot go on.
pub async fn run(config: Config, args: &Args) -> Result<(), Failure> {
    #[cfg(feature = "failpoints")]
    sluice_schemas::failpoint::start().map_err(|wrong| anyhow::anyhow!("FAILPOINTS: {wrong}"))?;
    let roles = chosen(&args.roles)?;
    let (fatal, mut failed) = tokio::sync::mpsc::unbounded_channel();
    let mut running = Running {
        stop: Arc::new(AtomicBool::new(false)),
        cancel: CancellationToken::new(),
        readiness: Readiness::default(),
        fatal,
        threads: Vec::new(),
        tasks: Vec::new(),
    };
    for role in &roles {
        running.readiness.waiting(role, "starting");
    }
    servers::ops(&config, &mut running).await?;
    let parts = Parts::connect(config, &roles).await?;
    let mut draining: Vec<Draining> = Vec::new();
    for role in &roles {
        start(role, &parts, &mut running, &mut draining).await?;
    }
    tracing::info!(roles = roles.join(","), instance = parts.config.instance, "running");
    let outcome = tokio::select! {
        () = signal() => Ok(()),
        Some(e) = failed.recv() => Err(Failure::from(e)),
    };
    for role in &roles {
        running.readiness.waiting(role, "stopping");
    }
    let ended = tokio::time::timeout(Duration::from_secs(45), running.end(draining)).await;
    if ended.is_err() {
        tracing::warn!("some parts did not end in time; what they held is repeated or shown as unknown");
    }
    outcome
}

async fn start(role: &'static str, parts: &Parts, running: &mut Running, draining: &mut Vec<Draining>) -> Result<(), Failure> {
    if topology::role(role).is_some_and(|r| r.kind == Kind::Chain) {
        return chains::start(role, parts, running);
    }
    match role {
        "ingress" => servers::ingress(parts, running).await,
        "api" => servers::api(parts, running).await,
        "sender" => {
            draining.push(effects::sender(parts, running).await?);
            Ok(())
        }
        "accounts" => accounts::start(parts, running),
        "media" => media::start(parts, running).await,
        "outbox" => upkeep::start(parts, running),
        other => effects::start(other, parts, running),
    }
}

fn chosen(asked: &[String]) -> Result<Vec<&'static str>, Failure> {
    let known = || TOPOLOGY.iter().map(|role| role.name);
    if asked.is_empty() {
        return Ok(known().collect());
    }
    asked
        .iter()
        .map(|name| {
            known().find(|role| role == name).ok_or_else(|| Failure {
                code: crate::exit::CONFIG,
                error: anyhow::anyhow!("--role {name}: no such role; known: {}", known().collect::<Vec<_>>().join(", ")),
            })
        })
        .collect()
}

/// Ctrl-C or SIGTERM.
pub async fn signal() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(e) => {
            tracing::error!(error = %e, "no handler for SIGTERM");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
