//! One row per promise: body, code.

use rstest::rstest;
use serde_json::{Value, json};

use super::{is_mark, mark, message, template_parameters};
use crate::world::{Template, TemplateSeed};

fn with(kind: &str, content: Value) -> Value {
    json!({"messaging_product": "whatsapp", "to": "+15550142000", "type": kind, kind: content})
}

fn code(body: &Value) -> u32 {
    message(body.as_object().unwrap()).map_or_else(|refusal| refusal.code, |_| 0)
}

fn button(id: &str, title: &str) -> Value {
    json!({"type": "reply", "reply": {"id": id, "title": title}})
}

fn interactive(kind: &str, action: Value) -> Value {
    with("interactive", json!({"type": kind, "body": {"text": "Choose"}, "action": action}))
}

fn rows(count: usize) -> Value {
    (0..count).map(|n| json!({"id": n.to_string(), "title": "Row"})).collect()
}

#[rstest]
#[case::text(with("text", json!({"body": "Hi", "preview_url": false})), 0)]
#[case::text_longest(with("text", json!({"body": "ü".repeat(4096)})), 0)]
#[case::text_too_long(with("text", json!({"body": "x".repeat(4097)})), 100)]
#[case::text_empty(with("text", json!({"body": ""})), 100)]
#[case::text_unknown_key(with("text", json!({"body": "Hi", "colour": "red"})), 100)]
#[case::text_not_an_object(with("text", json!("Hi")), 100)]
#[case::unknown_type(with("poll", json!({})), 100)]
#[case::no_content(json!({"messaging_product": "whatsapp", "to": "15550142000", "type": "text"}), 100)]
#[case::no_product(json!({"to": "15550142000", "text": {"body": "Hi"}}), 100)]
#[case::no_recipient(json!({"messaging_product": "whatsapp", "text": {"body": "Hi"}}), 100)]
#[case::recipient_no_number(json!({"messaging_product": "whatsapp", "to": "Ann", "text": {"body": "Hi"}}), 100)]
#[case::recipient_user_id(json!({"messaging_product": "whatsapp", "recipient": "US.1349", "text": {"body": "Hi"}}), 0)]
#[case::recipient_wrong_user_id(json!({"messaging_product": "whatsapp", "recipient": "1349", "text": {"body": "Hi"}}), 100)]
#[case::type_defaults_to_text(json!({"messaging_product": "whatsapp", "to": "15550142000", "text": {"body": "Hi"}}), 0)]
#[case::image_by_link(with("image", json!({"link": "https://shop.example/a.png", "caption": "A"})), 0)]
#[case::image_by_nothing(with("image", json!({"caption": "A"})), 100)]
#[case::image_by_both(with("image", json!({"id": "1", "link": "https://shop.example/a.png"})), 100)]
#[case::image_link_no_uri(with("image", json!({"link": "a.png"})), 100)]
#[case::image_caption_too_long(with("image", json!({"id": "1", "caption": "x".repeat(1025)})), 131_009)]
#[case::audio_has_no_caption(with("audio", json!({"id": "1", "caption": "A"})), 100)]
#[case::document(with("document", json!({"id": "1", "filename": "a.pdf"})), 0)]
#[case::location(with("location", json!({"latitude": 52.5, "longitude": "13.4", "name": "Acme"})), 0)]
#[case::location_without_longitude(with("location", json!({"latitude": 52.5})), 131_008)]
#[case::location_off_the_earth(with("location", json!({"latitude": 91, "longitude": 0})), 131_009)]
#[case::contacts(with("contacts", json!([{"name": {"formatted_name": "Ann", "first_name": "Ann"}}])), 0)]
#[case::contacts_without_name(with("contacts", json!([{"phones": []}])), 131_008)]
#[case::contacts_with_half_a_name(with("contacts", json!([{"name": {"formatted_name": "Ann"}}])), 131_008)]
#[case::contacts_wrong_birthday(
    with("contacts", json!([{"name": {"formatted_name": "A", "first_name": "A"}, "birthday": "1.2.90"}])), 131_009)]
