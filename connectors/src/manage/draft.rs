//! A template as somebody writes it, and what Meta would refuse about it (contract §9), said before Meta is asked.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_schemas::command::Fault;
use utoipa::ToSchema;

/// A template to be made, or the new words of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Lower-case letters, digits and underscores, at most 512.
    pub name: String,
    /// Such as `pt_BR`.
    pub language: String,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`; Meta may choose another one.
    pub category: String,
    /// What stands above, at most 60 characters with one variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Words>,
    /// The message, at most 1024 characters. A variable stands neither first nor last.
    pub body: Words,
    /// What stands below, at most 60 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// At most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
}

/// Words with variables such as `{{1}}` or `{{first_name}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The words.
    pub text: String,
    /// What each variable could be, in the order in which they first stand there: Meta's reviewers need it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

/// A button below a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Button {
    /// Answers with its words.
    QuickReply {
        /// At most 25 characters.
        text: String,
    },
    /// Opens a page.
    Url {
        /// At most 25 characters.
        text: String,
        /// Address; its end may be `{{1}}`.
        url: String,
        /// The whole address, filled; where it has a variable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        example: Option<String>,
    },
    /// Calls a number.
    PhoneNumber {
        /// At most 25 characters.
        text: String,
        /// With country code.
        phone_number: String,
    },
}

impl Button {
    fn text(&self) -> &str {
        match self {
            Self::QuickReply { text } | Self::Url { text, .. } | Self::PhoneNumber { text, .. } => text,
        }
    }

    fn listed(&self) -> Value {
        match self {
            Self::QuickReply { text } => json!({"type": "QUICK_REPLY", "text": text}),
            Self::PhoneNumber { text, phone_number } => json!({"type": "PHONE_NUMBER", "text": text, "phone_number": phone_number}),
            Self::Url { text, url, example } => {
                let mut button = json!({"type": "URL", "text": text, "url": url});
                if let Some(example) = example {
                    button["example"] = json!([example]);
                }
                button
            }
        }
    }
}

impl Words {
    /// Its variables, each once, in the order in which they first stand there.
    pub fn variables(&self) -> Vec<String> {
        crate::meta::template::variables(&self.text)
    }

    fn check(&self, field: &str, most: usize, faults: &mut Vec<Fault>) {
        let mut fault = |at: &str, detail: String| faults.push(Fault::new(&format!("{field}.{at}"), detail));
        if self.text.trim().is_empty() {
            fault("text", "is empty".into());
        }
        if self.text.chars().count() > most {
            fault("text", format!("has more than {most} characters"));
        }
        let (names, text) = (self.variables(), self.text.trim());
        if text.starts_with("{{") || text.ends_with("}}") {
            fault("text", "begins or ends with a variable, which Meta rejects: put a word there".into());
        }
        let digits = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
        let wanted: Vec<String> = (1..=names.len()).map(|n| n.to_string()).collect();
        if names.iter().any(digits) && names != wanted {
            fault("text", "numbers its variables otherwise than {{1}}, {{2}}, …".into());
        }
        let named = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if let Some(name) = names.iter().find(|name| !named(name)) {
            fault("text", format!("has the variable {{{{{name}}}}}: use a number, or lower-case letters, digits and underscores"));
        }
        if names.len() != self.examples.len() {
            fault("examples", format!("has {} and needs one for each of the {} variables", self.examples.len(), names.len()));
        } else if self.examples.iter().any(|example| example.trim().is_empty()) {
            fault("examples", "has an empty one".into());
        }
    }

    /// The component as Meta takes it.
    fn component(&self, kind: &str) -> Value {
        let mut component = json!({"type": kind, "text": self.text});
        let names = self.variables();
        let field = format!("{}_text", kind.to_lowercase());
        let numbered = names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if kind == "HEADER" {
            component["format"] = "TEXT".into();
        }
        if !names.is_empty() && numbered {
            // A body may come filled in several ways, a header in one.
            let examples = if kind == "BODY" { json!([self.examples]) } else { json!(self.examples) };
            component["example"] = json!({field: examples});
        } else if !names.is_empty() {
            let pair = |(name, example): (&String, &String)| json!({"param_name": name, "example": example});
            let examples: Vec<Value> = names.iter().zip(&self.examples).map(pair).collect();
            component["example"] = json!({format!("{field}_named_params"): examples});
        }
        component
    }
}

