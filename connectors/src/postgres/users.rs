//! Users, their sessions, and the tokens of programs. Secrets come here as hashes only.

use jiff::Timestamp;
use sluice_schemas::ids::TenantId;
use uuid::Uuid;

use super::{Error, Result, Transaction};

/// A user of the transaction's tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Identifier.
    pub id: Uuid,
    /// Lower case.
    pub email: String,
    /// Name for people.
    pub name: String,
    /// `system_admin`, `owner`, `admin`, `agent`.
    pub role: String,
    /// PHC string, as argon2 writes it.
    pub password_hash: String,
    /// Whether it may sign in.
    pub enabled: bool,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({}, {})", self.id, self.role)
    }
}

/// A signed-in browser.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who.
    pub user: User,
    /// Token that forms carry.
    pub csrf: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A program's token.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ApiToken {
    /// Name for people.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

/// Makes a user; gives [`Error::Exists`] for an address in use.
pub async fn create(transaction: &Transaction, email: &str, name: &str, role: &str, password_hash: &str) -> Result<Uuid> {
    let id = Uuid::now_v7();
    let email = email.trim().to_lowercase();
    transaction
        .execute(
            "insert into users (tenant_id, id, email, name, role, password_hash) values ($1, $2, $3, $4, $5, $6)",
            &[&transaction.tenant()?.0, &id, &email, &name, &role, &password_hash],
        )
        .await
        .map_err(|error| match error {
            Error::Statement { constraint: Some(name), .. } if name == "users_role_check" => {
                Error::invalid("role", format!("`{role}` is not a role; use system_admin, owner, admin or agent"))
            }
            other => other.or_exists("user", &email),
        })?;
    Ok(id)
}

/// The user with this address.
pub async fn by_email(transaction: &Transaction, email: &str) -> Result<Option<User>> {
    let sql = "select id, email, name, role, password_hash, disabled_at is null from users where tenant_id = $1 and email = $2";
    let row = transaction.query_opt(sql, &[&transaction.tenant()?.0, &email.trim().to_lowercase()]).await?;
    row.as_ref().map(user).transpose()
}

/// Every user of the tenant by address.
pub async fn list(transaction: &Transaction) -> Result<Vec<User>> {
    let sql = "select id, email, name, role, password_hash, disabled_at is null from users where tenant_id = $1 order by email";
    transaction.query(sql, &[&transaction.tenant()?.0]).await?.iter().map(user).collect()
}

fn user(row: &tokio_postgres::Row) -> Result<User> {
    Ok(User {
        id: row.try_get(0)?,
        email: row.try_get(1)?,
        name: row.try_get(2)?,
        role: row.try_get(3)?,
        password_hash: row.try_get(4)?,
        enabled: row.try_get(5)?,
    })
}

/// Signs a browser in. `token_hash` is SHA-256 of the cookie's value.
pub async fn open_session(transaction: &Transaction, user: Uuid, token_hash: &[u8], csrf: &str, expires_at: Timestamp) -> Result<()> {
    transaction
        .execute(
            "insert into sessions (tenant_id, token_hash, user_id, csrf, expires_at) values ($1, $2, $3, $4, $5)",
            &[&transaction.tenant()?.0, &token_hash, &user, &csrf, &expires_at],
        )
        .await?;
    Ok(())
}

/// The session of a cookie, unless it has expired by `now` or its user is disabled.
pub async fn session(transaction: &Transaction, token_hash: &[u8], now: Timestamp) -> Result<Option<Session>> {
    let row = transaction
        .query_opt(
            "select u.id, u.email, u.name, u.role, u.password_hash, u.disabled_at is null, s.csrf, s.expires_at
             from sessions s join users u on u.tenant_id = s.tenant_id and u.id = s.user_id
             where s.tenant_id = $1 and s.token_hash = $2 and s.expires_at > $3 and u.disabled_at is null",
            &[&transaction.tenant()?.0, &token_hash, &now],
        )
        .await?;
    row.map(|row| Ok(Session { user: user(&row)?, csrf: row.try_get(6)?, expires_at: row.try_get(7)? })).transpose()
}

/// Signs a browser out.
pub async fn close_session(transaction: &Transaction, token_hash: &[u8]) -> Result<()> {
    let sql = "delete from sessions where tenant_id = $1 and token_hash = $2";
    transaction.execute(sql, &[&transaction.tenant()?.0, &token_hash]).await?;
    Ok(())
}

/// Stores a program's token by its SHA-256.
pub async fn create_token(transaction: &Transaction, token_hash: &[u8], name: &str, role: &str) -> Result<()> {
    transaction
        .execute(
            "insert into api_tokens (tenant_id, token_hash, name, role) values ($1, $2, $3, $4)
             on conflict (tenant_id, token_hash) do update set name = excluded.name, role = excluded.role, revoked_at = null",
            &[&transaction.tenant()?.0, &token_hash, &name, &role],
        )
        .await?;
    Ok(())
}

/// The token with this hash, unless it was withdrawn.
pub async fn token(transaction: &Transaction, token_hash: &[u8]) -> Result<Option<ApiToken>> {
    let sql = "select name, role, created_at, revoked_at from api_tokens
               where tenant_id = $1 and token_hash = $2 and revoked_at is null";
    let row = transaction.query_opt(sql, &[&transaction.tenant()?.0, &token_hash]).await?;
    row.map(|row| Ok(ApiToken { name: row.try_get(0)?, role: row.try_get(1)?, created_at: row.try_get(2)?, revoked_at: row.try_get(3)? }))
        .transpose()
}

/// A token's text `sluice_<tenant>_<secret>`: it names its tenant, so that it can be looked up under that tenant's policy.
pub fn token_text(tenant: TenantId, secret: &str) -> String {
    format!("sluice_{}_{secret}", tenant.0.simple())
}

/// The tenant that a token's text names.
pub fn token_tenant(text: &str) -> Option<TenantId> {
    let (tenant, secret) = text.strip_prefix("sluice_")?.split_once('_')?;
    if secret.is_empty() { None } else { tenant.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_tenant() {
        let tenant = TenantId::from_bytes([9; 16]);
        assert_eq!(token_tenant(&token_text(tenant, "a_b")), Some(tenant));
        for bad in ["", "sluice_", "sluice_x_y", "sluice_09090909090909090909090909090909_", "Bearer x"] {
            assert_eq!(token_tenant(bad), None, "{bad}");
        }
    }
}
