use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use sluice_connectors::postgres::tenants::{self, Tenant};

use super::Failed;
use crate::State;
use crate::auth::{Actor, session};
use crate::data::quotes;
use crate::view::Clock;

/// The person whose browser asks, at their tenant's address.
pub(crate) struct Person {
    /// Who and what they may do.
    pub actor: Actor,
    /// Their business.
    pub tenant: Tenant,
    /// Chosen theme.
    pub theme: Option<&'static str>,
    /// Quotes that wait for a decision.
    pub awaiting: i64,
    /// Now, in the business's time zone.
    pub clock: Clock,
}

/// The theme in the cookie that the toggle writes.
pub(super) fn theme(jar: &CookieJar) -> Option<&'static str> {
    match jar.get("theme")?.value() {
        "light" => Some("light"),
        "dark" => Some("dark"),
        _ => None,
    }
}

impl FromRequestParts<State> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &State) -> Result<Self, Response> {
        let failed = |error: crate::Error| Failed(error).into_response();
        let jar = CookieJar::from_headers(&parts.headers);
        let tenant = crate::tenant::of(parts, app).await.map_err(failed)?;
        let signed_out = || {
            // Whatever was posted is lost, so the way back leads to a page and never repeats it.
            let next = if parts.method == Method::GET { parts.uri.path_and_query().map_or("/", |path| path.as_str()) } else { "/" };
            Redirect::to(&format!("/login?next={}", encode(next))).into_response()
        };
        let Some(cookie) = jar.get(session::COOKIE) else { return Err(signed_out()) };
        let read = async {
            let transaction = app.pool.tenant(tenant).await?;
            let Some(actor) = session::find(&transaction, cookie.value()).await? else { return Ok(None) };
            let tenant = tenants::own(&transaction).await?;
            let awaiting = quotes::awaiting(&transaction).await?;
            transaction.commit().await?;
            Ok(Some((actor, tenant, awaiting)))
        };
        let Some((actor, tenant, awaiting)) = read.await.map_err(failed)? else { return Err(signed_out()) };
        let clock = Clock::now(&tenant.time_zone);
        Ok(Self { actor, tenant, theme: theme(&jar), awaiting, clock })
    }
}

/// Percent-encodes what would end a query value.
pub(super) fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_way_back_is_one_value() {
        assert_eq!(super::encode("/campaigns?cursor=a&b"), "/campaigns%3Fcursor%3Da%26b");
    }
}
