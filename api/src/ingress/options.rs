use std::fmt;
use std::net::SocketAddr;

use serde::Deserialize;

/// Settings of the ingress, under `ingress.` in the configuration.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// App secrets that sign the bodies. Several while one is being replaced, or when several apps post here.
    pub app_secrets: Vec<String>,
    /// What Meta sends as `hub.verify_token` when a callback address is set.
    pub verify_token: String,
    /// Bytes of the largest body taken; Meta sends up to 3 MB (contract §1).
    pub max_body: usize,
    /// Bytes of bodies that may be in work at a time; what comes beyond is answered 503 at once.
    pub max_in_flight_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            app_secrets: Vec::new(),
            verify_token: String::new(),
            max_body: 3 * 1024 * 1024,
            max_in_flight_bytes: 64 * 1024 * 1024,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("app_secrets", &format_args!("{} hidden", self.app_secrets.len()))
            .field("verify_token", &format_args!("hidden"))
            .field("max_body", &self.max_body)
            .field("max_in_flight_bytes", &self.max_in_flight_bytes)
            .finish()
    }
}

/// Settings with which the ingress would not be safe, or not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Without a secret every body would be refused; with an empty one anybody could sign.
    #[error("ingress.app_secrets: give at least one app secret, none of them empty (App dashboard, Settings, Basic)")]
    AppSecrets,
    /// An empty token would let anybody complete the handshake.
    #[error("ingress.verify_token: give the token that is entered with the callback address in Meta's dashboard")]
    VerifyToken,
    /// The largest body would never be taken.
    #[error("ingress.max_in_flight_bytes is {in_flight}: it must be at least ingress.max_body, {body}, and at most 4 GiB")]
    InFlight {
        /// As set.
        in_flight: usize,
        /// As set.
        body: usize,
    },
}

impl Error {
    /// Stable name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AppSecrets => "app_secrets",
            Self::VerifyToken => "verify_token",
            Self::InFlight { .. } => "in_flight",
        }
    }
}

impl Options {
    /// Whether the ingress can run with these.
    pub fn check(&self) -> Result<(), Error> {
        if self.app_secrets.is_empty() || self.app_secrets.iter().any(|secret| secret.trim().is_empty()) {
            return Err(Error::AppSecrets);
        }
        if self.verify_token.trim().is_empty() {
            return Err(Error::VerifyToken);
        }
        if self.max_in_flight_bytes < self.max_body || u32::try_from(self.max_in_flight_bytes).is_err() {
            return Err(Error::InFlight { in_flight: self.max_in_flight_bytes, body: self.max_body });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> Options {
        Options { app_secrets: vec!["secret".into()], verify_token: "token".into(), ..Options::default() }
    }

    #[test]
    fn settings_that_would_let_anybody_in_are_refused() {
        assert_eq!(valid().check(), Ok(()));
        assert_eq!(Options::default().check(), Err(Error::AppSecrets));
        assert_eq!(Options { app_secrets: vec!["secret".into(), String::new()], ..valid() }.check(), Err(Error::AppSecrets));
        assert_eq!(Options { verify_token: " ".into(), ..valid() }.check(), Err(Error::VerifyToken));
    }

    #[test]
    fn a_bound_below_the_largest_body_is_refused() {
        let options = Options { max_in_flight_bytes: 1_000, ..valid() };
        assert_eq!(options.check(), Err(Error::InFlight { in_flight: 1_000, body: options.max_body }));
    }

    #[test]
    fn secrets_are_not_printed() {
        let shown = format!("{:?}", Options { verify_token: "a-token".into(), app_secrets: vec!["a-secret".into()], ..valid() });
        assert!(!shown.contains("a-secret") && !shown.contains("a-token"), "{shown}");
    }
}
