use aws_lc_rs::hmac;
use axum::http::HeaderMap;

use super::refusal::Refusal;

const HEADER: &str = "x-hub-signature-256";

/// The HMAC-SHA256 that a request claims for its body.
pub(super) struct Claimed([u8; 32]);

impl Claimed {
    /// Reads `X-Hub-Signature-256: sha256=<64 hexadecimal digits>`. The older SHA-1 header beside it is not looked at.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let value = headers.get(HEADER).ok_or(Refusal::Unsigned)?;
        let digits = value.as_bytes().strip_prefix(b"sha256=").ok_or(Refusal::Signature)?;
        let mut claimed = [0; 32];
        hex::decode_to_slice(digits, &mut claimed).map_err(|_| Refusal::Signature)?;
        Ok(Self(claimed))
    }
}

/// The app secrets, any of which may have signed.
pub(super) struct Secrets(Vec<hmac::Key>);

impl Secrets {
    pub(super) fn new(secrets: &[String]) -> Self {
        Self(secrets.iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())).collect())
    }

    /// Checks the claim over the bytes as received: Meta signs its own escaping, which parsing would lose.
    pub(super) fn verify(&self, body: &[u8], claimed: &Claimed) -> Result<(), Refusal> {
        let signed = self.0.iter().any(|key| hmac::verify(key, body, &claimed.0).is_ok());
        if signed { Ok(()) } else { Err(Refusal::Signature) }
    }
}
