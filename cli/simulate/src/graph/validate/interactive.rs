//! `interactive` messages (contract §6).

use std::collections::HashSet;

use super::fields::{Fields, object};
use super::media::{Asset, web_address};
use super::{Refusal, media};

const KINDS: [&str; 9] =
    ["button", "list", "cta_url", "flow", "product", "product_list", "catalog_message", "location_request_message", "address_message"];

/// Checks an `interactive` object.
pub(super) fn check<'a>(message: Fields<'a>, assets: &mut Vec<Asset<'a>>) -> Result<(), Refusal> {
    message.only(&["type", "header", "body", "footer", "action"])?;
    let kind = message.required_text("type", 50)?;
    if !KINDS.contains(&kind) {
        return Err(Refusal::bad(format!(
            "Param interactive['type'] must be one of {{{}}} - got \"{kind}\".",
            KINDS.join(", ").to_uppercase()
        )));
    }
    header(message, kind, assets)?;
    body(message, kind)?;
    if let Some(footer) = message.get("footer") {
        object(footer, "interactive['footer']")?.required_text("text", 60)?;
    }
    let action = message.get("action").ok_or_else(|| Refusal::missing("interactive['action'] is missing"))?;
    let action = object(action, "interactive['action']")?;
    match kind {
        "button" => buttons(action),
        "list" => list(action),
        "cta_url" => cta_url(action),
        "flow" => flow(action),
        "product" => product(action),
        "product_list" => product_list(message, action),
        "catalog_message" => named(action, "catalog_message").map(drop),
        "location_request_message" => named(action, "send_location").map(drop),
        _ => parameters(action, "address_message").map(drop),
    }
}

fn header<'a>(message: Fields<'a>, kind: &str, assets: &mut Vec<Asset<'a>>) -> Result<(), Refusal> {
    let Some(header) = message.get("header") else { return Ok(()) };
    let header = object(header, "interactive['header']")?;
    let form = header.required_text("type", 20)?;
    if form == "text" {
        header.required_text("text", 60)?;
        return Ok(());
    }
    let forms = ["image", "video", "document"];
    let Some(form) = forms.into_iter().find(|known| *known == form) else {
        return Err(Refusal::invalid(format!("interactive['header']['type'] '{form}' is not valid")));
    };
    if !matches!(kind, "button" | "cta_url" | "flow") {
        return Err(Refusal::invalid(format!("interactive['header']['type'] must be text in a message of type {kind}")));
    }
    let content = header.get(form).ok_or_else(|| Refusal::missing(format!("interactive['header']['{form}'] is missing")))?;
    media::check(form, object(content, form)?, assets)
}

fn body(message: Fields<'_>, kind: &str) -> Result<(), Refusal> {
    let Some(body) = message.get("body") else {
        // A single product shows itself.
        return if kind == "product" { Ok(()) } else { Err(Refusal::missing("interactive['body'] is missing")) };
    };
    let most = if kind == "list" { 4_096 } else { 1_024 };
    object(body, "interactive['body']")?.required_text("text", most)?;
    Ok(())
}

fn buttons(action: Fields<'_>) -> Result<(), Refusal> {
    action.only(&["buttons"])?;
    let mut ids = HashSet::new();
    let mut titles = HashSet::new();
    for button in action.required_list("buttons", 1, 3)? {
        let button = object(button, "interactive['action']['buttons']")?;
        if button.required_text("type", 20)? != "reply" {
            return Err(Refusal::invalid("interactive['action']['buttons']['type'] must be reply"));
        }
        let reply = button.get("reply").ok_or_else(|| Refusal::missing("interactive['action']['buttons']['reply'] is missing"))?;
        let reply = object(reply, "interactive['action']['buttons']['reply']")?;
        unique(&mut ids, reply.required_text("id", 256)?, "Button id")?;
        unique(&mut titles, reply.required_text("title", 20)?, "Button title")?;
    }
    Ok(())
}

fn unique<'a>(seen: &mut HashSet<&'a str>, value: &'a str, what: &str) -> Result<(), Refusal> {
    if seen.insert(value) { Ok(()) } else { Err(Refusal::invalid(format!("{what} '{value}' is used twice"))) }
}

