//! Template messages: their shape, and their parameters against the template's demands.

use serde_json::Value;

use super::fields::{Fields, longer, object};
use super::media::{self, Asset};
use super::{Refusal, TemplateUse};
use crate::world::{Button, Header, Template};

const TEXTS: [&str; 3] = ["text", "currency", "date_time"];
const MEDIA: [&str; 3] = ["image", "video", "document"];

/// Checks the shape of `template`.
pub(super) fn used<'a>(template: Fields<'a>, assets: &mut Vec<Asset<'a>>) -> Result<TemplateUse<'a>, Refusal> {
    template.only(&["name", "language", "components", "namespace"])?;
    let name = template.required_text("name", 512)?;
    let language = template.get("language").ok_or_else(|| Refusal::missing("template['language'] is missing"))?;
    let language = object(language, "template['language']")?;
    language.only(&["code", "policy"])?;
    let language = language.required_text("code", 20)?;
    let components = template.list("components")?.unwrap_or_default();
    let mut seen = Vec::new();
    for component in components {
        let component = object(component, "template['components']")?;
        component.only(&["type", "sub_type", "index", "parameters", "cards"])?;
        let kind = component.required_text("type", 20)?;
        let place = match kind.to_ascii_lowercase().as_str() {
            "header" => (0, 0),
            "body" => (1, 0),
            "button" => (2, index(component)?),
            "carousel" | "limited_time_offer" => continue,
            _ => return Err(Refusal::bad(format!("Param template['components']['type'] '{kind}' is not valid"))),
        };
        if seen.contains(&place) {
            return Err(Refusal::invalid(format!("template['components'] has two components of type {kind} for one place")));
        }
        seen.push(place);
        for parameter in component.list("parameters")?.unwrap_or_default() {
            self::parameter(object(parameter, "template['components']['parameters']")?, assets)?;
        }
    }
    Ok(TemplateUse { name, language, components })
}

/// A button's index; Meta takes a number or a number in a string.
fn index(component: Fields<'_>) -> Result<u64, Refusal> {
    let index = component.get("index").ok_or_else(|| Refusal::missing("Button component is missing index"))?;
    let index = index.as_u64().or_else(|| index.as_str().and_then(|text| text.parse().ok()));
    index.filter(|index| *index < 10).ok_or_else(|| Refusal::invalid("Button index must be 0 to 9"))
}

