//! Lines of a file that were refused: to a file, or the first of them to stderr.

use std::path::Path;

use anyhow::Context as _;
use sluice_connectors::postgres::campaigns::Refusal;

use super::output::notice;
use crate::exit::Failure;

/// Refused lines told on stderr when no file takes them.
const TOLD: usize = 20;

/// Tells of `refusals`, the first of `all`.
pub fn tell(file: Option<&Path>, refusals: &[Refusal], all: i64) -> Result<(), Failure> {
    let beyond = |shown: usize| all - i64::try_from(shown).unwrap_or(all);
    if let Some(path) = file {
        write(path, refusals)
            .with_context(|| format!("--refused: {} cannot be written; what could be read is imported", path.display()))?;
        if beyond(refusals.len()) > 0 {
            notice(&format!("{} holds the first {} of {all} refused lines", path.display(), refusals.len()));
        }
        return Ok(());
    }
    for refusal in refusals.iter().take(TOLD) {
        notice(&format!("line {} ({}): {}", refusal.line, refusal.excerpt, refusal.reason));
    }
    if beyond(refusals.len().min(TOLD)) > 0 {
        notice(&format!("and {} refused lines more; --refused FILE takes them", beyond(refusals.len().min(TOLD))));
    }
    Ok(())
}

fn write(path: &Path, refusals: &[Refusal]) -> Result<(), csv::Error> {
    let mut out = csv::Writer::from_path(path)?;
    out.write_record(["line", "reason", "content"])?;
    for refusal in refusals {
        out.write_record([&refusal.line.to_string(), &refusal.reason, &refusal.excerpt])?;
    }
    Ok(out.flush()?)
}
