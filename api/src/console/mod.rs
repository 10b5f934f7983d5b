//! The console: pages written on the server, kept fresh by htmx on live events. Every form works without JavaScript.

mod approvals;
mod assets;
mod attention;
mod campaigns;
mod contacts;
mod conversations;
mod home;
mod letters;
mod live;
mod login;
mod media;
mod numbers;
mod opt_outs;
mod page;
mod person;
mod replays;
mod stages;
mod templates;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub(crate) use assets::asset;
pub(crate) use page::Failed;

use crate::{Error, State};

/// The routes of the console.
pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/", get(home::show))
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/campaigns", get(campaigns::list).post(campaigns::create).layer(DefaultBodyLimit::disable()))
        .route("/campaigns/new", get(campaigns::new))
        .route("/campaigns/{id}", get(campaigns::show))
        .route("/campaigns/{id}/recipients.csv", get(campaigns::recipients))
        .route("/campaigns/{id}/dry-run", get(campaigns::dry_run))
        .route("/campaigns/{id}/edit", get(campaigns::edit).post(campaigns::save))
        .route("/campaigns/{id}/compare", get(campaigns::compare))
        .route("/campaigns/{id}/test", post(campaigns::test))
        .route("/campaigns/{id}/retry", post(campaigns::retry))
        .route("/campaigns/{id}/{verb}", post(campaigns::control))
        .route("/contacts", get(contacts::show))
        .route("/contacts/segments", post(contacts::save))
        .route("/contacts/segments/forget", post(contacts::forget))
        .route("/contacts/imports", post(contacts::import).layer(DefaultBodyLimit::disable()))
        .route("/contacts/imports/{id}/undo", post(contacts::undo))
        .route("/conversations", get(conversations::list))
        .route("/conversations/{id}", get(conversations::show))
        .route("/conversations/{id}/reply", post(conversations::reply).layer(DefaultBodyLimit::disable()))
        .route("/conversations/{id}/{action}", post(conversations::act))
        .route("/approvals", get(approvals::show))
        .route("/approvals/{id}/{action}", post(approvals::decide))
        .route("/opt-outs", get(opt_outs::show).post(opt_outs::add))
        .route("/opt-outs/lift", post(opt_outs::lift))
        .route("/attention", get(attention::show))
        .route("/attention/lift", post(attention::lift))
        .route("/attention/{id}/{decision}", post(attention::settle))
        .route("/dead-letters", get(letters::list))
        // One word names a letter or, posted to, what is done: a letter's place has a colon, an action has none.
        .route("/dead-letters/{id}", get(letters::show).post(letters::act))
        .route("/replays", get(replays::list).post(replays::ask))
        .route("/replays/{id}", get(replays::show))
        .route("/replays/{id}/{verb}", post(replays::control))
        .route("/numbers", get(numbers::show))
        .route("/numbers/connect", post(templates::connect))
        .route("/templates", post(templates::save))
        .route("/templates/edit", get(templates::show))
        .route("/templates/delete", post(templates::delete))
        .route("/stages", get(stages::show))
        .route("/live", get(live::stream))
        .route("/media/{link}", get(media::serve))
        .route("/assets/{*path}", get(assets::serve))
}

/// What nothing else serves.
pub(crate) async fn missing() -> Failed {
    Failed(Error::NotFound("page".into()))
}

/// The answer to what another site sends.
pub(crate) fn cross_site(_: tower_http::csrf::ProtectionError) -> Response<Body> {
    Failed(Error::Forbidden("this request came from another site; open the page here and try again".into())).into_response()
}