fn list(action: Fields<'_>) -> Result<(), Refusal> {
    action.only(&["button", "sections"])?;
    action.required_text("button", 20)?;
    let sections = action.required_list("sections", 1, 10)?;
    let mut ids = HashSet::new();
    for section in sections {
        let section = object(section, "interactive['action']['sections']")?;
        section.only(&["title", "rows"])?;
        section_title(section, sections.len())?;
        for row in section.required_list("rows", 1, 10)? {
            let row = object(row, "interactive['action']['sections']['rows']")?;
            row.only(&["id", "title", "description"])?;
            unique(&mut ids, row.required_text("id", 200)?, "Row id")?;
            row.required_text("title", 24)?;
            row.text("description", 72)?;
        }
    }
    if ids.len() > 10 {
        return Err(Refusal::invalid(format!("Total row count exceed max allowed count: 10, got {}", ids.len())));
    }
    Ok(())
}

/// Sections need a title as soon as there are several.
fn section_title(section: Fields<'_>, sections: usize) -> Result<(), Refusal> {
    if sections > 1 {
        section.required_text("title", 24)?;
    } else {
        section.text("title", 24)?;
    }
    Ok(())
}

fn named<'a>(action: Fields<'a>, name: &str) -> Result<Option<Fields<'a>>, Refusal> {
    if action.required_text("name", 50)? != name {
        return Err(Refusal::invalid(format!("interactive['action']['name'] must be {name}")));
    }
    action.get("parameters").map(|parameters| object(parameters, "interactive['action']['parameters']")).transpose()
}

fn parameters<'a>(action: Fields<'a>, name: &str) -> Result<Fields<'a>, Refusal> {
    named(action, name)?.ok_or_else(|| Refusal::missing("interactive['action']['parameters'] is missing"))
}

fn cta_url(action: Fields<'_>) -> Result<(), Refusal> {
    let parameters = parameters(action, "cta_url")?;
    parameters.required_text("display_text", 20)?;
    web_address(parameters.required_text("url", 2_000)?, "interactive['action']['parameters']['url']")
}

fn flow(action: Fields<'_>) -> Result<(), Refusal> {
    let parameters = parameters(action, "flow")?;
    if parameters.required_text("flow_message_version", 5)? != "3" {
        return Err(Refusal::invalid("interactive['action']['parameters']['flow_message_version'] must be \"3\""));
    }
    if parameters.text("flow_id", 200)?.is_some() == parameters.text("flow_name", 200)?.is_some() {
        return Err(Refusal::invalid("interactive['action']['parameters'] must have either flow_id or flow_name"));
    }
    parameters.required_text("flow_cta", 30)?;
    match parameters.text("mode", 20)? {
        None | Some("draft" | "published") => {}
        Some(mode) => return Err(Refusal::invalid(format!("mode '{mode}' is neither draft nor published"))),
    }
    match parameters.text("flow_action", 20)? {
        None | Some("navigate" | "data_exchange") => Ok(()),
        Some(action) => Err(Refusal::invalid(format!("flow_action '{action}' is neither navigate nor data_exchange"))),
    }
}

fn product(action: Fields<'_>) -> Result<(), Refusal> {
    action.required_text("catalog_id", 200)?;
    action.required_text("product_retailer_id", 200)?;
    Ok(())
}

fn product_list(message: Fields<'_>, action: Fields<'_>) -> Result<(), Refusal> {
    if message.get("header").is_none() {
        return Err(Refusal::missing("interactive['header'] is missing"));
    }
    action.required_text("catalog_id", 200)?;
    let sections = action.required_list("sections", 1, 10)?;
    let mut products = 0;
    for section in sections {
        let section = object(section, "interactive['action']['sections']")?;
        section_title(section, sections.len())?;
        let items = section.required_list("product_items", 1, 30)?;
        products += items.len();
        for item in items {
            object(item, "interactive['action']['sections']['product_items']")?.required_text("product_retailer_id", 200)?;
        }
    }
    if products > 30 {
        return Err(Refusal::invalid(format!("Total product count exceed max allowed count: 30, got {products}")));
    }
    Ok(())
}
