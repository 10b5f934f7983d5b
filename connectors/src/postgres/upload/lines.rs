use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};

use phonenumber::country;
use serde_json::{Map, Value};

use crate::postgres::{Error, Result};

/// Headers taken for the recipient's column when none is named.
const RECIPIENT: [&str; 10] =
    ["recipient", "phone", "phone_number", "phone number", "mobile", "telephone", "whatsapp", "wa_id", "number", "to"];
/// A longer line is a quote that was never closed.
const MAX_LINE: usize = 64 * 1024;
/// Columns that are kept when all are.
const MAX_COLUMNS: usize = 1_000;

/// How to read the file.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// ISO 3166 country of numbers without an international prefix, `DE`; without it such numbers are refused.
    pub country: Option<String>,
    /// The recipient's column, when its header is not an obvious one.
    pub recipient_column: Option<String>,
}

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Line of the file, the header being 1.
    pub line: u64,
    /// Why, and what would do.
    pub reason: String,
    /// What stood in the recipient's column, masked.
    pub excerpt: String,
}

/// One line of the file.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// A recipient with the columns that are kept.
    Row { recipient: String, variables: Map<String, Value> },
    /// The recipient of an earlier line.
    Duplicate,
    /// Not taken.
    Refused(Refusal),
}

/// Which columns are kept with each recipient.
pub(in crate::postgres) enum Columns {
    /// These, each with whether it must not be empty.
    Named(Vec<(String, bool)>),
    /// Every one that has a name.
    All,
}

/// The lines of a file.
pub(in crate::postgres) struct Lines<R: Read> {
    reader: csv::Reader<BufReader<R>>,
    record: csv::ByteRecord,
    country: Option<country::Id>,
    recipient: usize,
    columns: Vec<Column>,
    seen: HashSet<Box<str>>,
}

impl<R: Read> Lines<R> {
    /// Reads the header.
    pub(in crate::postgres) fn new(source: R, import: &Import, wanted: &Columns) -> Result<Self> {
        let country = import.country.as_deref().map(country_id).transpose()?;
        let mut source = BufReader::with_capacity(1 << 16, source);
        let head = source.fill_buf().map_err(|error| Error::invalid("audience", format!("cannot be read: {error}")))?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Err(Error::invalid("audience", "is UTF-16; save it as CSV in UTF-8"));
        }
        let delimiter = delimiter(head);
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(true).from_reader(source);
        let headers = reader.byte_headers().map_err(|error| Error::invalid("audience", error.to_string()))?;
        let headers: Vec<String> = headers.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
        if headers.iter().all(String::is_empty) {
            return Err(Error::invalid("audience", "is empty: its first line names the columns, one of them `phone`"));
        }
        let recipient = recipient_column(&headers, import.recipient_column.as_deref())?;
        let columns = columns(&headers, recipient, wanted)?;
        Ok(Self { reader, record: csv::ByteRecord::new(), country, recipient, columns, seen: HashSet::new() })
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Result<Option<Line>> {
        loop {
            let more = self.reader.read_byte_record(&mut self.record);
            if !more.map_err(|error| Error::invalid("audience", format!("cannot be read: {error}")))? {
                return Ok(None);
            }
            // Spreadsheets end in lines of bare delimiters.
            if self.record.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                return Ok(Some(self.line().unwrap_or_else(Line::Refused)));
            }
        }
    }

    fn line(&mut self) -> std::result::Result<Line, Refusal> {
        let line = self.record.position().map_or(0, csv::Position::line);
        let cell = self.record.get(self.recipient).unwrap_or_default();
        let refuse = |reason: String| Refusal { line, reason, excerpt: mask(&String::from_utf8_lossy(cell)) };
        if self.record.as_slice().len() > MAX_LINE {
            return Err(refuse("is longer than 64 KiB: is a quotation mark left open?".into()));
        }
        let cell = std::str::from_utf8(cell).map_err(|_| refuse("is not UTF-8; save the file as CSV in UTF-8".into()))?;
        let recipient = recipient(cell, self.country).map_err(refuse)?;
        let mut variables = Map::new();
        for (name, position, required) in &self.columns {
            let value = self.record.get(*position).unwrap_or_default();
            let value = std::str::from_utf8(value)
                .map_err(|_| refuse(format!("column `{name}` is not UTF-8; save the file as CSV in UTF-8")))?
                .trim();
            // Postgres cannot hold a zero byte in jsonb, and one such line would take the whole import down.
            if value.contains('\0') {
                return Err(refuse(format!("column `{name}` has a zero byte")));
            }
            if *required && value.is_empty() {
                return Err(refuse(format!("column `{name}` is empty, and the template needs it")));
            }
            variables.insert(name.clone(), Value::from(value));
        }
        if !self.seen.insert(recipient.clone().into()) {
            return Ok(Line::Duplicate);
        }
        Ok(Line::Row { recipient, variables })
    }
}

