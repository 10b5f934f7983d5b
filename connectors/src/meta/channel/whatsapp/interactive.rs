//! Limits of interactive messages (contract §6).

use serde_json::Value;
use sluice_schemas::command::{Button, Buttons, Catalog, Header, Interactive, Link, List, Media, Product, Products};

use super::super::check::Check;
use super::check::media;

const ACTION: &str = "interactive.action";

/// Checks an interactive message.
pub(super) fn check(check: &mut Check, message: &Interactive) {
    around(check, message);
    match message {
        Interactive::Button(frame) => buttons(check, &frame.action),
        Interactive::List(frame) => list(check, &frame.action),
        Interactive::CtaUrl(frame) => link(check, frame.action.parameters()),
        Interactive::Flow(frame) => flow(check, frame.action.parameters()),
        Interactive::Product(frame) => product(check, &frame.action),
        Interactive::ProductList(frame) => products(check, &frame.action),
        Interactive::CatalogMessage(frame) => {
            let Catalog::CatalogMessage { parameters } = &frame.action;
            check.that(parameters.as_ref().is_none_or(Value::is_object), "interactive.action.parameters", "must be an object");
        }
        Interactive::AddressMessage(frame) => {
            check.that(frame.action.parameters().is_object(), "interactive.action.parameters", "must be an object");
        }
        Interactive::LocationRequestMessage(_) => {}
    }
}

fn around(check: &mut Check, message: &Interactive) {
    let (header, body, footer) = message.around();
    let kind = message.kind();
    match header {
        Some(Header::Text { text }) => check.filled("interactive.header.text", text, 60),
        Some(Header::Image { image }) => media_header(check, kind, "image", image),
        Some(Header::Video { video }) => media_header(check, kind, "video", video),
        Some(Header::Document { document }) => media_header(check, kind, "document", document),
        None => check.that(kind != "product_list", "interactive.header", "is missing: a list of products needs one"),
    }
    match body {
        Some(body) => check.filled("interactive.body.text", &body.text, if kind == "list" { 4_096 } else { 1_024 }),
        // A single product shows itself.
        None => check.that(kind == "product", "interactive.body", "is missing"),
    }
    if let Some(footer) = footer {
        check.filled("interactive.footer.text", &footer.text, 60);
    }
}

fn media_header(check: &mut Check, kind: &str, form: &str, content: &Media) {
    check.that(matches!(kind, "button" | "cta_url" | "flow"), "interactive.header.type", "must be `text` in a message of this type");
    media(check, &format!("interactive.header.{form}"), form, content);
}

fn buttons(check: &mut Check, action: &Buttons) {
    let at = "interactive.action.buttons";
    check.count(at, action.buttons.len(), 1, 3);
    let replies = || action.buttons.iter().map(|Button::Reply { reply }| reply);
    for (n, reply) in replies().enumerate() {
        check.filled(&format!("{at}[{n}].reply.id"), &reply.id, 256);
        check.filled(&format!("{at}[{n}].reply.title"), &reply.title, 20);
    }
    check.distinct(&format!("{at}.reply.id"), replies().map(|reply| reply.id.as_str()));
    check.distinct(&format!("{at}.reply.title"), replies().map(|reply| reply.title.as_str()));
}

fn list(check: &mut Check, action: &List) {
    let at = "interactive.action.sections";
    check.filled("interactive.action.button", &action.button, 20);
    check.count(at, action.sections.len(), 1, 10);
    for (n, section) in action.sections.iter().enumerate() {
        title(check, &format!("{at}[{n}].title"), section.title.as_deref(), action.sections.len());
        check.that(!section.rows.is_empty(), &format!("{at}[{n}].rows"), "is empty");
        for (m, row) in section.rows.iter().enumerate() {
            let at = format!("{at}[{n}].rows[{m}]");
            check.filled(&format!("{at}.id"), &row.id, 200);
            check.filled(&format!("{at}.title"), &row.title, 24);
            check.perhaps(&format!("{at}.description"), row.description.as_deref(), 72);
        }
    }
    let rows = || action.sections.iter().flat_map(|section| &section.rows);
    let count = rows().count();
    check.that(count <= 10, at, &format!("have {count} rows together; at most 10 are allowed in total"));
    check.distinct(&format!("{at}.rows.id"), rows().map(|row| row.id.as_str()));
}

/// Sections need a title as soon as there are several.
fn title(check: &mut Check, field: &str, title: Option<&str>, sections: usize) {
    match title {
        Some(title) => check.short(field, title, 24),
        None => check.that(sections < 2, field, "is missing: sections need titles as soon as there are several"),
    }
}

fn link(check: &mut Check, link: &Link) {
    check.filled("interactive.action.parameters.display_text", &link.display_text, 20);
    check.address("interactive.action.parameters.url", &link.url);
    check.short("interactive.action.parameters.url", &link.url, 2_000);
}

fn flow(check: &mut Check, parameters: &Value) {
    let at = |key: &str| format!("{ACTION}.parameters.{key}");
    let text = |key: &str| parameters.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    check.that(text("flow_message_version") == Some("3"), &at("flow_message_version"), "must be \"3\"");
    check.that(
        text("flow_id").is_some() != text("flow_name").is_some(),
        &at("flow_id"),
        "and `flow_name`: give exactly one of the two, as a text",
    );
    check.filled(&at("flow_cta"), text("flow_cta").unwrap_or_default(), 30);
    let one_of =
        |key: &str, known: &[&str]| parameters.get(key).is_none_or(|value| value.as_str().is_some_and(|text| known.contains(&text)));
    check.that(one_of("mode", &["draft", "published"]), &at("mode"), "is neither draft nor published");
    check.that(one_of("flow_action", &["navigate", "data_exchange"]), &at("flow_action"), "is neither navigate nor data_exchange");
}

fn product(check: &mut Check, product: &Product) {
    check.filled("interactive.action.catalog_id", &product.catalog_id, 200);
    check.filled("interactive.action.product_retailer_id", &product.product_retailer_id, 200);
}

fn products(check: &mut Check, action: &Products) {
    let at = "interactive.action.sections";
    check.filled("interactive.action.catalog_id", &action.catalog_id, 200);
    check.count(at, action.sections.len(), 1, 10);
    for (n, section) in action.sections.iter().enumerate() {
        title(check, &format!("{at}[{n}].title"), section.title.as_deref(), action.sections.len());
        check.count(&format!("{at}[{n}].product_items"), section.product_items.len(), 1, 30);
        for (m, item) in section.product_items.iter().enumerate() {
            check.filled(&format!("{at}[{n}].product_items[{m}].product_retailer_id"), &item.product_retailer_id, 200);
        }
    }
    let count: usize = action.sections.iter().map(|section| section.product_items.len()).sum();
    check.that(count <= 30, at, &format!("have {count} products together; at most 30 are allowed in total"));
}
