//! `make faults SEEDS=n [FIRST=s] [FAMILY=pipeline|send|campaign]`: runs seeds, says which failed, and ends with their count.

use std::process::ExitCode;
use std::sync::Arc;

use sluice_local::{Options, Stack};
use sluice_tests::faults::{Arena, Family, Scenario, program};

/// Violations of one seed that are shown.
const SHOWN: usize = 12;

fn variable<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str) -> anyhow::Result<Option<T>> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => value.parse().map(Some).map_err(|e| anyhow::anyhow!("{name}={value}: {e}")),
        _ => Ok(None),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("faults: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<usize> {
    let seeds: u64 = variable("SEEDS")?.unwrap_or(10);
    let first: u64 = variable("FIRST")?.unwrap_or(1);
    let family: Option<Family> = variable("FAMILY")?;
    let program = program()?;
    let (mut arena, mut violations) = (None, 0);
    for seed in first..first + seeds {
        // Without a family each seed has one of its own, the same every time.
        let family = family.unwrap_or(Family::ALL[(seed % 3) as usize]);
        let mut deployment = match arena.take() {
            Some(deployment) => deployment,
            None => Arena::start(&Arc::new(Stack::temporary(&Options::test())?), &program)?,
        };
        let outcome = deployment.run(&Scenario::of(seed, family))?;
        let (took, starts) = (outcome.took.as_secs_f64(), outcome.starts);
        println!("seed {seed} {family}: {} in {took:.1} s, {starts} starts", if outcome.violations.is_empty() { "ok" } else { "VIOLATED" });
        // What time cannot heal says most.
        let (healing, broken): (Vec<_>, Vec<_>) = outcome.violations.iter().partition(|violation| violation.may_heal());
        for violation in broken.into_iter().chain(healing).take(SHOWN) {
            println!("    {violation}");
        }
        if outcome.violations.len() > SHOWN {
            println!("    and {} more", outcome.violations.len() - SHOWN);
        }
        if outcome.violations.is_empty() {
            arena = Some(deployment);
        } else {
            violations += 1;
            println!("    again: make faults SEEDS=1 FIRST={seed} FAMILY={family}");
            keep(&deployment, seed)?;
            // What is left of a deployment that broke a promise says nothing about the next seed.
        }
    }
    println!("{seeds} seeds, {violations} violations");
    Ok(violations)
}

/// The logs of a failed run, for whoever looks into it.
fn keep(arena: &Arena, seed: u64) -> anyhow::Result<()> {
    let kept = std::env::temp_dir().join(format!("sluice-faults-{seed}"));
    std::fs::create_dir_all(&kept)?;
    for log in std::fs::read_dir(arena.logs())?.flatten() {
        std::fs::copy(log.path(), kept.join(log.file_name()))?;
    }
    // How far each part has come, while it still runs.
    std::fs::write(kept.join("metrics"), arena.metrics())?;
    println!("    logs: {}", kept.display());
    Ok(())
}
