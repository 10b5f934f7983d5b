//! Bearer tokens of programs. A token names its tenant, so the API needs no host name.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use sluice_connectors::postgres::{tenants, users};

use super::{Actor, Role, secret};
use crate::{Error, State};

/// The hash under which a token's text (`users::token_text`) is stored.
pub fn hash(text: &str) -> Vec<u8> {
    secret::hash(text)
}

impl FromRequestParts<State> for Actor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &State) -> Result<Self, Error> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let text = header.and_then(bearer).ok_or(Error::Unauthenticated)?;
        let tenant = users::token_tenant(text).ok_or(Error::Unauthenticated)?;
        let transaction = app.pool.tenant(tenant).await?;
        let token = users::token(&transaction, &hash(text)).await?.ok_or(Error::Unauthenticated)?;
        let own = tenants::own(&transaction).await?;
        transaction.commit().await?;
        if own.suspended {
            return Err(Error::Forbidden("this tenant is suspended".into()));
        }
        let role = Role::from_name(&token.role).ok_or_else(|| Error::Internal(format!("unknown role {}", token.role)))?;
        Ok(Self { tenant, user: None, name: format!("token:{}", token.name), role })
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer("bearer abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer"), None);
    }
}
