//! What an approved template asks of the message that uses it, and what the customer will see (contract §6, §7: 132000, 132012, 132005).

use serde::Serialize;
use serde_json::Value;
use sluice_schemas::command::{Component, ComponentType, Fault, Parameter, Template};

use super::channel::Check;

/// Longest body once it is filled.
const BODY: usize = 1_024;
/// Longest text header once it is filled.
const HEADER: usize = 60;

/// The message as the customer will see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Preview {
    /// Words of a text header, or what kind of header it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The words.
    pub body: String,
    /// Below the words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// What the buttons say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<String>,
}

/// What is wrong with filling the template whose `components` Meta lists with `used`, each fault with its field.
pub fn check(components: &Value, category: &str, used: &Template) -> Vec<Fault> {
    let mut check = Check::default();
    header(&mut check, part(components, "HEADER"), used);
    body(&mut check, part(components, "BODY"), category, used);
    buttons(&mut check, part(components, "BUTTONS"), used);
    check.0
}

/// The template filled with `used`; variables that nothing fills stay as they are written.
pub fn preview(components: &Value, used: &Template) -> Preview {
    let words = |place: &str| part(components, place).and_then(|part| part["text"].as_str());
    let given = |kind| used.component(kind).map(|component| component.parameters.as_slice()).unwrap_or_default();
    let header = part(components, "HEADER").map(|header| match header["format"].as_str() {
        None | Some("TEXT") => fill(header["text"].as_str().unwrap_or_default(), given(ComponentType::Header)),
        Some(form) => format!("[{}]", form.to_lowercase()),
    });
    let labels = part(components, "BUTTONS").and_then(|part| part["buttons"].as_array()).map(Vec::as_slice).unwrap_or_default();
    Preview {
        header,
        body: fill(words("BODY").unwrap_or_default(), given(ComponentType::Body)),
        footer: words("FOOTER").map(str::to_owned),
        buttons: labels.iter().filter_map(|button| button["text"].as_str()).map(str::to_owned).collect(),
    }
}

fn part<'a>(components: &'a Value, kind: &str) -> Option<&'a Value> {
    components.as_array()?.iter().find(|part| part["type"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(kind)))
}

/// The place of a component in the message, for the names of its fields.
fn place(used: &Template, wanted: impl Fn(&Component) -> bool) -> (Option<&Component>, String) {
    match used.components.iter().position(wanted) {
        Some(n) => (used.components.get(n), format!("template.components[{n}]")),
        None => (None, "template.components".to_owned()),
    }
}

