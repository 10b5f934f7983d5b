//! Templates are written here and looked at by Meta; business accounts are connected here.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connectors::manage::{Button, Draft, Words};

use super::page::{Failed, Shell, address, page};
use super::person::Person;
use crate::Error;
use crate::auth::Role;
use crate::data::{figures, manage};
use crate::error::Field;
use crate::view;

/// The fields as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    waba: String,
    name: String,
    language: String,
    category: String,
    header: String,
    header_example: String,
    body: String,
    /// One a line.
    examples: String,
    footer: String,
    /// One a line: `Yes`, `Shop | https://shop.example/{{1}} | https://shop.example/spring`, `Call | +1 555 0100`.
    buttons: String,
    /// Set where it exists already.
    edit: String,
}

fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
}

fn some(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl Form {
    fn draft(&self) -> Draft {
        let header = some(&self.header).map(|text| Words { text, examples: some(&self.header_example).into_iter().collect() });
        Draft {
            name: self.name.trim().to_owned(),
            language: self.language.trim().to_owned(),
            category: self.category.clone(),
            header,
            body: Words { text: self.body.trim().replace("\r\n", "\n"), examples: lines(&self.examples).collect() },
            footer: some(&self.footer),
            buttons: lines(&self.buttons).map(|line| button(&line)).collect(),
        }
    }

    /// The form of a template that is there. What it cannot show (a picture as header) is lost by saving, and is said on the page.
    fn of(template: &view::Template) -> Self {
        let part = |kind: &str| template.components.as_array().into_iter().flatten().find(|part| part["type"] == kind);
        let text = |kind: &str| part(kind).and_then(|part| part["text"].as_str()).unwrap_or_default().to_owned();
        let buttons = part("BUTTONS").and_then(|part| part["buttons"].as_array()).into_iter().flatten().map(line);
        let examples = |kind: &str, field: &str| part(kind).map(|part| given(&part["example"], field)).unwrap_or_default();
        Self {
            waba: template.waba_id.clone(),
            name: template.name.clone(),
            language: template.language.clone(),
            category: template.category.clone(),
            header: text("HEADER"),
            header_example: examples("HEADER", "header_text").into_iter().next().unwrap_or_default(),
            body: text("BODY"),
            examples: examples("BODY", "body_text").join("\n"),
            footer: text("FOOTER"),
            buttons: buttons.collect::<Vec<_>>().join("\n"),
            edit: "1".into(),
        }
    }
}

/// Examples as Meta keeps them: for numbers a list, or a list of lists; for names a list of pairs.
fn given(example: &Value, field: &str) -> Vec<String> {
    let named = example[format!("{field}_named_params")].as_array();
    if let Some(pairs) = named {
        return pairs.iter().filter_map(|pair| pair["example"].as_str()).map(str::to_owned).collect();
    }
    let list = if example[field][0].is_array() { &example[field][0] } else { &example[field] };
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn button(line: &str) -> Button {
    let parts: Vec<String> = line.split('|').map(|part| part.trim().to_owned()).collect();
    match parts.as_slice() {
        [text, number] if number.starts_with('+') => Button::PhoneNumber { text: text.clone(), phone_number: number.clone() },
        [text, url, rest @ ..] => Button::Url { text: text.clone(), url: url.clone(), example: rest.first().cloned() },
        _ => Button::QuickReply { text: line.to_owned() },
    }
}

fn line(button: &Value) -> String {
    let text = |field: &str| button[field].as_str().unwrap_or_default();
    let example = button["example"].as_str().or(button["example"][0].as_str());
    match text("type") {
        "URL" => [Some(text("text")), Some(text("url")), example].into_iter().flatten().collect::<Vec<_>>().join(" | "),
        "PHONE_NUMBER" => format!("{} | {}", text("text"), text("phone_number")),
        _ => text("text").to_owned(),
    }
}

#[derive(Template)]
#[template(path = "template.html")]
struct TemplatePage {
    shell: Shell,
    form: Form,
    wabas: Vec<String>,
    errors: Vec<Field>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    waba: String,
    name: String,
    language: String,
}

pub(super) async fn show(State(app): State<crate::State>, person: Person, Query(which): Query<Which>) -> Result<Response, Failed> {
    person.actor.require(Role::Admin, "write templates")?;
    let form = if which.name.is_empty() {
        Form { category: "MARKETING".into(), ..Form::default() }
    } else {
        let all = figures::templates(&app, &person.actor).await?;
        let is = |t: &&view::Template| t.waba_id == which.waba && t.name == which.name && t.language == which.language;
        Form::of(all.iter().find(is).ok_or_else(|| Error::NotFound("such template".into()))?)
    };
    write(&app, &person, form, Vec::new()).await
}

async fn write(app: &crate::State, person: &Person, form: Form, errors: Vec<Field>) -> Result<Response, Failed> {
    let mut wabas: Vec<String> = figures::numbers(app, &person.actor).await?.into_iter().filter_map(|number| number.waba_id).collect();
    wabas.sort();
    wabas.dedup();
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut response = page(&TemplatePage { shell: Shell::new(person, "/numbers"), form, wabas, errors })?;
    *response.status_mut() = status;
    Ok(response)
}

pub(super) async fn save(State(app): State<crate::State>, person: Person, axum::Form(form): axum::Form<Form>) -> Result<Response, Failed> {
    let (draft, waba) = (form.draft(), some(&form.waba));
    let saved = if form.edit.is_empty() {
        manage::create(&app, &person.actor, waba.as_deref(), &draft).await
    } else {
        manage::edit(&app, &person.actor, waba.as_deref(), &draft).await
    };
    match saved {
        Ok(template) => Ok(done("saved", &template.name)),
        Err(Error::Invalid(errors)) => write(&app, &person, form, errors).await,
        Err(Error::Conflict(why)) => write(&app, &person, form, vec![Field { field: "name".into(), detail: why }]).await,
        Err(other) => Err(other.into()),
    }
}

fn done(what: &str, name: &str) -> Response {
    Redirect::to(&address("/numbers", &[("done", Some(&what.to_owned())), ("name", Some(&name.to_owned()))])).into_response()
}

pub(super) async fn delete(
    State(app): State<crate::State>,
    person: Person,
    axum::Form(which): axum::Form<Which>,
) -> Result<Response, Failed> {
    manage::delete(&app, &person.actor, some(&which.waba).as_deref(), &which.name, some(&which.language).as_deref()).await?;
    Ok(done("deleted", &which.name))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Connecting {
    waba: String,
    token: String,
    pin: String,
}

pub(super) async fn connect(
    State(app): State<crate::State>,
    person: Person,
    axum::Form(form): axum::Form<Connecting>,
) -> Result<Response, Failed> {
    let pin = some(&form.pin);
    let account = manage::Account { waba: &form.waba, token: &form.token, pin: pin.as_deref(), callback: None };
    let connected = manage::connect(&app, &person.actor, &account).await?;
    let left: Vec<String> =
        connected.numbers.iter().filter_map(|n| Some(format!("{}: {}", n.display.as_ref()?, n.remedy.as_ref()?))).collect();
    let words = if left.is_empty() { format!("{} numbers", connected.numbers.len()) } else { left.join("; ") };
    Ok(done("connected", &words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_is_read_into_the_form_and_saved_is_the_same() {
        let form = Form {
            waba: "1".into(),
            name: "spring".into(),
            language: "en_US".into(),
            category: "MARKETING".into(),
            header: "For {{1}} only".into(),
            header_example: "Ana".into(),
            body: "Hello {{1}}, take {{2}} off.\nSoon.".into(),
            examples: "Ana\n10 %".into(),
            footer: "Reply STOP to end".into(),
            buttons: "Yes\nShop | https://shop.example/{{1}} | https://shop.example/a\nCall | +15550100".into(),
            edit: "1".into(),
        };
        assert_eq!(form.draft().check(), []);
        let template = view::Template {
            waba_id: "1".into(),
            name: "spring".into(),
            language: "en_US".into(),
            category: "MARKETING".into(),
            status: "APPROVED".into(),
            quality: None,
            reason: None,
            components: form.draft().components(),
            preview: sluice_connectors::meta::template::Preview::default(),
        };
        assert_eq!(Form::of(&template), form);
        let named = Form { body: "Hello {{first_name}}!".into(), examples: "Ana".into(), ..form };
        let template = view::Template { components: named.draft().components(), ..template };
        assert_eq!(Form::of(&template), named);
    }
}
