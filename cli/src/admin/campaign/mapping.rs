//! Which column fills which placeholder: from `--map` and the template.

use serde_json::Value;
use sluice_connectors::postgres::campaigns::{Button, Mapping, Slot};

/// One `--map VAR=COLUMN` or `--map 'VAR=COLUMN|TEXT FOR AN EMPTY ONE'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    variable: String,
    column: String,
    fallback: Option<String>,
}

/// Reads one `--map`.
pub fn entry(text: &str) -> Result<Entry, String> {
    let form = || "expected VAR=COLUMN, as in 1=first_name, header.image=picture or button.0=code".to_owned();
    let (variable, rest) = text.split_once('=').ok_or_else(form)?;
    let (column, fallback) = match rest.split_once('|') {
        Some((column, fallback)) => (column, Some(fallback.to_owned())),
        None => (rest, None),
    };
    let (variable, column) = (variable.trim().to_owned(), column.trim().to_owned());
    if variable.is_empty() || column.is_empty() { Err(form()) } else { Ok(Entry { variable, column, fallback }) }
}

/// Where the template wants something.
struct Wanted {
    variable: String,
    part: Part,
    kind: &'static str,
    parameter: Option<String>,
    /// A quick reply's payload may be left out.
    required: bool,
}

enum Part {
    Header,
    Body,
    Button(u32, &'static str),
}

/// The mapping of a template with these components (as Meta lists them), or everything that is wrong with the entries.
pub fn mapping(entries: &[Entry], components: &Value) -> Result<Mapping, Vec<String>> {
    let wanted = wanted(components);
    let mut faults = Vec::new();
    let known: Vec<&str> = wanted.iter().map(|place| place.variable.as_str()).collect();
    for (index, entry) in entries.iter().enumerate() {
        if !known.contains(&entry.variable.as_str()) {
            let there = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            faults.push(format!("--map {}: the template has no such placeholder; it has: {there}", entry.variable));
        } else if entries[..index].iter().any(|earlier| earlier.variable == entry.variable) {
            faults.push(format!("--map {}: is given twice", entry.variable));
        }
    }
    let mut mapping = Mapping::default();
    for place in &wanted {
        let Some(entry) = entries.iter().find(|entry| entry.variable == place.variable) else {
            if place.required {
                faults.push(format!("--map {0}: nothing fills it; add --map {0}=COLUMN", place.variable));
            }
            continue;
        };
        let slot = Slot {
            column: Some(entry.column.clone()),
            fallback: entry.fallback.clone(),
            kind: place.kind.to_owned(),
            parameter: place.parameter.clone(),
        };
        match place.part {
            Part::Header => mapping.header.push(slot),
            Part::Body => mapping.body.push(slot),
            Part::Button(index, sub_type) => {
                mapping.buttons.push(Button { sub_type: sub_type.to_owned(), index, parameters: vec![slot] });
            }
        }
    }
    if faults.is_empty() { Ok(mapping) } else { Err(faults) }
}

fn wanted(components: &Value) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for component in components.as_array().into_iter().flatten() {
        let text = component["text"].as_str().unwrap_or_default();
        match component["type"].as_str().unwrap_or_default().to_uppercase().as_str() {
            "HEADER" => header(component, text, &mut wanted),
            "BODY" => wanted.extend(placeholders(text).into_iter().map(|name| place(name.clone(), Part::Body, &name))),
            "BUTTONS" => buttons(component, &mut wanted),
            _ => {}
        }
    }
    wanted
}

fn place(variable: String, part: Part, name: &str) -> Wanted {
    let parameter = name.parse::<u32>().is_err().then(|| name.to_owned());
    Wanted { variable, part, kind: "text", parameter, required: true }
}

fn header(component: &Value, text: &str, wanted: &mut Vec<Wanted>) {
    let kind = match component["format"].as_str().unwrap_or_default() {
        "IMAGE" => "image",
        "VIDEO" => "video",
        "DOCUMENT" => "document",
        _ => return wanted.extend(placeholders(text).into_iter().map(|name| place(format!("header.{name}"), Part::Header, &name))),
    };
    wanted.push(Wanted { variable: format!("header.{kind}"), part: Part::Header, kind, parameter: None, required: true });
}