impl Draft {
    /// Everything that Meta would refuse, each with its field.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, detail: &str| faults.push(Fault::new(field, detail));
        let plain = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if self.name.is_empty() || self.name.len() > 512 || !plain(&self.name) {
            fault("name", "is not 1 to 512 lower-case letters, digits and underscores");
        }
        let language = self.language.split('_').collect::<Vec<_>>();
        if !matches!(language.as_slice(), [code] | [code, _] if (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase()))
        {
            fault("language", "is not a code such as en_US or pt_BR");
        }
        if !["MARKETING", "UTILITY", "AUTHENTICATION"].contains(&self.category.as_str()) {
            fault("category", "is none of MARKETING, UTILITY, AUTHENTICATION");
        }
        if self.footer.as_ref().is_some_and(|footer| footer.chars().count() > 60 || footer.contains("{{")) {
            fault("footer", "has more than 60 characters, or a variable");
        }
        if self.buttons.len() > 10 {
            fault("buttons", "are more than 10");
        }
        if let Some(header) = &self.header {
            header.check("header", 60, &mut faults);
            if header.variables().len() > 1 {
                faults.push(Fault::new("header.text", "has more than one variable"));
            }
        }
        self.body.check("body", 1_024, &mut faults);
        for (n, button) in self.buttons.iter().enumerate() {
            if button.text().trim().is_empty() || button.text().chars().count() > 25 {
                faults.push(Fault::new(&format!("buttons[{n}].text"), "has not 1 to 25 characters"));
            }
            if let Button::Url { url, example, .. } = button {
                let variable = url.contains("{{");
                if variable && !url.ends_with("{{1}}") {
                    faults.push(Fault::new(&format!("buttons[{n}].url"), "may have one variable, {{1}}, at its end"));
                }
                if variable != example.is_some() {
                    faults.push(Fault::new(
                        &format!("buttons[{n}].example"),
                        "goes with a variable at the end of the address, and is the whole address",
                    ));
                }
            }
        }
        faults
    }

    /// The components as Meta takes them.
    pub fn components(&self) -> Value {
        let mut components: Vec<Value> = self.header.iter().map(|header| header.component("HEADER")).collect();
        components.push(self.body.component("BODY"));
        components.extend(self.footer.as_ref().map(|footer| json!({"type": "FOOTER", "text": footer})));
        if !self.buttons.is_empty() {
            let buttons: Vec<Value> = self.buttons.iter().map(Button::listed).collect();
            components.push(json!({"type": "BUTTONS", "buttons": buttons}));
        }
        components.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Draft {
        Draft {
            name: "spring_sale".into(),
            language: "en_US".into(),
            category: "MARKETING".into(),
            header: Some(Words { text: "For {{1}} only".into(), examples: vec!["Ana".into()] }),
            body: Words { text: "Hello {{1}}, take {{2}} off.".into(), examples: vec!["Ana".into(), "10 %".into()] },
            footer: Some("Reply STOP to end".into()),
            buttons: vec![
                Button::QuickReply { text: "Yes".into() },
                Button::Url {
                    text: "Shop".into(),
                    url: "https://shop.example/{{1}}".into(),
                    example: Some("https://shop.example/a".into()),
                },
            ],
        }
    }

    #[test]
    fn a_good_draft_becomes_what_meta_takes() {
        assert_eq!(offer().check(), []);
        insta::assert_json_snapshot!(offer().components());
        let named = Words { text: "Hello {{first_name}}!".into(), examples: vec!["Ana".into()] };
        assert_eq!(named.component("BODY")["example"], json!({"body_text_named_params": [{"param_name": "first_name", "example": "Ana"}]}));
    }

    #[test]
    fn what_meta_would_refuse_is_said_with_its_field() {
        let words =
            |text: &str, examples: &[&str]| Words { text: text.into(), examples: examples.iter().map(|e| (*e).to_owned()).collect() };
        let cases: Vec<(&str, Draft)> = vec![
            ("name", Draft { name: "Spring Sale".into(), ..offer() }),
            ("language", Draft { language: "English".into(), ..offer() }),
            ("category", Draft { category: "offer".into(), ..offer() }),
            ("header.text", Draft { header: Some(words("a {{1}} b {{2}} c", &["x", "y"])), ..offer() }),
            ("body.text", Draft { body: words("{{1}} is yours", &["x"]), ..offer() }),
            ("body.text", Draft { body: words("a {{2}} b", &["x"]), ..offer() }),
            ("body.text", Draft { body: words("a {{First Name}} b", &["x"]), ..offer() }),
            ("body.text", Draft { body: words(&"a".repeat(1_025), &[]), ..offer() }),
            ("body.examples", Draft { body: words("a {{1}} b", &[]), ..offer() }),
            ("footer", Draft { footer: Some("{{1}}".into()), ..offer() }),
            ("buttons[0].text", Draft { buttons: vec![Button::QuickReply { text: "x".repeat(26) }], ..offer() }),
            (
                "buttons[0].example",
                Draft { buttons: vec![Button::Url { text: "x".into(), url: "https://a/{{1}}".into(), example: None }], ..offer() },
            ),
        ];
        for (field, draft) in cases {
            let faults: Vec<String> = draft.check().into_iter().map(|fault| fault.field).collect();
            assert_eq!(faults, [field], "{draft:?}");
        }
    }
}
