//! Passwords: argon2id, off the async threads, since one check takes tens of milliseconds of CPU and 19 MiB.

use std::sync::LazyLock;

use argon2::password_hash::SaltString;
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};

use crate::Error;

/// Checked when there is no such user, so that the time taken does not tell.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("nobody").unwrap_or_default());

fn hash_now(password: &str) -> Result<String, Error> {
    let mut salt = [0; 16];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| Error::Internal("no randomness".into()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| Error::Internal(e.to_string()))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(hash.to_string())
}

/// The hash to store for `password`.
pub async fn hash(password: String) -> Result<String, Error> {
    blocking(move || hash_now(&password)).await?
}

/// Whether `password` is the one behind `stored`. Without a stored hash it takes as long and is false.
pub async fn verify(password: String, stored: Option<String>) -> Result<bool, Error> {
    blocking(move || {
        let known = stored.is_some();
        let text = stored.unwrap_or_else(|| NOBODY.clone());
        PasswordHash::new(&text).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()) && known
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(format!("password check: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_opens_and_nobody_has_none() {
        let stored = hash("correct horse".into()).await.expect("hashes");
        assert!(stored.starts_with("$argon2id$"));
        assert!(verify("correct horse".into(), Some(stored.clone())).await.expect("checks"));
        assert!(!verify("correct hors".into(), Some(stored)).await.expect("checks"));
        assert!(!verify("nobody".into(), None).await.expect("checks"));
        assert!(!verify("x".into(), Some("not a hash".into())).await.expect("checks"));
    }
}
