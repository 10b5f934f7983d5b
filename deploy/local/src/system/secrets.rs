//! What a local system keeps to itself: made at its first run, kept beside its state, never in the project.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::Context as _;

/// Generated keys, tokens and passwords.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// Wraps the tenants' data keys: 32 bytes in base64.
    pub(crate) key_encryption: String,
    /// Signs callback data.
    pub(crate) callback: String,
    /// Signs webhook bodies.
    pub(crate) app_secret: String,
    /// For the webhook handshake.
    pub(crate) verify_token: String,
    /// For the simulated Graph API.
    pub(crate) access_token: String,
    /// The owner's password for the console.
    pub(crate) password: String,
    /// The owner's API token, once it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_token: Option<String>,
}

impl Secrets {
    fn generate() -> Self {
        let word = |bytes: usize| {
            let random: Vec<u8> = (0..bytes).map(|_| rand::random()).collect();
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random)
        };
        Self {
            key_encryption: base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 32]>()),
            callback: word(24),
            app_secret: word(24),
            verify_token: word(18),
            access_token: word(24),
            password: word(12),
            api_token: None,
        }
    }

    /// Those of `file`, made now if there is none.
    pub(crate) fn load_or_generate(file: &Path) -> Result<Self, Error> {
        if !file.exists() {
            let secrets = Self::generate();
            secrets.save(file)?;
            return Ok(secrets);
        }
        let text = fs::read_to_string(file).context(|| format!("read {}", file.display()))?;
        toml::from_str(&text).map_err(|error| Error::Answer { what: file.display().to_string(), detail: error.to_string() })
    }

    /// Keeps them, readable by nobody else.
    pub(crate) fn save(&self, file: &Path) -> Result<(), Error> {
        let text = toml::to_string(self).map_err(|error| Error::Answer { what: file.display().to_string(), detail: error.to_string() })?;
        write_private(file, &text)
    }
}

/// Writes a file that only its owner may read, all of it or none.
pub(crate) fn write_private(file: &Path, text: &str) -> Result<(), Error> {
    let partial = file.with_extension("partial");
    let write = || {
        let _ = fs::remove_file(&partial);
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?.write_all(text.as_bytes())?;
        fs::rename(&partial, file)
    };
    write().context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_are_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secrets.toml");
        let mut first = Secrets::load_or_generate(&file).unwrap();
        first.api_token = Some("token".into());
        first.save(&file).unwrap();
        let second = Secrets::load_or_generate(&file).unwrap();
        assert_eq!((&first.password, &first.key_encryption), (&second.password, &second.key_encryption));
        assert_eq!(second.api_token.as_deref(), Some("token"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(Secrets::generate().app_secret, Secrets::generate().app_secret);
    }

    #[test]
    fn a_broken_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secrets.toml");
        fs::write(&file, "callback = 3").unwrap();
        let Err(error) = Secrets::load_or_generate(&file) else { panic!("a number was taken for a key") };
        assert!(error.to_string().contains("secrets.toml"), "{error}");
    }
}
