//! Sessions of people: a cookie with a random value, its hash in Postgres.

use axum_extra::extract::cookie::Cookie;
use jiff::{SignedDuration, Timestamp};
use sluice_connectors::postgres::{Transaction, users};
use sluice_schemas::ids::TenantId;

use super::{Actor, Role, password, secret};
use crate::{Error, State};

/// Bound to this host, this path and secure origins by its prefix; browsers count `*.localhost` as secure.
pub const COOKIE: &str = "__Host-session";

/// The cookie that holds a session's secret (URL-safe base64) for `hours`; 0 ends it.
pub fn cookie(value: &str, hours: u32) -> Cookie<'static> {
    let seconds = u64::from(hours) * 3_600;
    Cookie::parse(format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"))
        .unwrap_or_else(|_| Cookie::from(COOKIE))
}

/// Signs a person in: the session's secret, or `None` when email and password do not fit.
pub async fn login(app: &State, tenant: TenantId, email: &str, given: String) -> Result<Option<String>, Error> {
    let account = format!("{tenant}/{}", email.trim().to_lowercase());
    let now = Timestamp::now();
    if let Some(seconds) = app.logins.wait(&account, app.options.login_failures, now.as_millisecond()) {
        return Err(Error::TooMany(seconds));
    }
    let transaction = app.pool.tenant(tenant).await?;
    let user = users::by_email(&transaction, email).await?.filter(|user| user.enabled);
    // Checking a password takes long: the connection must not wait for it.
    transaction.commit().await?;
    let fits = password::verify(given, user.as_ref().map(|user| user.password_hash.clone())).await?;
    let Some(user) = user.filter(|_| fits) else {
        app.logins.failed(&account, now.as_millisecond());
        tracing::info!(%tenant, "a login failed");
        return Ok(None);
    };
    app.logins.succeeded(&account);
    let (value, csrf) = (secret::fresh()?, secret::fresh()?);
    let ends = now.saturating_add(SignedDuration::from_hours(i64::from(app.options.session_hours))).unwrap_or(now);
    let transaction = app.pool.tenant(tenant).await?;
    users::open_session(&transaction, user.id, &secret::hash(&value), &csrf, ends).await?;
    transaction.commit().await?;
    Ok(Some(value))
}

/// Whose session this is; `None` when it has ended, or is another tenant's.
pub async fn find(transaction: &Transaction, value: &str) -> Result<Option<Actor>, Error> {
    let Some(session) = users::session(transaction, &secret::hash(value), Timestamp::now()).await? else { return Ok(None) };
    let user = session.user;
    let role = Role::from_name(&user.role).ok_or_else(|| Error::Internal(format!("unknown role {}", user.role)))?;
    Ok(Some(Actor { tenant: transaction.tenant()?, user: Some(user.id), name: user.email, role }))
}

/// Ends a session.
pub async fn close(app: &State, tenant: TenantId, value: &str) -> Result<(), Error> {
    let transaction = app.pool.tenant(tenant).await?;
    users::close_session(&transaction, &secret::hash(value)).await?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_bound_to_this_host_and_no_script_reads_it() {
        let text = cookie("abc_-", 12).to_string();
        for part in ["__Host-session=abc_-", "HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=43200"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("Domain"));
        assert!(cookie("", 0).to_string().contains("Max-Age=0"));
    }
}
