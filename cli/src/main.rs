//! `sluice`: one binary for every role and tool.

mod admin;
mod bench;
mod config;
mod doctor;
mod exit;
mod migrate;
mod parse;
mod registry;
mod run;
mod topology;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::Config;
use exit::Failure;

/// A record is a dozen small allocations on its way through a chain; the C library's allocator costs more than the stage.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A multi-tenant messaging pipeline on Kafka: nothing lost, nothing sent twice, every hour replayable.
#[derive(Parser)]
#[command(name = "sluice", version, after_help = "Example: sluice run --role ingress --role intake")]
struct Cli {
    /// Configuration file; `sluice.toml` here when it exists
    #[arg(long, global = true, env = "SLUICE_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs roles until a signal ends them
    #[command(
        after_help = "Example: sluice run --role intake --role ledger\nWithout --role it runs all of them; `sluice topology` names them."
    )]
    Run(run::Args),
    /// Prints what reads what, writes what, and what holds
    #[command(after_help = "Example: sluice topology --json | jq -r .name")]
    Topology(topology::Args),
    /// Makes topics, schemas, tables and keyspace what this build needs; safe to repeat
    #[command(after_help = "Example: sluice migrate --plan")]
    Migrate(migrate::Args),
    /// Checks configuration and engines, and names each fault with its fix
    #[command(after_help = "Example: sluice doctor --json")]
    Doctor(doctor::Args),
    /// Reads webhook bodies or Graph API answers; one event a line
    #[command(after_help = "Example: sluice parse webhook.json\n         sluice parse --response --http-status 400 < answer.json")]
    Parse(parse::Args),
    /// Runs a simulated Meta: the Graph API with its limits, and webhooks
    #[command(after_help = "Example: sluice simulate --webhook http://127.0.0.1:8081/webhooks/whatsapp")]
    Simulate(Box<sluice_simulate::Args>),
    /// Measures, each beside a baseline in the same run
    #[command(after_help = "Example: sluice bench stage --quick --json\nOf a release build; `stage` and `ingress` need Kafka.")]
    Bench(bench::Args),
    /// Runs a small Confluent-compatible schema registry
    #[command(after_help = "Example: sluice registry --listen 127.0.0.1:8085")]
    Registry(registry::Args),
    #[command(flatten)]
    Admin(admin::Verb),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging(&cli.verb);
    exit::report(dispatch(cli))
}

/// JSON lines on stderr, so that stdout carries data only. Servers tell what they do, tools only what goes wrong.
fn logging(verb: &Verb) {
    let level = if matches!(verb, Verb::Run(_) | Verb::Simulate(_) | Verb::Registry(_)) { "info" } else { "error" };
    let quiet = "scylla=error,hyper=warn,fjall=warn,lsm_tree=warn,tower_http=warn,refinery_core=warn,tokio_postgres=warn";
    let filter = tracing_subscriber::EnvFilter::try_from_env("SLUICE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(format!("{level},{quiet}")));
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let load = || Config::load(cli.config.as_deref());
    match cli.verb {
        Verb::Topology(args) => topology::print(&args),
        Verb::Parse(args) => parse::run(&args),
        Verb::Simulate(args) => runtime()?.block_on(sluice_simulate::run(*args)).map_err(Failure::from),
        Verb::Bench(args) => bench::print(load, &args),
        Verb::Registry(args) => runtime()?.block_on(registry::run(&load()?, &args)),
        Verb::Migrate(args) => runtime()?.block_on(migrate::run(&load()?, &args)),
        Verb::Doctor(args) => {
            // A configuration that cannot be read is the doctor's first finding, not its end.
            let config = load();
            runtime()?.block_on(doctor::run(config, &args))
        }
        Verb::Admin(verb) => runtime()?.block_on(admin::run(&load()?, verb)),
        Verb::Run(args) => runtime()?.block_on(run::run(load()?, &args)),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
