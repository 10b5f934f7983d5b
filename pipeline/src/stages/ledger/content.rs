//! The parts of a message that Meta may pause on their own.

use std::borrow::Cow;

use serde::Deserialize;

/// What a message is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// `name/language` of its template.
    pub template: Option<String>,
    /// Id of its flow.
    pub flow: Option<String>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    template: Option<Template<'a>>,
    #[serde(borrow)]
    interactive: Option<Interactive<'a>>,
}

#[derive(Deserialize)]
struct Template<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    language: Language<'a>,
}

#[derive(Deserialize)]
struct Language<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Interactive<'a> {
    #[serde(borrow)]
    action: Option<Action<'a>>,
}

#[derive(Deserialize)]
struct Action<'a> {
    #[serde(borrow)]
    parameters: Option<Parameters<'a>>,
}

#[derive(Deserialize)]
struct Parameters<'a> {
    #[serde(borrow)]
    flow_id: Option<Cow<'a, str>>,
}

/// Reads a typed command's JSON; what is not one is made of nothing.
pub(super) fn content(body: &str) -> Content {
    let Ok(body) = serde_json::from_str::<Body<'_>>(body) else { return Content::default() };
    let flow = body.interactive.and_then(|interactive| interactive.action?.parameters?.flow_id).map(Cow::into_owned);
    Content { template: body.template.map(|template| template_name(&template.name, &template.language.code)), flow }
}

/// A template's name in holds. Webhooks spell the language with a hyphen at times (contract §5).
pub(super) fn template_name(name: &str, language: &str) -> String {
    format!("{name}/{}", language.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_and_flow_are_found_where_commands_have_them() {
        let template = content(r#"{"type":"template","template":{"name":"offer","language":{"code":"en-US"},"components":[]}}"#);
        assert_eq!(template, Content { template: Some("offer/en_US".into()), flow: None });
        let flow = content(r#"{"type":"interactive","interactive":{"type":"flow","action":{"name":"flow","parameters":{"flow_id":"7"}}}}"#);
        assert_eq!(flow, Content { template: None, flow: Some("7".into()) });
        for other in [r#"{"type":"text","text":{"body":"a"}}"#, "[]", "", r#"{"interactive":{"action":{"buttons":[]}}}"#] {
            assert_eq!(content(other), Content::default(), "{other}");
        }
    }
}
