//! Which tenant a host name is.

use axum::http::header::HOST;
use axum::http::request::Parts;
use sluice_connectors::postgres::tenants;
use sluice_schemas::ids::TenantId;

use crate::{Error, State};

/// The slug in `host`: exactly one label before `base`. A port does not matter.
pub fn slug<'a>(host: &'a str, base: &str) -> Option<&'a str> {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(name, _)| name);
    let slug = name.strip_suffix(base)?.strip_suffix('.')?;
    (!slug.is_empty() && !slug.contains('.')).then_some(slug)
}

/// The tenant of a request's host.
pub async fn of(parts: &Parts, app: &State) -> Result<TenantId, Error> {
    let nobody = || {
        Error::NotFound(format!("business at this address; open http://<name>.{} with the name you were given", app.options.base_domain))
    };
    let authority = parts.uri.authority().map(axum::http::uri::Authority::as_str);
    let host = authority.or_else(|| parts.headers.get(HOST).and_then(|host| host.to_str().ok())).unwrap_or_default().to_ascii_lowercase();
    let slug = slug(&host, &app.options.base_domain).ok_or_else(nobody)?;
    match tenants::by_slug(&app.pool, slug).await? {
        Some((tenant, false)) => Ok(tenant),
        Some((_, true)) => Err(Error::Forbidden("this business is suspended; ask whoever runs sluice for you".into())),
        None => Err(nobody()),
    }
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_host_names_one_tenant_or_none() {
        assert_eq!(slug("acme.localhost:8080", "localhost"), Some("acme"));
        assert_eq!(slug("acme.app.example.com", "app.example.com"), Some("acme"));
        for host in ["localhost:8080", "localhost", "a.b.localhost", "acmelocalhost", ".localhost", "acme.example.com", "", "[::1]:80"] {
            assert_eq!(slug(host, "localhost"), None, "{host}");
        }
    }
}
