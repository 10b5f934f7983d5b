use askama::Template;
use axum::response::{Html, IntoResponse, Response};

use super::person::Person;
use crate::Error;
use crate::auth::Role;
use crate::error::Field;

/// What every page shows around its content.
pub(crate) struct Shell {
    /// Business.
    pub tenant: String,
    /// Email.
    pub user: String,
    /// What they may do.
    pub role: &'static str,
    /// `light` or `dark`, when chosen.
    pub theme: Option<&'static str>,
    /// Quotes that wait.
    pub awaiting: i64,
    /// Something to say once.
    pub notice: Option<String>,
    here: &'static str,
}

/// A link of the main navigation.
pub(crate) struct Entry {
    /// Where to.
    pub href: &'static str,
    /// Word.
    pub label: &'static str,
    /// Whether this is the page.
    pub current: bool,
    /// What waits there.
    pub count: i64,
}

impl Shell {
    /// Around the page `here`.
    pub fn new(person: &Person, here: &'static str) -> Self {
        Self {
            tenant: person.tenant.name.clone(),
            user: person.actor.name.clone(),
            role: person.actor.role.label(),
            theme: person.theme,
            awaiting: person.awaiting,
            notice: None,
            here,
        }
    }

    /// The main navigation.
    pub fn nav(&self) -> Vec<Entry> {
        let entries = [
            ("/", "Home", 0),
            ("/conversations", "Conversations", 0),
            ("/approvals", "Approvals", self.awaiting),
            ("/campaigns", "Campaigns", 0),
            ("/contacts", "Contacts", 0),
            ("/opt-outs", "Opt-outs", 0),
            ("/numbers", "Numbers", 0),
            ("/attention", "Attention", 0),
            ("/stages", "Stages", 0),
            ("/dead-letters", "Dead letters", 0),
            ("/replays", "Replays", 0),
        ];
        entries.map(|(href, label, count)| Entry { href, label, current: href == self.here, count }).into()
    }
}

/// Whether a person may run campaigns and decide on quotes.
pub(super) fn manages(person: &Person) -> bool {
    person.actor.role >= Role::Admin
}

/// Writes a page.
pub(super) fn page(template: &impl Template) -> Result<Response, Failed> {
    let html = template.render().map_err(|e| Error::Internal(format!("page: {e}")))?;
    Ok(Html(html).into_response())
}

/// An error as a page.
pub(crate) struct Failed(pub Error);

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    theme: Option<&'static str>,
    title: &'static str,
    detail: String,
    fields: &'a [Field],
    status: u16,
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        self.0.log();
        let fields = if let Error::Invalid(fields) = &self.0 { fields.as_slice() } else { &[] };
        let status = self.0.status();
        let template = ErrorPage { theme: None, title: self.0.title(), detail: self.0.to_string(), fields, status: status.as_u16() };
        (status, Html(template.render().unwrap_or_else(|_| self.0.to_string()))).into_response()
    }
}

/// An address with those query values that are there.
pub(super) fn address(path: &str, query: &[(&str, Option<&String>)]) -> String {
    let given = query.iter().filter_map(|(name, value)| value.filter(|value| !value.is_empty()).map(|value| (name, value)));
    let pairs: Vec<String> = given.map(|(name, value)| format!("{name}={}", super::person::encode(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}
