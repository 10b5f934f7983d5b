use std::net::SocketAddr;

/// How the console and the API are served.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address of the console and the API.
    pub listen: SocketAddr,
    /// Address of `/metrics`, `/livez` and `/readyz`.
    pub ops_listen: SocketAddr,
    /// Tenants are served at `<slug>.<base_domain>`.
    pub base_domain: String,
    /// Hours after its login at which a session ends.
    pub session_hours: u32,
    /// Largest CSV upload, in bytes.
    pub upload_bytes: usize,
    /// Failed logins of one address of one tenant within ten minutes before further ones are refused.
    pub login_failures: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8080)),
            ops_listen: SocketAddr::from(([0, 0, 0, 0], 9464)),
            base_domain: "localhost".to_owned(),
            session_hours: 12,
            upload_bytes: 512 * 1024 * 1024,
            login_failures: 8,
        }
    }
}
