use axum::Json as Answer;
use axum::extract::State;

use crate::Error;
use crate::auth::Actor;
use crate::data::figures;
use crate::error::Problem;
use crate::view::{Number, Page, Stage, Template};

/// How each chain and effect keeps up.
#[utoipa::path(get, path = "/stages", tag = "operation", responses(
    (status = 200, body = Page<Stage>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn stages(State(app): State<crate::State>, _actor: Actor) -> Answer<Page<Stage>> {
    Answer(Page { data: app.stages.all(), next_cursor: None })
}

/// The tenant's numbers and accounts.
#[utoipa::path(get, path = "/numbers", tag = "operation", responses(
    (status = 200, body = Page<Number>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn numbers(State(app): State<crate::State>, actor: Actor) -> Result<Answer<Page<Number>>, Error> {
    Ok(Answer(Page { data: figures::numbers(&app, &actor).await?, next_cursor: None }))
}

/// The tenant's message templates, as Meta lists them. They are read at Meta every hour and whenever it tells of a change.
#[utoipa::path(get, path = "/templates", tag = "operation", responses(
    (status = 200, body = Page<Template>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn templates(State(app): State<crate::State>, actor: Actor) -> Result<Answer<Page<Template>>, Error> {
    Ok(Answer(Page { data: figures::templates(&app, &actor).await?, next_cursor: None }))
}
