use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::{Error, Result};

/// Where Postgres is and who we are there.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Server and database, `postgres://host:5432/sluice`. User and password in it are the owner's, used by `migrate` alone.
    #[serde(deserialize_with = "secret")]
    pub url: SecretString,
    /// Login of the API, the console and `expand`; a member of `sluice_app`.
    pub app: Login,
    /// Login of the cross-tenant workers; a member of `sluice_worker`.
    pub worker: Login,
    /// Connections of each login in each process.
    pub pool_size: usize,
}

/// A user and its password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Role name.
    pub user: String,
    /// Password; empty where the server asks for none.
    #[serde(deserialize_with = "secret", default)]
    pub password: SecretString,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: "postgres://127.0.0.1:5432/sluice".into(),
            app: Login { user: "sluice_app_login".into(), password: SecretString::default() },
            worker: Login { user: "sluice_worker_login".into(), password: SecretString::default() },
            pool_size: 8,
        }
    }
}

impl Options {
    /// Options for this server, with the default logins.
    pub fn at(url: &str) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Host, port and database: what errors and logs may show.
    pub fn address(&self) -> String {
        self.parsed().map_or_else(|_| "an unreadable address".into(), |config| address(&config))
    }

    /// The owner's connection.
    pub(crate) fn owner(&self) -> Result<tokio_postgres::Config> {
        self.parsed()
    }

    /// The connection of one of the logins.
    pub(crate) fn login(&self, login: &Login) -> Result<tokio_postgres::Config> {
        let given = self.parsed()?;
        // The owner's password must not stay behind where the login has none, hence a new configuration.
        let mut config = tokio_postgres::Config::new();
        for host in given.get_hosts() {
            match host {
                tokio_postgres::config::Host::Tcp(name) => config.host(name),
                tokio_postgres::config::Host::Unix(path) => config.host_path(path),
            };
        }
        for port in given.get_ports() {
            config.port(*port);
        }
        config.dbname(given.get_dbname().unwrap_or("sluice")).user(&login.user);
        if !login.password.expose_secret().is_empty() {
            config.password(login.password.expose_secret());
        }
        config.application_name("sluice").connect_timeout(Duration::from_secs(10));
        Ok(config)
    }

    fn parsed(&self) -> Result<tokio_postgres::Config> {
        // The parser's own message can repeat the text, and with it the password.
        let mut config = tokio_postgres::Config::from_str(self.url.expose_secret())
            .map_err(|_| Error::invalid("postgres.url", "expected postgres://user:password@host:5432/database"))?;
        if config.get_hosts().is_empty() {
            return Err(Error::invalid("postgres.url", "names no host; expected postgres://host:5432/database"));
        }
        config.application_name("sluice").connect_timeout(Duration::from_secs(10));
        Ok(config)
    }
}

fn address(config: &tokio_postgres::Config) -> String {
    let host = match config.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(name)) => name.clone(),
        Some(tokio_postgres::config::Host::Unix(path)) => path.display().to_string(),
        None => String::new(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{host}:{port}/{}", config.get_dbname().unwrap_or("sluice"))
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("address", &self.address())
            .field("app", &self.app)
            .field("worker", &self.worker)
            .field("pool_size", &self.pool_size)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)
    }
}

fn secret<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<SecretString, D::Error> {
    String::deserialize(d).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_never_shown() {
        let mut options = Options::at("postgres://boss:hunter2@db.example:6000/books");
        options.app.password = "s3cret".into();
        let shown = format!("{options:?}");
        assert!(shown.contains("db.example:6000/books"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("s3cret"), "{shown}");
        let broken = Options::at("postgres://boss:hunter2@db.example:port/x").owner().unwrap_err();
        assert_eq!(broken.kind(), "invalid");
        assert!(!broken.to_string().contains("hunter2"));
    }

    #[test]
    fn a_login_never_borrows_the_owners_credentials() {
        let options = Options::at("postgres://boss:hunter2@db.example:6000/books");
        let config = options.login(&options.app).unwrap();
        assert_eq!(config.get_user(), Some("sluice_app_login"));
        assert_eq!(config.get_password(), None);
        assert_eq!((config.get_dbname(), config.get_ports()), (Some("books"), &[6000][..]));
    }
}
