//! Random secrets, and the hash under which they are stored. They carry 256 bits, so a plain SHA-256 cannot be searched.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

/// A fresh secret: 43 characters of URL-safe base64.
pub fn fresh() -> Result<String, Error> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Internal("no randomness".into()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is stored of it.
pub fn hash(secret: &str) -> Vec<u8> {
    digest(&SHA256, secret.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    #[test]
    fn secrets_differ_and_are_not_what_is_stored() {
        let (one, other) = (super::fresh().expect("random"), super::fresh().expect("random"));
        assert_ne!(one, other);
        assert_eq!(one.len(), 43);
        assert_ne!(super::hash(&one), one.as_bytes());
    }
}
