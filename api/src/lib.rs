//! REST API, console, live streams, metrics and health. Webhook ingress is [`ingress`].
//!
//! [`router`] serves a tenant's console at `<slug>.<base_domain>` and `/api/v1` for bearer tokens; [`ops::router`] serves
//! `/metrics`, `/livez` and `/readyz`. Pages and API show the types of [`view`]; what they change goes through `data`.

pub mod auth;
mod console;
mod data;
pub mod error;
pub mod ingress;
pub mod live;
pub mod ops;
mod options;
mod outside;
mod rest;
pub mod stages;
mod state;
mod tenant;
mod upload;
pub mod view;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

pub use error::Error;
pub use options::Options;
pub use outside::Outside;
pub use rest::description;
pub use stages::Stages;
pub use state::State;

/// Nothing but our own files; no inline script or style, no framing.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; \
                   form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The console and the API.
pub fn router(state: State) -> Router {
    let set = |name: HeaderName, value: &'static str| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    Router::new()
        .merge(rest::router())
        .merge(console::router())
        .fallback(console::missing)
        // Browsers say where a request comes from; what another site sends, even a sibling tenant's, is refused.
        .layer(CsrfLayer::new().with_rejection_response(console::cross_site))
        .layer(set(header::CONTENT_SECURITY_POLICY, CSP))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(header::REFERRER_POLICY, "same-origin"))
        .layer(set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(CompressionLayer::new())
        .layer(TraceLayer::new_for_http())
        .with_state(state)
}

#[cfg(test)]
mod tests;
