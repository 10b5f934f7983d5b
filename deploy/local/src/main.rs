//! Starts the real engines in the foreground, with the demonstration if asked for, and steers them from another terminal.

mod demo;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use sluice_local::{Companion, Engine, Options, Stack, clean, control, fetch};
use tokio::signal::unix::{SignalKind, signal};

/// Apache Kafka, Apache Cassandra and PostgreSQL on a bare machine.
#[derive(Parser)]
#[command(version, after_help = "Example: sluice-local up --dir .local/engines")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Starts the engines and stays until it is interrupted, or until COMMAND ends
    #[command(after_help = "Example: sluice-local up --dir .local/engines -- sluice run")]
    Up(Up),
    /// Starts the engines and the whole product, plays the demonstration once, and stays until it is interrupted
    #[command(after_help = "Example: sluice-local demo --dir .local")]
    Demo {
        /// Folder of everything it keeps
        #[arg(long, default_value = ".local")]
        dir: PathBuf,
        /// Any free ports instead of the well-known ones, beside a system that has them
        #[arg(long)]
        any_port: bool,
    },
    /// Downloads what the engines need, so that `up` needs no network
    Fetch,
    /// Prints the addresses of the engines that run in a folder, as KEY=VALUE
    Env(Place),
    /// Steers one engine of a running stack
    #[command(after_help = "Example: sluice-local ctl --dir .local/engines kill kafka")]
    Ctl {
        #[command(flatten)]
        place: Place,
        /// What to do
        operation: Operation,
        /// kafka, cassandra or postgres; none for `status`
        #[arg(required_if_eq_any(Operation::ON_ONE))]
        engine: Option<Engine>,
    },
    /// Removes a stopped stack's folder with all its data
    Clean(Place),
}

#[derive(Args)]
struct Place {
    /// Folder of the engines' data and logs
    #[arg(long, default_value = ".local/engines")]
    dir: PathBuf,
}

#[derive(Args)]
struct Up {
    #[command(flatten)]
    place: Place,
    /// Only these engines
    #[arg(long, value_delimiter = ',')]
    only: Vec<Engine>,
    /// Port of Kafka; 0 for any free one
    #[arg(long, default_value_t = Engine::Kafka.default_port())]
    kafka_port: u16,
    /// Port of Cassandra; 0 for any free one
    #[arg(long, default_value_t = Engine::Cassandra.default_port())]
    cassandra_port: u16,
    /// Port of Postgres; 0 for any free one
    #[arg(long, default_value_t = Engine::Postgres.default_port())]
    postgres_port: u16,
    /// Runs beside the engines, with their addresses in its environment
    #[arg(last = true)]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Operation {
    Start,
    Stop,
    Kill,
    Pause,
    Resume,
    Restart,
    Status,
}

impl Operation {
    const ON_ONE: [(&str, &str); 6] = [
        ("operation", "start"),
        ("operation", "stop"),
        ("operation", "kill"),
        ("operation", "pause"),
        ("operation", "resume"),
        ("operation", "restart"),
    ];
}

fn main() -> Result<ExitCode> {
    match Cli::parse().verb {
        Verb::Up(arguments) => return up(arguments),
        Verb::Demo { dir, any_port } => {
            let started = Arc::new(AtomicBool::new(false));
            let signals = watch_signals(Arc::clone(&started))?;
            demo::run(&dir, any_port, &signals, || started.store(true, Ordering::Relaxed))?;
        }
        Verb::Fetch => Engine::ALL.into_iter().try_for_each(|engine| fetch(engine, notice).map(drop))?,
        Verb::Env(place) => println!("{}", control::request(&place.dir, "env")?),
        Verb::Ctl { place, operation, engine } => {
            let operation = operation.to_possible_value().context("an operation without a name")?;
            let engine = engine.map_or("", Engine::name);
            println!("{}", control::request(&place.dir, format!("{} {engine}", operation.get_name()).trim())?);
        }
        Verb::Clean(place) => clean(&place.dir)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn notice(line: &str) {
    eprintln!("{line}");
}

fn up(arguments: Up) -> Result<ExitCode> {
    let mut options = Options::local()
        .notice(notice)
        .port(Engine::Kafka, arguments.kafka_port)
        .port(Engine::Cassandra, arguments.cassandra_port)
        .port(Engine::Postgres, arguments.postgres_port);
    if !arguments.only.is_empty() {
        options = options.only(&arguments.only);
    }
    let started = Arc::new(AtomicBool::new(false));
    let signals = watch_signals(Arc::clone(&started))?;
    let stack = Arc::new(Stack::start(&arguments.place.dir, &options)?);
    started.store(true, Ordering::Relaxed);
    control::serve(&stack)?;
    let companion = match arguments.command.as_slice() {
        [] => None,
        command => Some(Companion::start(&stack, command)?),
    };
    let outcome = attend(&stack, companion, &signals);
    notice("stopping");
    // A control request that still works holds the stack; then the engines are killed as we leave, which loses no data.
    if let Some(stack) = Arc::into_inner(stack) {
        stack.stop()?;
    }
    outcome
}

/// Waits for the first of: a signal, the companion's end, an engine's unexpected end.
fn attend(stack: &Stack, mut companion: Option<Companion>, signals: &Receiver<()>) -> Result<ExitCode> {
    while let Err(RecvTimeoutError::Timeout) = signals.recv_timeout(Duration::from_millis(200)) {
        stack.check()?;
        if let Some(status) = companion.as_mut().and_then(|companion| companion.exited().transpose()) {
            return Ok(status?.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)));
        }
    }
    if let Some(companion) = &mut companion {
        companion.stop(Duration::from_secs(30))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reports interrupts. Before the engines are up, and at a second one, there is nothing to wait for: leaving is enough, since
/// nothing that we started outlives us.
fn watch_signals(started: Arc<AtomicBool>) -> Result<Receiver<()>> {
    let (sender, receiver) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                if !started.swap(false, Ordering::Relaxed) || sender.send(()).is_err() {
                    std::process::exit(130);
                }
            }
        });
    });
    Ok(receiver)
}
