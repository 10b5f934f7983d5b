use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::page::{Failed, Shell, page};
use super::person::Person;
use crate::data::{attention, figures};
use crate::view::{self, Clock, Hold, Number};

#[derive(Template)]
#[template(path = "numbers.html")]
struct NumbersPage {
    shell: Shell,
    numbers: Vec<Number>,
    holds: Vec<Hold>,
    templates: Vec<view::Template>,
    clock: Clock,
}

impl NumbersPage {
    /// What holds this number.
    fn held(&self, number: &Number) -> Vec<&Hold> {
        let waba = number.waba_id.as_deref();
        let concerns = |hold: &&Hold| match hold.scope.as_str() {
            "number" => hold.name == number.account,
            "account" => Some(hold.name.as_str()) == waba || hold.name == number.account,
            "app" => true,
            _ => false,
        };
        self.holds.iter().filter(concerns).collect()
    }
}

pub(super) async fn show(State(app): State<crate::State>, person: Person) -> Result<Response, Failed> {
    let numbers = figures::numbers(&app, &person.actor).await?;
    let templates = figures::templates(&app, &person.actor).await?;
    let holds = attention::holds(&app, &person.actor).await?;
    page(&NumbersPage { shell: Shell::new(&person, "/numbers"), numbers, holds, templates, clock: person.clock })
}
