use std::fmt::Write as _;
use std::io::Read;

use bytes::Bytes;
use futures::SinkExt as _;
use tokio::sync::mpsc;

use super::lines::Line;
use super::{Columns, Import, Lines, Refusal};
use crate::postgres::{Error, Result, Transaction};

/// Refusals kept with an import; further ones are only counted.
const KEPT_REFUSALS: usize = 10_000;
const CHUNK: usize = 256 * 1024;

/// What became of the lines.
#[derive(Default)]
pub(in crate::postgres) struct Summary {
    /// Taken.
    pub rows: i64,
    /// The recipient of an earlier line.
    pub duplicates: i64,
    /// Not taken.
    pub refused: i64,
    /// The first of these.
    pub refusals: Vec<Refusal>,
}

/// Reads the lines into the temporary table `uploaded (seq, recipient, variables)`, which goes with the transaction.
///
/// `COPY` refuses tables with policies, so the rows pass through a temporary table, and it is an `INSERT … SELECT` from there that
/// the policy checks. `source` is read on a blocking thread and never held in memory as a whole; only the set of recipients is, to
/// find those that come twice.
pub(in crate::postgres) async fn load<R: Read + Send + 'static>(
    transaction: &Transaction,
    source: R,
    import: &Import,
    columns: Columns,
) -> Result<Summary> {
    transaction.batch("create temporary table uploaded (seq bigint, recipient text, variables jsonb) on commit drop").await?;
    let (chunks, mut received) = mpsc::channel(4);
    let import = import.clone();
    let parser = tokio::task::spawn_blocking(move || parse(Lines::new(source, &import, &columns)?, &chunks));
    let sink = transaction.copy_in("copy uploaded (seq, recipient, variables) from stdin").await?;
    let mut sink = std::pin::pin!(sink);
    while let Some(chunk) = received.recv().await {
        sink.send(chunk).await?;
    }
    sink.close().await?;
    parser.await.map_err(|error| Error::invalid("audience", error.to_string()))?
}

fn parse<R: Read>(mut lines: Lines<R>, chunks: &mpsc::Sender<Bytes>) -> Result<Summary> {
    let mut summary = Summary::default();
    let mut text = String::new();
    while let Some(line) = lines.next()? {
        match line {
            Line::Row { recipient, variables } => {
                let variables = serde_json::Value::Object(variables).to_string();
                // Writing to a String cannot fail.
                let _ = write!(text, "{}\t", summary.rows);
                escape(&mut text, &recipient);
                text.push('\t');
                escape(&mut text, &variables);
                text.push('\n');
                summary.rows += 1;
            }
            Line::Duplicate => summary.duplicates += 1,
            Line::Refused(refusal) => {
                summary.refused += 1;
                if summary.refusals.len() < KEPT_REFUSALS {
                    summary.refusals.push(refusal);
                }
            }
        }
        if text.len() >= CHUNK && chunks.blocking_send(std::mem::take(&mut text).into()).is_err() {
            // The other side failed and tells why.
            return Ok(summary);
        }
    }
    let _ = chunks.blocking_send(text.into());
    Ok(summary)
}

/// The text format of `COPY`.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_ends_a_copied_row() {
        let mut out = String::new();
        escape(&mut out, "a\tb\nc\\N\r");
        assert_eq!(out, "a\\tb\\nc\\\\N\\r");
    }
}
