//! Data on stdout, as a table for people or one JSON object a line.

use std::io::Write as _;

use serde_json::Value;

use crate::exit::Failure;

/// The form of the data.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Form {
    /// One JSON object a line
    #[arg(long, global = true)]
    json: bool,
}

impl Form {
    /// Whether programs read it.
    pub const fn json(self) -> bool {
        self.json
    }

    /// Prints `rows`; people see `columns` of them, aligned.
    pub fn rows(self, columns: &[&str], rows: &[Value]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        if self.json {
            for row in rows {
                writeln!(out, "{row}")?;
            }
        } else {
            out.write_all(table(columns, rows).as_bytes())?;
        }
        out.flush()?;
        Ok(())
    }

    /// Prints one thing; people see `text`.
    pub fn one(self, value: &Value, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{value}")?;
        } else {
            writeln!(out, "{text}")?;
        }
        out.flush()?;
        Ok(())
    }
}

/// Says something that is not data.
pub fn notice(text: &str) {
    eprintln!("{text}");
}

fn table(columns: &[&str], rows: &[Value]) -> String {
    let cells: Vec<Vec<String>> = std::iter::once(columns.iter().map(|name| (*name).to_owned()).collect())
        .chain(rows.iter().map(|row| columns.iter().map(|name| cell(&row[*name])).collect()))
        .collect();
    let width = |column: usize| cells.iter().map(|row: &Vec<String>| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for row in &cells {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_aligned_and_nothing_stands_for_a_missing_value() {
        let rows = [json!({"slug": "acme", "home": 3}), json!({"slug": "ü", "home": null})];
        assert_eq!(table(&["slug", "home"], &rows), "slug  home\nacme  3\nü     -\n");
    }
}
