//! The demonstration behind `make run`: the whole product on this machine, and a day in the life of tenant acme.

mod play;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Result;
use sluice_local::system::{Ports, Setup};
use sluice_local::{Engine, Options, Stack, System, control, system};

/// The show: its clock, and who may end it.
struct Show<'a> {
    begun: Instant,
    interrupted: &'a Receiver<()>,
}

/// Somebody pressed Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

impl Show<'_> {
    /// A step's line with the time since the start.
    fn say(&self, what: &str) {
        println!("{:>6.1} s  {what}", self.begun.elapsed().as_secs_f64());
    }

    fn pause(&self, duration: Duration) -> Result<(), Interrupted> {
        match self.interrupted.recv_timeout(duration) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            _ => Err(Interrupted),
        }
    }
}

/// Starts everything in `dir`, plays what was not played yet, and stays until interrupted. Until `started` is called an interrupt
/// ends the process at once, and with it all that it started.
pub fn run(dir: &Path, any_port: bool, interrupted: &Receiver<()>, started: impl FnOnce()) -> Result<()> {
    let show = Show { begun: Instant::now(), interrupted };
    let (mut engines, mut setup) = (Options::local().notice(line), Setup::local(dir).notice(line));
    if any_port {
        engines = Engine::ALL.into_iter().fold(engines, |engines, engine| engines.port(engine, 0));
        setup = setup.ports(Ports::FREE);
    }
    let stack = Arc::new(Stack::start(&dir.join("engines"), &engines)?);
    show.say("engines are ready");
    control::serve(&stack)?;
    let system = System::start(&stack, &setup)?;
    show.say("every role runs");
    started();
    let outcome = perform(&system, &show);
    show.say("stopping: roles first, engines last");
    system.stop()?;
    show.say("roles have ended");
    if let Some(stack) = Arc::into_inner(stack) {
        stack.stop()?;
        show.say("engines have ended");
    }
    match outcome {
        Err(error) if !error.is::<Interrupted>() => Err(error),
        _ => Ok(()),
    }
}

fn perform(system: &System, show: &Show) -> Result<()> {
    let fresh = system.seed()?;
    show.say(if fresh { "tenant acme is seeded" } else { "tenant acme is there from an earlier run" });
    system.write_env()?;
    if fresh {
        configured(system, show)?;
    }
    let mut campaign = play::run(system, show)?;
    announce(system);
    loop {
        show.pause(Duration::from_millis(500))?;
        system.check()?;
        campaign.tell(system, show);
    }
}

/// Waits until the intake chain has taken the seeded configuration: a customer who writes before the catalogue is there gets
/// no price. It comes through the outbox, so it is there when the chain has processed records and no more come.
fn configured(system: &System, show: &Show) -> Result<()> {
    const NAME: &str = "sluice_stage_records_total{chain=\"intake\",outcome=\"processed\"} ";
    let (mut seen, mut still) = (0, 0);
    for _ in 0..240 {
        let metrics = system.metrics()?;
        let now = metrics.lines().find_map(|line| line.strip_prefix(NAME)?.trim().parse::<u64>().ok()).unwrap_or_default();
        still = if now > 0 && now == seen { still + 1 } else { 0 };
        if still >= 6 {
            return Ok(());
        }
        seen = now;
        show.pause(Duration::from_millis(250))?;
    }
    anyhow::bail!("the chain `intake` has not taken the configuration within a minute")
}

fn announce(system: &System) {
    let env: std::collections::BTreeMap<_, _> = system.env().into_iter().collect();
    println!();
    println!("sluice is ready");
    println!("  console   http://{}.localhost:{}", system::seed::SLUG, port(&env["SLUICE_API_URL"]));
    println!("            sign in as {} with {}", env["SLUICE_LOGIN"], env["SLUICE_PASSWORD"]);
    println!("  API       {}/api/v1 (token in .local/env)", env["SLUICE_API_URL"]);
    println!("  ingress   {}/webhooks/whatsapp", env["SLUICE_INGRESS_URL"]);
    println!("  metrics   {}/metrics", env["SLUICE_METRICS_URL"]);
    println!("  Meta      {}/_sim/summary (simulated)", env["SLUICE_META_URL"]);
    println!("  verbs     SLUICE_CONFIG={} sluice …", system.dir().join("sluice.toml").display());
    println!("  logs      {}", system.dir().join("logs").display());
    println!("Ctrl-C stops all of it; `make run` goes on from here, `make clean` forgets it.");
    println!();
}

fn port(url: &str) -> &str {
    url.rsplit_once(':').map_or("", |(_, port)| port)
}

fn line(text: &str) {
    println!("          {text}");
}