fn buttons(component: &Value, wanted: &mut Vec<Wanted>) {
    for (index, button) in (0..).zip(component["buttons"].as_array().into_iter().flatten()) {
        let (sub_type, kind, required) = match button["type"].as_str().unwrap_or_default() {
            "URL" if button["url"].as_str().is_some_and(|url| url.contains("{{")) => ("url", "text", true),
            "COPY_CODE" => ("copy_code", "coupon_code", true),
            "QUICK_REPLY" => ("quick_reply", "payload", false),
            _ => continue,
        };
        wanted.push(Wanted { variable: format!("button.{index}"), part: Part::Button(index, sub_type), kind, parameter: None, required });
    }
}

/// The names in `{{…}}`, each once, in the order in which parameters are given: numbers by value, names as they appear.
fn placeholders(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}").map(|(name, _)| name.trim())) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names.sort_by_key(|name| name.parse::<u32>().unwrap_or_default());
    names
}

/// The body's text with its placeholders filled from `filled`, the components of one message.
pub fn text(components: &Value, filled: &[Value]) -> String {
    let is = |component: &&Value| component["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("body"));
    let body = components.as_array().into_iter().flatten().find(is).and_then(|body| body["text"].as_str()).unwrap_or_default();
    let parameters = filled.iter().find(is).map_or(&Value::Null, |body| &body["parameters"]);
    let names = placeholders(body);
    let mut pieces = body.split("{{");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        if let Some((name, rest)) = piece.split_once("}}") {
            let at = names.iter().position(|known| known == name.trim()).unwrap_or_default();
            out.push_str(parameters[at]["text"].as_str().unwrap_or_default());
            out.push_str(rest);
        } else {
            out.push_str("{{");
            out.push_str(piece);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entries(texts: &[&str]) -> Vec<Entry> {
        texts.iter().map(|text| entry(text).expect("an entry")).collect()
    }

    #[test]
    fn an_entry_names_a_placeholder_and_a_column() {
        assert_eq!(
            entry("2=city|your city"),
            Ok(Entry { variable: "2".into(), column: "city".into(), fallback: Some("your city".into()) })
        );
        for bad in ["", "1", "=a", "1=", "1=|x"] {
            assert!(entry(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn positions_are_filled_by_number_whatever_their_order() {
        let components = json!([{"type": "BODY", "text": "{{2}} for {{1}}, {{1}}"}]);
        let mapping = mapping(&entries(&["2=offer", "1=name|friend"]), &components).expect("maps");
        assert_eq!(
            serde_json::to_value(&mapping.body).expect("JSON"),
            json!([
                {"column": "name", "fallback": "friend", "kind": "text"}, {"column": "offer", "kind": "text"},
            ])
        );
        let row = json!({"name": "", "offer": "Cement"});
        let filled = mapping.fill(row.as_object().expect("object")).expect("fills");
        assert_eq!(text(&components, &filled), "Cement for friend, friend");
    }

    #[test]
    fn names_headers_and_buttons_are_filled_as_the_template_wants_them() {
        let components = json!([
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Hello {{first}}"},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY"}, {"type": "URL", "url": "https://x.example/{{1}}"}]},
        ]);
        let mapping = mapping(&entries(&["first=name", "header.image=picture", "button.1=code"]), &components).expect("maps");
        assert_eq!(mapping.body[0].parameter.as_deref(), Some("first"));
        assert_eq!(mapping.header[0].kind, "image");
        assert_eq!((mapping.buttons.len(), mapping.buttons[0].index, mapping.buttons[0].sub_type.as_str()), (1, 1, "url"));
    }

    #[test]
    fn every_wrong_entry_and_every_empty_place_is_named() {
        let components = json!([{"type": "BODY", "text": "{{1}} {{2}}"}]);
        let faults = mapping(&entries(&["1=a", "1=b", "3=c"]), &components).expect_err("faults");
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains("twice") && faults[1].contains("it has: 1, 2") && faults[2].contains("add --map 2=COLUMN"));
    }

    #[test]
    fn text_without_an_end_to_its_braces_stays() {
        assert_eq!(text(&json!([{"type": "BODY", "text": "a {{b"}]), &[]), "a {{b");
    }
}
