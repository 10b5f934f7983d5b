use std::fmt;
use std::time::Duration;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session as Driver;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::Consistency;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::{Error, Result};

/// Where the history is kept.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Nodes to begin with, `host:port`; the driver finds the rest.
    pub nodes: Vec<String>,
    /// Keyspace.
    pub keyspace: String,
    /// User, where the cluster asks for one.
    pub user: Option<String>,
    /// Its password.
    #[serde(deserialize_with = "secret")]
    pub password: SecretString,
    /// Copies of each row in each data centre; used when the keyspace is made.
    pub replication: u32,
    /// Days that history is kept; 0 for good.
    pub retention_days: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: vec!["127.0.0.1:9042".into()],
            keyspace: "sluice".into(),
            user: None,
            password: SecretString::default(),
            replication: 1,
            retention_days: 0,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("nodes", &self.nodes)
            .field("keyspace", &self.keyspace)
            .field("user", &self.user)
            .field("replication", &self.replication)
            .field("retention_days", &self.retention_days)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The nodes, for messages.
    pub fn address(&self) -> String {
        self.nodes.join(", ")
    }

    /// Connects without a keyspace.
    pub(super) async fn driver(&self) -> Result<Driver> {
        self.check()?;
        let profile =
            ExecutionProfile::builder().consistency(Consistency::LocalQuorum).request_timeout(Some(Duration::from_secs(15))).build();
        let mut builder = SessionBuilder::new()
            .known_nodes(&self.nodes)
            .default_execution_profile_handle(profile.into_handle())
            .connection_timeout(Duration::from_secs(5))
            .schema_agreement_timeout(Duration::from_mins(1));
        if let Some(user) = &self.user {
            builder = builder.user(user, self.password.expose_secret());
        }
        builder.build().await.map_err(|error| Error::Unreachable { nodes: self.address(), reason: error.to_string() })
    }

    fn check(&self) -> Result<()> {
        // The name goes into statements as text.
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !self.keyspace.starts_with(|c: char| c.is_ascii_lowercase()) || !self.keyspace.chars().all(plain) || self.keyspace.len() > 48 {
            return Err(Error::Invalid { field: "keyspace", reason: "use up to 48 lower-case letters, digits and _".into() });
        }
        if self.nodes.is_empty() {
            return Err(Error::Invalid { field: "nodes", reason: "name at least one node, host:9042".into() });
        }
        Ok(())
    }
}

fn secret<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<SecretString, D::Error> {
    String::deserialize(d).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyspace_cannot_carry_a_statement() {
        for name in ["", "Sluice", "a b", "a;drop", "1a", "a-b"] {
            let options = Options { keyspace: name.into(), ..Options::default() };
            assert_eq!(options.check().unwrap_err().kind(), "invalid", "{name}");
        }
        assert!(Options::default().check().is_ok());
    }

    #[test]
    fn the_password_is_never_shown() {
        let options = Options { password: "hunter2".into(), ..Options::default() };
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
