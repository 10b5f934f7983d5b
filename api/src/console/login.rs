use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{StatusCode, request::Parts};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use serde::Deserialize;
use sluice_connectors::postgres::tenants;

use super::page::{Failed, page};
use super::person::theme;
use crate::Error;
use crate::auth::session;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    theme: Option<&'static str>,
    tenant: String,
    email: String,
    next: String,
    wrong: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Next {
    next: String,
}

/// The address after signing in: a path of this host, whatever the link says.
fn path(next: &str) -> &str {
    let ours = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if ours { next } else { "/" }
}

async fn form(app: &crate::State, parts: &Parts, email: String, next: &str, wrong: Option<String>) -> Result<Response, Failed> {
    let tenant = crate::tenant::of(parts, app).await?;
    let transaction = app.pool.tenant(tenant).await?;
    let name = tenants::own(&transaction).await?.name;
    transaction.commit().await?;
    let theme = theme(&CookieJar::from_headers(&parts.headers));
    page(&LoginPage { theme, tenant: name, email, next: path(next).to_owned(), wrong })
}

pub(super) async fn show(State(app): State<crate::State>, Query(next): Query<Next>, parts: Parts) -> Result<Response, Failed> {
    form(&app, &parts, String::new(), &next.next, None).await
}

#[derive(Deserialize)]
pub(super) struct Login {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn enter(
    State(app): State<crate::State>,
    jar: CookieJar,
    parts: Parts,
    Form(login): Form<Login>,
) -> Result<Response, Failed> {
    let tenant = crate::tenant::of(&parts, &app).await?;
    let (status, wrong) = match session::login(&app, tenant, &login.email, login.password).await {
        Ok(Some(value)) => {
            let jar = jar.add(session::cookie(&value, app.options.session_hours));
            return Ok((jar, Redirect::to(path(&login.next))).into_response());
        }
        Ok(None) => (StatusCode::UNAUTHORIZED, "Email and password do not fit.".to_owned()),
        Err(Error::TooMany(seconds)) => {
            (StatusCode::TOO_MANY_REQUESTS, format!("Too many failed attempts; try again in {} minutes.", seconds.div_ceil(60)))
        }
        Err(other) => return Err(other.into()),
    };
    let mut response = form(&app, &parts, login.email, &login.next, Some(wrong)).await?;
    *response.status_mut() = status;
    Ok(response)
}

pub(super) async fn leave(State(app): State<crate::State>, jar: CookieJar, parts: Parts) -> Result<Response, Failed> {
    let tenant = crate::tenant::of(&parts, &app).await?;
    if let Some(cookie) = jar.get(session::COOKIE) {
        session::close(&app, tenant, cookie.value()).await?;
    }
    Ok((jar.add(session::cookie("", 0)), Redirect::to("/login")).into_response())
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn signing_in_never_leads_to_another_site() {
        assert_eq!(path("/campaigns?cursor=a"), "/campaigns?cursor=a");
        for evil in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", ""] {
            assert_eq!(path(evil), "/", "{evil}");
        }
    }
}