#[case::reaction(with("reaction", json!({"message_id": "wamid.HBgLMTU1", "emoji": "😀"})), 0)]
#[case::reaction_removed(with("reaction", json!({"message_id": "wamid.HBgLMTU1", "emoji": ""})), 0)]
#[case::reaction_without_emoji(with("reaction", json!({"message_id": "wamid.HBgLMTU1"})), 131_008)]
#[case::reaction_to_nothing(with("reaction", json!({"message_id": "1", "emoji": "😀"})), 131_009)]
#[case::buttons(interactive("button", json!({"buttons": [button("a", "Yes"), button("b", "No")]})), 0)]
#[case::buttons_four(interactive("button", json!({"buttons": [button("a", "1"), button("b", "2"), button("c", "3"), button("d", "4")]})), 131_009)]
#[case::button_title_too_long(interactive("button", json!({"buttons": [button("a", "123456789012345678901")]})), 131_009)]
#[case::button_id_too_long(interactive("button", json!({"buttons": [button(&"x".repeat(257), "Yes")]})), 131_009)]
#[case::button_twice(interactive("button", json!({"buttons": [button("a", "Yes"), button("a", "No")]})), 131_009)]
#[case::button_without_title(interactive("button", json!({"buttons": [{"type": "reply", "reply": {"id": "a"}}]})), 131_008)]
#[case::buttons_missing(interactive("button", json!({})), 131_008)]
#[case::list(interactive("list", json!({"button": "Open", "sections": [{"rows": rows(10)}]})), 0)]
#[case::list_eleven_rows(interactive("list", json!({"button": "Open", "sections": [{"title": "A", "rows": rows(6)},
    {"title": "B", "rows": [{"id": "a", "title": "R"}, {"id": "b", "title": "R"}, {"id": "c", "title": "R"}, {"id": "d", "title": "R"},
    {"id": "e", "title": "R"}]}]})), 131_009)]
#[case::list_untitled_sections(interactive("list", json!({"button": "Open", "sections": [{"rows": rows(1)}, {"rows": rows(1)}]})), 131_008)]
#[case::list_row_title_too_long(interactive("list", json!({"button": "Open", "sections": [{"rows": [{"id": "1", "title": "x".repeat(25)}]}]})), 131_009)]
#[case::list_button_too_long(interactive("list", json!({"button": "x".repeat(21), "sections": [{"rows": rows(1)}]})), 131_009)]
#[case::cta_url(interactive("cta_url", json!({"name": "cta_url", "parameters": {"display_text": "Open", "url": "https://shop.example"}})), 0)]
#[case::flow(interactive("flow", json!({"name": "flow", "parameters": {"flow_message_version": "3", "flow_id": "1", "flow_cta": "Go"}})), 0)]
#[case::flow_twice_named(interactive("flow", json!({"name": "flow", "parameters": {"flow_message_version": "3", "flow_id": "1",
    "flow_name": "a", "flow_cta": "Go"}})), 131_009)]
#[case::location_request(interactive("location_request_message", json!({"name": "send_location"})), 0)]
#[case::catalog(interactive("catalog_message", json!({"name": "catalog_message"})), 0)]
#[case::product(interactive("product", json!({"catalog_id": "1", "product_retailer_id": "a"})), 0)]
#[case::product_list_without_header(interactive("product_list", json!({"catalog_id": "1", "sections": []})), 131_008)]
#[case::interactive_unknown(interactive("carousel_of_dreams", json!({})), 100)]
#[case::interactive_without_action(with("interactive", json!({"type": "button", "body": {"text": "A"}})), 131_008)]
#[case::body_too_long(with("interactive", json!({"type": "button", "body": {"text": "x".repeat(1025)}, "action": {}})), 131_009)]
#[case::footer_too_long(with("interactive", json!({"type": "button", "body": {"text": "A"}, "footer": {"text": "x".repeat(61)},
    "action": {"buttons": [button("a", "Yes")]}})), 131_009)]
#[case::list_header_image(with("interactive", json!({"type": "list", "header": {"type": "image", "image": {"id": "1"}},
    "body": {"text": "A"}, "action": {"button": "Open", "sections": [{"rows": rows(1)}]}})), 131_009)]
#[case::template_without_language(with("template", json!({"name": "a"})), 131_008)]
#[case::template_wrong_component(with("template", json!({"name": "a", "language": {"code": "de"}, "components": [{"type": "tail"}]})), 100)]
#[case::template_newline(with("template", json!({"name": "a", "language": {"code": "de"},
    "components": [{"type": "body", "parameters": [{"type": "text", "text": "a\nb"}]}]})), 132_018)]
#[case::template_text_missing(with("template", json!({"name": "a", "language": {"code": "de"},
    "components": [{"type": "body", "parameters": [{"type": "text"}]}]})), 131_008)]
fn bodies_are_judged_by_their_code(#[case] body: Value, #[case] expected: u32) {
    assert_eq!(code(&body), expected, "{:?}", message(body.as_object().unwrap()));
}

