use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::page::{Failed, Shell, page};
use super::person::Person;
use crate::view::Stage;

#[derive(Template)]
#[template(path = "stages.html")]
struct StagesPage {
    shell: Shell,
    stages: Vec<Stage>,
}

pub(super) async fn show(State(app): State<crate::State>, person: Person) -> Result<Response, Failed> {
    page(&StagesPage { shell: Shell::new(&person, "/stages"), stages: app.stages.all() })
}
