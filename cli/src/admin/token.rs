//! `sluice token`.

use anyhow::anyhow;
use clap::Subcommand;
use secrecy::ExposeSecret as _;
use serde_json::json;
use sluice_api::auth::{secret, token};
use sluice_connectors::postgres::{audit, users};

use super::output::{Form, notice};
use super::user::ROLES;
use super::{actor, connect, input, tenant};
use crate::config::Config;
use crate::exit::Failure;

/// A stored token is a plain SHA-256, which only a long random secret withstands.
const SHORTEST: usize = 32;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    form: Form,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Makes a token for a program and prints it, this once
    #[command(after_help = "Example: sluice token create --tenant acme --name billing --role admin")]
    Create(Create),
}

#[derive(clap::Args)]
struct Create {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Name for people; what the token does stands in the audit log as `token:NAME`
    #[arg(long, value_parser = input::filled)]
    name: String,
    /// What the program may do; each includes the ones before it
    #[arg(long, value_parser = ROLES)]
    role: String,
    /// Variable that holds the secret part, for a token that must be the same on every set-up; random when left out
    #[arg(long, value_name = "VAR")]
    secret_env: Option<String>,
}

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let Verb::Create(create) = args.verb;
    let secret = match input::secret("secret", create.secret_env.as_deref(), None)? {
        Some(given) => checked(given.expose_secret())?,
        None => secret::fresh()?,
    };
    let pool = connect(config).await?;
    let id = tenant(&pool, &create.tenant).await?;
    let text = users::token_text(id, &secret);
    let transaction = pool.tenant(id).await?;
    users::create_token(&transaction, &token::hash(&text), &create.name, &create.role).await?;
    audit::record(&transaction, &actor(), "token.create", &create.name, &json!({"role": create.role})).await?;
    transaction.commit().await?;
    notice("keep it now: only its hash is stored, and it is not shown again");
    args.form.one(&json!({"token": text, "tenant": create.tenant, "name": create.name, "role": create.role}), &text)
}

fn checked(secret: &str) -> Result<String, Failure> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if secret.len() >= SHORTEST && secret.chars().all(fits) {
        Ok(secret.to_owned())
    } else {
        Err(Failure::data(anyhow!("--secret-env: use {SHORTEST} characters or more of letters, digits, - and _, made at random")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_secret_is_long_and_fits_a_header() {
        assert!(checked(&"a".repeat(SHORTEST)).is_ok());
        assert!(checked(&"a".repeat(SHORTEST - 1)).is_err());
        assert!(checked(&" ".repeat(SHORTEST)).is_err());
    }
}