fn country_id(code: &str) -> Result<country::Id> {
    code.to_uppercase().parse().map_err(|_| Error::invalid("country", format!("`{code}` is not a country; use its two letters, as in DE")))
}

/// The delimiter that the header has most of.
fn delimiter(head: &[u8]) -> u8 {
    let header = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let cells = |delimiter: u8| header.split(|byte| *byte == delimiter).count();
    b";\t|,".iter().copied().max_by_key(|delimiter| cells(*delimiter)).unwrap_or(b',')
}

fn recipient_column(headers: &[String], named: Option<&str>) -> Result<usize> {
    let position = |name: &str| headers.iter().position(|header| header.eq_ignore_ascii_case(name));
    let found = match named {
        Some(name) => position(name),
        None => RECIPIENT.iter().find_map(|name| position(name)),
    };
    found.ok_or_else(|| {
        let wanted = named.unwrap_or("phone");
        Error::invalid("audience", format!("has no column `{wanted}`; its columns are: {}", headers.join(", ")))
    })
}

/// Name, position, and whether it must not be empty.
type Column = (String, usize, bool);

fn columns(headers: &[String], recipient: usize, wanted: &Columns) -> Result<Vec<Column>> {
    let named = match wanted {
        Columns::All => return every(headers, recipient),
        Columns::Named(named) => named,
    };
    named
        .iter()
        .filter_map(|(name, required)| match headers.iter().position(|header| header == name) {
            Some(position) => Some(Ok((name.clone(), position, *required))),
            None if *required => {
                let detail = format!("the audience has no column `{name}`; its columns are: {}", headers.join(", "));
                Some(Err(Error::invalid("variables", detail)))
            }
            None => None,
        })
        .collect()
}

fn every(headers: &[String], recipient: usize) -> Result<Vec<Column>> {
    if headers.len() > MAX_COLUMNS {
        return Err(Error::invalid("audience", format!("has {} columns; up to {MAX_COLUMNS} can be kept", headers.len())));
    }
    let named = headers.iter().enumerate().filter(|(position, name)| *position != recipient && !name.is_empty());
    Ok(named.map(|(position, name)| (name.clone(), position, false)).collect())
}

/// Phone digits as Meta takes them, or a business-scoped user id.
///
/// A number counts when its length is possible in its country. Whether it is in use, only Meta knows; number plans change faster
/// than tables of them, and a customer refused by an old table is worse than one `failed` with its code.
fn recipient(cell: &str, country: Option<country::Id>) -> std::result::Result<String, String> {
    let text = cell.trim().trim_start_matches('\'');
    if text.is_empty() {
        return Err("has no recipient".into());
    }
    if is_user_id(text) {
        return Ok(text.to_owned());
    }
    if text.contains(['e', 'E']) && text.parse::<f64>().is_ok() {
        return Err("was turned into scientific notation by a spreadsheet; format the column as text".into());
    }
    let text = text.strip_prefix("00").map_or_else(|| text.to_owned(), |rest| format!("+{rest}"));
    if country.is_none() && !text.starts_with('+') {
        return Err("has no international prefix; write +49… or name the country".into());
    }
    let number = phonenumber::parse(country, &text).map_err(|_| "is not a phone number".to_owned())?;
    let national = number.national().to_string();
    // Several countries can share a code, and which of them it is cannot be told for a range that is new.
    let Some(countries) = phonenumber::metadata::DATABASE.by_code(&number.country().code()) else {
        return Err("has a country code that does not exist".into());
    };
    // Some of those countries have no lengths of their own; they take those of the code's others, or any that E.164 has.
    let mut lengths = countries.iter().flat_map(|country| country.descriptors().general().possible_length()).peekable();
    let digits = national.len() as u16;
    let possible = if lengths.peek().is_none() { (4..=14).contains(&digits) } else { lengths.any(|length| *length == digits) };
    if !possible {
        return Err(format!("has {} digits after +{}, which no number there has", national.len(), number.country().code()));
    }
    Ok(format!("{}{national}", number.country().code()))
}

/// `US.` and up to 128 letters and digits, with further groups (contract §3).
fn is_user_id(text: &str) -> bool {
    text.split_once('.').is_some_and(|(country, rest)| {
        country.len() == 2
            && country.bytes().all(|byte| byte.is_ascii_uppercase())
            && (1..=140).contains(&rest.len())
            && rest.split('.').all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    })
}

