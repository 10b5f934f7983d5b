use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use super::page::{Failed, Shell, manages, page};
use super::person::Person;
use crate::data::paging::Paging;
use crate::data::{campaigns, figures};
use crate::view::{Campaign, Number, Today};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    shell: Shell,
    date: String,
    today: Today,
    campaigns: Vec<Campaign>,
    numbers: Vec<Number>,
    may_manage: bool,
}

pub(super) async fn show(State(app): State<crate::State>, person: Person) -> Result<Response, Failed> {
    let transaction = app.pool.tenant(person.actor.tenant).await?;
    let midnight = Timestamp::from_millisecond(person.clock.midnight()).unwrap_or(Timestamp::UNIX_EPOCH);
    let today = figures::today(&transaction, midnight).await?;
    transaction.commit().await?;
    let newest = campaigns::list(&app, &person.actor, &Paging { cursor: None, limit: Some(4) }).await?;
    page(&HomePage {
        shell: Shell::new(&person, "/"),
        date: person.clock.day(),
        today,
        campaigns: newest.data,
        numbers: figures::numbers(&app, &person.actor).await?,
        may_manage: manages(&person),
    })
}
