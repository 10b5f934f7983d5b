//! `sluice parse`: webhook bodies and Graph API answers, one event a line.

use std::io::{BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use sluice_schemas::meta;

use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Read answers of the Graph API instead of webhook bodies
    #[arg(long)]
    response: bool,
    /// HTTP status that the answer came with
    #[arg(long, requires = "response")]
    http_status: Option<u16>,
    /// One JSON object a line (the only form there is; accepted for uniformity)
    #[arg(long)]
    json: bool,
    /// Files; standard input when none is given
    files: Vec<PathBuf>,
}

/// Parses every file. One that is no webhook body is reported; the others are still printed.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut first_failure = None;
    let stdin = [PathBuf::from("-")];
    for file in if args.files.is_empty() { &stdin[..] } else { &args.files[..] } {
        let body = match read(file) {
            Ok(body) => body,
            Err(e) => {
                note(&mut first_failure, Failure { code: crate::exit::FAILED, error: anyhow::anyhow!("{}: {e}", file.display()) });
                continue;
            }
        };
        if args.response {
            line(&mut out, &meta::response(args.http_status, &body))?;
            continue;
        }
        match meta::events(&body) {
            Ok(events) => events.iter().try_for_each(|event| line(&mut out, event))?,
            Err(e) => note(&mut first_failure, Failure::data(anyhow::anyhow!("{}: {e}", name(file)))),
        }
    }
    out.flush()?;
    first_failure.map_or(Ok(()), Err)
}

/// The first failure ends up as the exit code; every further one is told on stderr here.
fn note(first: &mut Option<Failure>, failure: Failure) {
    match first {
        None => *first = Some(failure),
        Some(_) => eprintln!("sluice: {:#}", failure.error),
    }
}

fn name(file: &Path) -> String {
    if file.as_os_str() == "-" { "standard input".into() } else { file.display().to_string() }
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return std::fs::read(file);
    }
    let mut body = Vec::new();
    std::io::stdin().lock().read_to_end(&mut body)?;
    Ok(body)
}

fn line(out: &mut impl Write, value: &impl serde::Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")?;
    Ok(())
}