#[rstest]
#[case("x".repeat(512), 0)]
#[case("x".repeat(513), 131_009)]
fn callback_data_has_512_characters_at_most(#[case] data: String, #[case] expected: u32) {
    let mut body = with("text", json!({"body": "Hi"}));
    body["biz_opaque_callback_data"] = data.into();
    assert_eq!(code(&body), expected);
}

#[test]
fn read_marks_name_a_message() {
    let body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.HBgLMTU1",
        "typing_indicator": {"type": "text"}});
    assert!(is_mark(body.as_object().unwrap()));
    assert!(mark(body.as_object().unwrap()).is_ok());
    for (key, value) in [("message_id", json!("1")), ("status", json!("seen")), ("typing_indicator", json!({"type": "voice"}))] {
        let mut wrong = body.clone();
        wrong[key] = value;
        assert!(mark(wrong.as_object().unwrap()).is_err(), "{key}");
    }
}

fn offer() -> Template {
    Template::new(TemplateSeed {
        id: None,
        name: "offer".into(),
        language: "de".into(),
        category: "MARKETING".into(),
        status: "APPROVED".into(),
        components: vec![
            json!({"type": "HEADER", "format": "IMAGE"}),
            json!({"type": "BODY", "text": "{{1}} and {{2}}"}),
            json!({"type": "BUTTONS", "buttons": [
                {"type": "URL", "text": "Open", "url": "https://shop.example/{{1}}"},
                {"type": "QUICK_REPLY", "text": "Stop"}, {"type": "PHONE_NUMBER", "text": "Call"}]}),
        ],
    })
    .unwrap()
}

fn image() -> Value {
    json!({"type": "header", "parameters": [{"type": "image", "image": {"link": "https://shop.example/a.png"}}]})
}

fn texts(count: usize) -> Value {
    json!({"type": "body", "parameters": (0..count).map(|_| json!({"type": "text", "text": "a"})).collect::<Vec<_>>()})
}

fn link() -> Value {
    json!({"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "a"}]})
}

#[rstest]
#[case::complete(json!([image(), texts(2), link()]), 0)]
#[case::with_payload(json!([image(), texts(2), link(),
    {"type": "button", "sub_type": "quick_reply", "index": 1, "parameters": [{"type": "payload", "payload": "p"}]}]), 0)]
#[case::too_few(json!([image(), texts(1), link()]), 132_000)]
#[case::too_many(json!([image(), texts(3), link()]), 132_000)]
#[case::no_body(json!([image(), link()]), 132_000)]
#[case::no_header(json!([texts(2), link()]), 132_012)]
#[case::wrong_header(json!([{"type": "header", "parameters": [{"type": "text", "text": "a"}]}, texts(2), link()]), 132_012)]
#[case::no_url(json!([image(), texts(2)]), 131_008)]
#[case::url_for_a_quick_reply(json!([image(), texts(2), link(),
    {"type": "button", "sub_type": "url", "index": 1, "parameters": [{"type": "text", "text": "a"}]}]), 132_012)]
#[case::parameter_for_a_fixed_button(json!([image(), texts(2), link(),
    {"type": "button", "sub_type": "none", "index": 2, "parameters": []}]), 132_012)]
#[case::no_such_button(json!([image(), texts(2), link(),
    {"type": "button", "sub_type": "url", "index": 3, "parameters": [{"type": "text", "text": "a"}]}]), 132_000)]
#[case::too_long(json!([image(), {"type": "body", "parameters": [{"type": "text", "text": "x".repeat(1100)}, {"type": "text", "text": "a"}]},
    link()]), 132_005)]
fn template_parameters_are_counted_and_typed(#[case] components: Value, #[case] expected: u32) {
    let body = with("template", json!({"name": "offer", "language": {"code": "de"}, "components": components}));
    let used = message(body.as_object().unwrap()).unwrap().template.unwrap();
    assert_eq!(template_parameters(&offer(), used).map_or_else(|refusal| refusal.code, |()| 0), expected);
}

#[test]
fn named_parameters_need_their_names() {
    let template =
        Template::new(TemplateSeed { components: vec![json!({"type": "BODY", "text": "Hi {{first_name}}"})], ..offer().seed }).unwrap();
    for (name, expected) in [("first_name", 0), ("last_name", 100)] {
        let body = with(
            "template",
            json!({"name": "offer", "language": {"code": "de"}, "components": [
                {"type": "body", "parameters": [{"type": "text", "parameter_name": name, "text": "Ann"}]}]}),
        );
        let used = message(body.as_object().unwrap()).unwrap().template.unwrap();
        assert_eq!(template_parameters(&template, used).map_or_else(|refusal| refusal.code, |()| 0), expected);
    }
}