/// Only the shape and the last two digits, so that a report can be shown and logged.
fn mask(text: &str) -> String {
    let text = text.trim();
    let shown = text.chars().count().saturating_sub(2);
    let masked = text.chars().enumerate().map(|(index, c)| match c {
        c if c.is_control() => ' ',
        c if index >= shown && c.is_ascii_digit() => c,
        c if c.is_alphanumeric() => '•',
        c => c,
    });
    masked.take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(columns: &[&str]) -> Columns {
        Columns::Named(columns.iter().map(|name| ((*name).to_owned(), true)).collect())
    }

    fn read(text: &str, country: Option<&str>, columns: &[&str]) -> Vec<Line> {
        let import = Import { country: country.map(str::to_owned), recipient_column: None };
        let mut lines = Lines::new(text.as_bytes(), &import, &named(columns)).unwrap();
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn refusal(text: &str, country: Option<&str>) -> (u64, String) {
        match read(text, country, &[]).pop() {
            Some(Line::Refused(refusal)) => (refusal.line, refusal.reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn good_lines_go_on_past_bad_ones() {
        let text = "name,phone\nAna,+1 555 010 0001\nBen,12\n,+15550100002\nEva,+1 (555) 010-0003,extra\n,,\n";
        let lines = read(text, Some("US"), &["name"]);
        let kinds: Vec<_> = lines
            .iter()
            .map(|line| match line {
                Line::Row { recipient, variables } => format!("{recipient} {}", variables["name"]),
                Line::Duplicate => "duplicate".into(),
                Line::Refused(refusal) => format!("line {}", refusal.line),
            })
            .collect();
        assert_eq!(kinds, ["15550100001 \"Ana\"", "line 3", "line 4", "15550100003 \"Eva\""]);
    }

    #[test]
    fn the_same_number_written_differently_is_one_recipient() {
        let text = "phone\n+15550100001\n001 555 010 0001\n(555) 010-0001\n'+1-555-010-0001\n";
        let lines = read(text, Some("us"), &[]);
        assert_eq!(lines.iter().filter(|line| matches!(line, Line::Row { .. })).count(), 1);
        assert_eq!(lines.iter().filter(|line| **line == Line::Duplicate).count(), 3);
    }

    #[test]
    fn semicolons_tabs_quotes_and_a_byte_order_mark_are_taken_as_meant() {
        for text in ["\u{feff}Phone;name\n+15550100001;\"Luz; Ana\"\n", "name\tphone\nLuz; Ana\t+15550100001\n"] {
            let lines = read(text, None, &["name"]);
            assert_eq!(
                lines,
                [Line::Row { recipient: "15550100001".into(), variables: Map::from_iter([("name".to_owned(), Value::from("Luz; Ana"))]) }]
            );
        }
    }

    #[test]
    fn every_column_that_has_a_name_is_kept_when_none_is_named() {
        let import = Import::default();
        let mut lines = Lines::new("name,phone,,city\nAna,+15550100001,x,Recife\n".as_bytes(), &import, &Columns::All).unwrap();
        let Some(Line::Row { variables, .. }) = lines.next().unwrap() else { panic!("a row") };
        assert_eq!(Value::Object(variables), serde_json::json!({"name": "Ana", "city": "Recife"}));
        let wide = format!("phone{}\n", ",x".repeat(MAX_COLUMNS));
        assert!(Lines::new(wide.as_bytes(), &import, &Columns::All).err().unwrap().to_string().contains("1001 columns"));
    }

    #[test]
    fn a_range_that_the_tables_do_not_know_is_taken() {
        let lines = read("phone\n+15550110001\n", None, &[]);
        assert!(matches!(&lines[..], [Line::Row { recipient, .. }] if recipient == "15550110001"));
    }

    #[test]
    fn a_refusal_says_what_would_do() {
        assert!(refusal("phone\n5550100001\n", None).1.contains("international prefix"));
        assert!(refusal("phone\n1.5550100001E10\n", Some("US")).1.contains("format the column as text"));
        assert!(refusal("phone\n+1555\n", Some("US")).1.contains("digits"));
        assert_eq!(refusal("phone\n+999123456789\n", None).0, 2);
        assert_eq!(refusal("phone,a\n,x\n", Some("US")), (2, "has no recipient".into()));
    }

    #[test]
    fn a_missing_column_is_named_with_those_there_are() {
        let error = Lines::new("phone,name\n".as_bytes(), &Import::default(), &named(&["first"])).err().unwrap().to_string();
        assert!(error.contains("`first`") && error.contains("phone, name"), "{error}");
        let error = Lines::new("a,b\n".as_bytes(), &Import::default(), &Columns::All).err().unwrap().to_string();
        assert!(error.contains("a, b"), "{error}");
    }

    #[test]
    fn user_ids_are_recipients_too() {
        assert_eq!(recipient("US.134abc", None), Ok("US.134abc".into()));
        assert_eq!(recipient("US.ENT.134abc", None), Ok("US.ENT.134abc".into()));
        assert!(recipient("US.", None).is_err());
    }

    #[test]
    fn reports_do_not_show_the_number() {
        assert_eq!(mask(" +1 555 010 0042 "), "+• ••• ••• ••42");
        assert_eq!(mask("ana@x.example"), "•••@•.•••••••");
    }
}
