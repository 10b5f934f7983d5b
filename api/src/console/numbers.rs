use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use serde::Deserialize;

use super::page::{Failed, Shell, page};
use super::person::Person;
use crate::auth::Role;
use crate::data::{attention, figures};
use crate::view::{self, Clock, Hold, Number};

#[derive(Template)]
#[template(path = "numbers.html")]
struct NumbersPage {
    shell: Shell,
    numbers: Vec<Number>,
    holds: Vec<Hold>,
    templates: Vec<view::Template>,
    /// Whether who looks may write templates, and connect accounts.
    manages: bool,
    owns: bool,
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

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Done {
    done: String,
    name: String,
}

impl Done {
    fn notice(&self) -> Option<String> {
        match self.done.as_str() {
            "saved" => Some(format!("{} is with Meta; its status here changes once somebody there has looked at it.", self.name)),
            "deleted" => Some(format!("{} is deleted.", self.name)),
            "connected" => Some(format!("The business account is connected: {}.", self.name)),
            _ => None,
        }
    }
}

pub(super) async fn show(State(app): State<crate::State>, person: Person, Query(done): Query<Done>) -> Result<Response, Failed> {
    let numbers = figures::numbers(&app, &person.actor).await?;
    let templates = figures::templates(&app, &person.actor).await?;
    let holds = attention::holds(&app, &person.actor).await?;
    let mut shell = Shell::new(&person, "/numbers");
    shell.notice = done.notice();
    let (manages, owns) = (super::page::manages(&person), person.actor.role >= Role::Owner);
    page(&NumbersPage { shell, numbers, holds, templates, manages, owns, clock: person.clock })
}
