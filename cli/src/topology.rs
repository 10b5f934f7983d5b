//! `sluice topology`.

use std::io::Write as _;

use sluice_pipeline::topology::{Kind, TOPOLOGY, chain};

use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Prints the table.
pub fn print(args: &Args) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for role in TOPOLOGY {
        let kind = if role.kind == Kind::Chain { "chain" } else { "effect" };
        if args.json {
            let topics = chain(role.name);
            let row = serde_json::json!({
                "name": role.name, "kind": kind, "stages": role.stages, "reads": role.reads, "writes": role.writes,
                "guarantee": role.guarantee, "state": role.state,
                "journal": topics.map(|t| t.journal), "changelog": topics.map(|t| t.changelog),
            });
            writeln!(out, "{row}")?;
        } else {
            writeln!(out, "{:<10} {kind:<7} {}", role.name, role.stages.join(" → "))?;
            writeln!(out, "           reads     {}", role.reads.join(", "))?;
            writeln!(out, "           writes    {}", role.writes.join(", "))?;
            writeln!(out, "           guarantee {}", role.guarantee)?;
            writeln!(out, "           state     {}\n", role.state)?;
        }
    }
    Ok(())
}
