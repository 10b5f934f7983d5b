use jiff::Timestamp;
use sluice_schemas::meta::codes;

use super::Outcome;

/// What every outcome has.
const FIXED: [&str; 9] = ["recipient", "state", "since", "code", "meaning", "remedy", "detail", "wamid", "send_id"];

/// Outcomes as CSV: [`FIXED`], and the columns of the upload that fill the template. `since` is RFC 3339, UTC.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: Vec<String>,
}

impl Table {
    /// A table with the columns that `first` has; all rows of an audience have the same.
    pub fn of(first: Option<&Outcome>) -> Self {
        Self { columns: first.map(|outcome| outcome.row.variables.keys().cloned().collect()).unwrap_or_default() }
    }

    /// The header line.
    pub fn header(&self) -> Vec<u8> {
        lines([FIXED.into_iter().map(str::to_owned).chain(self.columns.iter().cloned()).collect()])
    }

    /// A line for each.
    pub fn lines<'a>(&'a self, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<u8> {
        lines(outcomes.into_iter().map(|outcome| self.line(outcome)))
    }

    fn line(&self, outcome: &Outcome) -> Vec<String> {
        let step = outcome.step.as_ref();
        let code = step.and_then(|step| step.code);
        let (meaning, remedy) = codes::explained(code);
        let since = step.and_then(|step| Timestamp::from_millisecond(step.at_ms).ok());
        let mut cells = vec![
            outcome.row.recipient.clone(),
            outcome.state().to_owned(),
            since.map(|at| at.to_string()).unwrap_or_default(),
            code.map(|code| code.to_string()).unwrap_or_default(),
            meaning.unwrap_or_default().to_owned(),
            remedy.unwrap_or_default().to_owned(),
            step.and_then(|step| step.detail.clone()).unwrap_or_default(),
            step.and_then(|step| step.wamid.clone()).unwrap_or_default(),
            outcome.send_id.to_string(),
        ];
        cells.extend(self.columns.iter().map(|column| text(outcome.row.variables.get(column))));
        cells
    }
}

fn text(value: Option<&serde_json::Value>) -> String {
    match value {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn lines(rows: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Memory takes every write, and every row has as many cells as the first.
        let _ = writer.write_record(&row);
    }
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::campaigns::{Place, Recipient};
    use crate::scylla::Step;
    use sluice_schemas::record::SendState;

    fn outcome(step: Option<Step>) -> Outcome {
        let variables = serde_json::json!({"city": "São Paulo; \"centre\"", "name": "Ana"});
        Outcome {
            place: Place { home: 1, seq: 0 },
            row: Recipient { seq: 0, recipient: "15550100101".into(), variables: variables.as_object().unwrap().clone(), suppressed: None },
            send_id: sluice_schemas::ids::SendId::default(),
            step,
        }
    }

    #[test]
    fn a_line_says_what_became_of_a_recipient_and_what_was_uploaded_with_it() {
        let step = Step { state: SendState::Failed, at_ms: 1_764_230_400_000, code: Some(131_026), detail: None, wamid: None };
        let (failed, pending) = (outcome(Some(step)), outcome(None));
        let table = Table::of(Some(&failed));
        let text = String::from_utf8([table.header(), table.lines([&failed, &pending])].concat()).unwrap();
        insta::assert_snapshot!(text, @r#"
        recipient,state,since,code,meaning,remedy,detail,wamid,send_id,city,name
        15550100101,failed,2025-11-27T08:00:00Z,131026,"undeliverable: not on WhatsApp, terms not accepted, or old app",,,,00000000-0000-0000-0000-000000000000,"São Paulo; ""centre""",Ana
        15550100101,pending,,,,,,,00000000-0000-0000-0000-000000000000,"São Paulo; ""centre""",Ana
        "#);
    }
}