fn header(check: &mut Check, header: Option<&Value>, used: &Template) {
    let (given, at) = place(used, |component| component.r#type == ComponentType::Header);
    let parameters = given.map(|component| component.parameters.as_slice()).unwrap_or_default();
    let form = header.map_or("TEXT", |header| header["format"].as_str().unwrap_or("TEXT"));
    if form != "TEXT" {
        let fits = parameters.len() == 1 && parameters[0].kind().eq_ignore_ascii_case(form);
        check.that(fits, &at, &format!("must have a header with one parameter of type {}", form.to_lowercase()));
        return;
    }
    let text = header.and_then(|header| header["text"].as_str()).unwrap_or_default();
    texts(check, &at, "header", &variables(text), parameters);
    check.that(
        fill(text, parameters).chars().count() <= HEADER,
        &at,
        &format!("makes the header longer than {HEADER} characters (132005)"),
    );
}

fn body(check: &mut Check, body: Option<&Value>, category: &str, used: &Template) {
    let (given, at) = place(used, |component| component.r#type == ComponentType::Body);
    let parameters = given.map(|component| component.parameters.as_slice()).unwrap_or_default();
    let text = body.and_then(|body| body["text"].as_str()).unwrap_or_default();
    let mut names = variables(text);
    if names.is_empty() && category.eq_ignore_ascii_case("AUTHENTICATION") {
        // Meta writes the words of such templates itself; their one variable is the code.
        names.push("1".into());
    }
    texts(check, &at, "body", &names, parameters);
    check.that(fill(text, parameters).chars().count() <= BODY, &at, &format!("makes the body longer than {BODY} characters (132005)"));
}

fn texts(check: &mut Check, at: &str, place: &str, names: &[String], parameters: &[Parameter]) {
    if names.len() != parameters.len() {
        let asked = if names.is_empty() { "none".into() } else { names.join(", ") };
        check.fault(
            at,
            format!("has {} parameters for the {place}; the template asks for {}: {asked} (132000)", parameters.len(), names.len()),
        );
        return;
    }
    for (n, parameter) in parameters.iter().enumerate() {
        check.that(parameter.as_text().is_some(), &format!("{at}.parameters[{n}].type"), "must be text, currency or date_time (132012)");
    }
    for name in names.iter().filter(|name| !name.bytes().all(|b| b.is_ascii_digit())) {
        let given = parameters.iter().any(|parameter| parameter.name() == Some(name));
        check.that(given, at, &format!("has no parameter with the parameter_name `{name}`"));
    }
}

fn buttons(check: &mut Check, buttons: Option<&Value>, used: &Template) {
    let listed = buttons.and_then(|part| part["buttons"].as_array()).map(Vec::as_slice).unwrap_or_default();
    for (n, component) in used.components.iter().enumerate().filter(|(_, component)| component.r#type == ComponentType::Button) {
        let known = component.index.is_some_and(|index| usize::from(index) < listed.len());
        check.that(known, &format!("template.components[{n}].index"), "names a button that the template does not have");
    }
    for (index, button) in listed.iter().enumerate() {
        let (given, at) = place(used, |component| component.r#type == ComponentType::Button && component.index == Some(index as u8));
        let needs = needed(button);
        let count = given.map_or(0, |component| component.parameters.len());
        match needs {
            Some(kind) => {
                let fits = given.is_some_and(|component| component.parameters.len() == 1 && component.parameters[0].kind() == kind);
                check.that(fits, &at, &format!("must have one parameter of type {kind} for button {index}"));
            }
            None if button["type"] == "QUICK_REPLY" => check.that(count <= 1, &at, "has more than one payload"),
            None if fixed(button) => check.that(count == 0, &at, &format!("fills button {index}, which has no variable")),
            None => {}
        }
    }
}

/// The parameter without which Meta refuses a button.
fn needed(button: &Value) -> Option<&'static str> {
    match button["type"].as_str()? {
        "OTP" => Some("text"),
        "URL" if !variables(button["url"].as_str().unwrap_or_default()).is_empty() => Some("text"),
        "COPY_CODE" => Some("coupon_code"),
        _ => None,
    }
}

fn fixed(button: &Value) -> bool {
    matches!(button["type"].as_str(), Some("URL" | "PHONE_NUMBER" | "VOICE_CALL"))
}

/// The distinct `{{…}}` variables of a text, in the order in which they first stand there.
pub(crate) fn variables(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((name, tail)) = rest.split_once("{{").and_then(|(_, after)| after.split_once("}}")) {
        let name = name.trim().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
        rest = tail;
    }
    names
}

fn fill(text: &str, parameters: &[Parameter]) -> String {
    let mut filled = text.to_owned();
    for (n, parameter) in parameters.iter().enumerate() {
        let name = parameter.name().map_or_else(|| (n + 1).to_string(), str::to_owned);
        if let Some(value) = parameter.as_text() {
            for form in [format!("{{{{{name}}}}}"), format!("{{{{ {name} }}}}")] {
                filled = filled.replace(&form, value);
            }
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn components() -> Value {
        json!([
            {"type": "HEADER", "format": "TEXT", "text": "For {{1}}"},
            {"type": "BODY", "text": "Hello {{1}}, {{2}} off. Yours, {{1}}"},
            {"type": "FOOTER", "text": "Acme"},
            {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Open", "url": "https://shop.example/{{1}}"},
                {"type": "QUICK_REPLY", "text": "Stop"}, {"type": "PHONE_NUMBER", "text": "Call"}]},
        ])
    }

    fn used(components: Value) -> Template {
        serde_json::from_value(json!({"name": "offer", "language": {"code": "en"}, "components": components})).expect("a template")
    }

    fn texts(kind: &str, texts: &[&str]) -> Value {
        json!({"type": kind, "parameters": texts.iter().map(|text| json!({"type": "text", "text": text})).collect::<Vec<_>>()})
    }

    fn button(index: u8, text: &str) -> Value {
        json!({"type": "button", "sub_type": "url", "index": index.to_string(), "parameters": [{"type": "text", "text": text}]})
    }

    #[rstest]
    #[case::fits(json!([texts("header", &["Ana"]), texts("body", &["Ana", "10 %"]), button(0, "x")]), &[])]
    #[case::no_header(json!([texts("body", &["Ana", "10 %"]), button(0, "x")]), &["template.components"])]
    #[case::one_too_few(json!([texts("header", &["Ana"]), texts("body", &["Ana"]), button(0, "x")]), &["template.components[1]"])]
    #[case::no_button(json!([texts("header", &["Ana"]), texts("body", &["Ana", "b"])]), &["template.components"])]
    #[case::button_that_is_not_there(json!([texts("header", &["Ana"]), texts("body", &["Ana", "b"]), button(0, "x"), button(7, "x")]),
        &["template.components[3].index"])]
    #[case::button_without_variable(json!([texts("header", &["Ana"]), texts("body", &["Ana", "b"]), button(0, "x"), button(2, "x")]),
        &["template.components[3]"])]
    #[case::header_too_long(json!([texts("header", &[&"x".repeat(60)]), texts("body", &["Ana", "b"]), button(0, "x")]),
        &["template.components[0]"])]
    #[case::body_too_long(json!([texts("header", &["Ana"]), texts("body", &[&"x".repeat(600), "b"]), button(0, "x")]),
        &["template.components[1]"])]
    fn parameters_must_fit_the_template(#[case] given: Value, #[case] fields: &[&str]) {
        let faults = check(&components(), "MARKETING", &used(given));
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), fields, "{faults:?}");
    }

    #[test]
    fn named_variables_are_filled_by_their_names() {
        let listed = json!([{"type": "BODY", "text": "Hello {{first_name}}, order {{ order }}."}]);
        let named = |name: &str| json!({"type": "text", "text": name.to_uppercase(), "parameter_name": name});
        let good = used(json!([{"type": "body", "parameters": [named("order"), named("first_name")]}]));
        assert_eq!(check(&listed, "UTILITY", &good), []);
        assert_eq!(preview(&listed, &good).body, "Hello FIRST_NAME, order ORDER.");
        let wrong = used(json!([{"type": "body", "parameters": [named("order"), named("name")]}]));
        assert!(check(&listed, "UTILITY", &wrong)[0].detail.contains("first_name"));
    }

    #[test]
    fn a_media_header_needs_its_media() {
        let listed = json!([{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "New"}]);
        assert_eq!(check(&listed, "MARKETING", &used(json!([]))).len(), 1);
        let image = json!([{"type": "header", "parameters": [{"type": "image", "image": {"link": "https://shop.example/a.png"}}]}]);
        assert_eq!(check(&listed, "MARKETING", &used(image)), []);
    }

    #[test]
    fn a_preview_shows_every_part() {
        let preview = preview(&components(), &used(json!([texts("header", &["Ana"]), texts("body", &["Ana", "10 %"])])));
        assert_eq!(preview.header.as_deref(), Some("For Ana"));
        assert_eq!(preview.body, "Hello Ana, 10 % off. Yours, Ana");
        assert_eq!((preview.footer.as_deref(), preview.buttons.len()), (Some("Acme"), 3));
    }
}