fn parameter<'a>(parameter: Fields<'a>, assets: &mut Vec<Asset<'a>>) -> Result<(), Refusal> {
    let kind = parameter.required_text("type", 20)?.to_ascii_lowercase();
    let content = |key: &'static str| {
        let value = parameter.get(key).ok_or_else(|| Refusal::missing(format!("Parameter of type {key} is missing {key} value")))?;
        object(value, key)
    };
    if let Some(form) = MEDIA.into_iter().find(|form| *form == kind) {
        return media::check(form, content(form)?, assets);
    }
    match kind.as_str() {
        "text" => {
            let text = parameter
                .text("text", usize::MAX)?
                .filter(|text| !text.is_empty())
                .ok_or_else(|| Refusal::missing("Parameter of type text is missing text value"))?;
            if text.contains(['\n', '\t']) || text.contains("     ") {
                return Err(Refusal::new(132_018, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"));
            }
            parameter.text("parameter_name", 60).map(drop)
        }
        "currency" => {
            let currency = content("currency")?;
            currency.required_text("fallback_value", 200)?;
            currency.required_text("code", 3)?;
            match currency.get("amount_1000").map(Value::is_number) {
                Some(true) => Ok(()),
                _ => Err(Refusal::new(132_012, "currency['amount_1000'] must be a number")),
            }
        }
        "date_time" => content("date_time")?.required_text("fallback_value", 200).map(drop),
        "payload" => parameter.required_text("payload", 256).map(drop),
        "coupon_code" => parameter.required_text("coupon_code", 15).map(drop),
        "location" => content("location").map(drop),
        "action" => content("action").map(drop),
        _ => Err(Refusal::bad(format!("Param type '{kind}' of a template parameter is not valid"))),
    }
}

/// Checks the parameters of a well-formed message against what the template demands.
pub(crate) fn check(template: &Template, used: TemplateUse<'_>) -> Result<(), Refusal> {
    let component =
        |kind: &str| used.components.iter().find(|component| component["type"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(kind)));
    header(template, component("header"))?;
    let given = component("body").map(parameters).unwrap_or_default();
    texts("body", &template.body, template.named, given)?;
    let filled = template.body_text.chars().count()
        + given.iter().filter_map(|parameter| parameter["text"].as_str()).map(|text| text.chars().count()).sum::<usize>();
    if filled > 1_024 + template.body.len() * 5 {
        return Err(Refusal::new(132_005, "body: the text is longer than 1024 characters once its parameters are filled in"));
    }
    buttons(template, used.components)
}

fn parameters(component: &Value) -> &[Value] {
    component["parameters"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn kind_of(parameter: &Value) -> String {
    parameter["type"].as_str().unwrap_or("unknown").to_ascii_lowercase()
}

fn header(template: &Template, component: Option<&Value>) -> Result<(), Refusal> {
    let given = component.map(parameters).unwrap_or_default();
    match &template.header {
        Header::Fixed => count("header", given.len(), 0),
        Header::Text(names) => {
            texts("header", names, template.named, given)?;
            let long = given.iter().filter_map(|parameter| parameter["text"].as_str()).any(|text| longer(text, 60));
            if long { Err(Refusal::new(132_005, "header: the text is longer than 60 characters")) } else { Ok(()) }
        }
        Header::Media(form) => {
            let received = given.first().map_or_else(|| "unknown".into(), kind_of);
            if received != *form {
                return Err(Refusal::new(
                    132_012,
                    format!("header: Format mismatch, expected {}, received {}", form.to_uppercase(), received.to_uppercase()),
                ));
            }
            count("header", given.len(), 1)
        }
    }
}

fn count(place: &str, given: usize, expected: usize) -> Result<(), Refusal> {
    if given == expected {
        return Ok(());
    }
    Err(Refusal::new(
        132_000,
        format!("{place}: number of localizable_params ({given}) does not match the expected number of params ({expected})"),
    ))
}

fn texts(place: &str, names: &[String], named: bool, given: &[Value]) -> Result<(), Refusal> {
    count(place, given.len(), names.len())?;
    for parameter in given {
        let kind = kind_of(parameter);
        if !TEXTS.contains(&kind.as_str()) {
            return Err(Refusal::new(132_012, format!("{place}: Format mismatch, expected TEXT, received {}", kind.to_uppercase())));
        }
    }
    if !named {
        return Ok(());
    }
    for name in names.iter().filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit())) {
        if !given.iter().any(|parameter| parameter["parameter_name"].as_str() == Some(name)) {
            return Err(Refusal::bad(format!("{place}: Parameter name '{name}' is missing or empty")));
        }
    }
    Ok(())
}

fn buttons(template: &Template, components: &[Value]) -> Result<(), Refusal> {
    let given = |index: usize| {
        components.iter().find(|component| {
            let own = &component["index"];
            component["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("button"))
                && own.as_u64().or_else(|| own.as_str()?.parse().ok()) == Some(index as u64)
        })
    };
    for index in template.buttons.len()..10 {
        if given(index).is_some() {
            return Err(Refusal::new(132_000, format!("buttons: the template has no button at index {index}")));
        }
    }
    for (index, button) in template.buttons.iter().enumerate() {
        let required = match button {
            Button::Url => Some("text"),
            Button::CopyCode => Some("coupon_code"),
            _ => None,
        };
        let Some(component) = given(index) else {
            if required.is_some() {
                let kind = button.sub_type();
                return Err(Refusal::missing(format!("buttons: Button at index {index} of type {kind} requires a parameter")));
            }
            continue;
        };
        let sub_type = component["sub_type"].as_str().unwrap_or_default().to_ascii_lowercase();
        if *button == Button::Fixed || !button.sub_type().split([',', ' ']).any(|known| known == sub_type) {
            return Err(Refusal::new(
                132_012,
                format!("buttons: Button at index {index} is of type {}, received '{sub_type}'", button.sub_type()),
            ));
        }
        if let Some(kind) = required {
            let parameters = parameters(component);
            if parameters.len() != 1 || kind_of(&parameters[0]) != kind {
                return Err(Refusal::new(132_012, format!("buttons: Button at index {index} takes one parameter of type {kind}")));
            }
        }
    }
    Ok(())
}
