//! `/api/v1`: JSON for programs. Every handler is described by its own annotation; `api/openapi.json` is the sum of them.

mod attention;
mod campaigns;
mod contacts;
mod conversations;
mod events;
mod extract;
mod figures;
mod letters;
mod manage;
mod media;
mod messages;
mod opt_outs;
mod quotes;
mod replays;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::Modify;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::{Error, State};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "sluice",
        description = "Conversations, quotes and campaigns of one tenant. The bearer token names the tenant. Errors are RFC 9457 problem \
                       documents; lists are `{data, next_cursor}`; every POST takes an `Idempotency-Key`; times are RFC 3339, UTC.",
        version = "1"
    ),
    components(schemas(crate::error::Problem)),
    security(("token" = [])),
    modifiers(&Token)
)]
struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

fn described() -> OpenApiRouter<State> {
    let v1 = OpenApiRouter::new()
        // Its reader has limits of its own: a list of recipients is larger than any other body.
        .routes(routes!(campaigns::list, campaigns::create).layer(DefaultBodyLimit::disable()))
        .routes(routes!(campaigns::get, campaigns::edit))
        .routes(routes!(campaigns::compare))
        .routes(routes!(campaigns::refusals))
        .routes(routes!(campaigns::recipients))
        .routes(routes!(campaigns::recipients_csv))
        .routes(routes!(campaigns::forecast))
        .routes(routes!(campaigns::preview))
        .routes(routes!(campaigns::test))
        .routes(routes!(campaigns::retry))
        .routes(routes!(campaigns::control))
        .routes(routes!(contacts::list))
        .routes(routes!(contacts::count))
        .routes(routes!(contacts::segments))
        .routes(routes!(contacts::save, contacts::forget))
        .routes(routes!(contacts::imports, contacts::import).layer(DefaultBodyLimit::disable()))
        .routes(routes!(contacts::refusals))
        .routes(routes!(contacts::undo))
        .routes(routes!(conversations::list))
        .routes(routes!(conversations::get))
        .routes(routes!(conversations::messages))
        .routes(routes!(conversations::command))
        // The reader has a limit for each type.
        .routes(routes!(media::upload).layer(DefaultBodyLimit::disable()))
        .routes(routes!(messages::send))
        .routes(routes!(messages::preview))
        .routes(routes!(messages::get))
        .routes(routes!(attention::holds))
        .routes(routes!(attention::lift))
        .routes(routes!(attention::quarantine))
        .routes(routes!(attention::settle))
        .routes(routes!(opt_outs::list, opt_outs::add))
        .routes(routes!(opt_outs::lift))
        .routes(routes!(quotes::list))
        .routes(routes!(quotes::get))
        .routes(routes!(quotes::decide))
        .routes(routes!(letters::list, letters::settle))
        .routes(routes!(letters::groups))
        .routes(routes!(letters::get))
        .routes(routes!(replays::list, replays::create))
        .routes(routes!(replays::get))
        .routes(routes!(replays::differences))
        .routes(routes!(replays::control))
        .routes(routes!(figures::stages))
        .routes(routes!(figures::numbers))
        .routes(routes!(figures::templates, manage::create, manage::edit))
        .routes(routes!(manage::delete))
        .routes(routes!(manage::connect))
        .routes(routes!(events::stream));
    OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", v1)
}

/// The API's description, as committed in `api/openapi.json`.
pub fn description() -> utoipa::openapi::OpenApi {
    described().split_for_parts().1
}

/// The routes of the API.
pub(crate) fn router() -> Router<State> {
    let (router, description) = described().split_for_parts();
    router
        .route("/api/v1/openapi.json", get(move || std::future::ready(Json(description.clone()))))
        .route("/api/v1/{*rest}", axum::routing::any(unknown))
        .layer(axum::middleware::from_fn(fresh))
}

async fn unknown() -> Error {
    Error::NotFound("such address; /api/v1/openapi.json lists them".into())
}

/// Answers are of the moment, and axum's own refusals become problem documents like ours.
async fn fresh(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response = Error::NotFound("such method at this address".into()).into_response();
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_description_is_the_served_one() {
        let served = super::description().to_pretty_json().expect("writes");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(path, format!("{served}\n")).expect("writes the file");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed.trim_end() == served, "api/openapi.json is out of date: run this test with UPDATE_OPENAPI=1");
    }
}
