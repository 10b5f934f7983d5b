//! `sluice user`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sluice_api::auth::password;
use sluice_connectors::postgres::{audit, users};

use super::output::{Form, notice};
use super::{actor, connect, input, tenant};
use crate::config::Config;
use crate::exit::Failure;

/// What users and tokens may be.
pub const ROLES: [&str; 4] = ["agent", "admin", "owner", "system_admin"];
const SHORTEST: usize = 8;

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
    /// Adds a person who may sign in
    #[command(
        after_help = "Example: sluice user add --tenant acme --email ana@example.com --name Ana --role owner --password-env PASSWORD"
    )]
    Add(Add),
    /// Lists a tenant's people
    #[command(after_help = "Example: sluice user list --tenant acme")]
    List {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("password").required(true).args(["password_env", "password_file"]))]
struct Add {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Address to sign in with
    #[arg(long, value_parser = input::email)]
    email: String,
    /// Name for people
    #[arg(long, value_parser = input::filled)]
    name: String,
    /// What the person may do; each includes the ones before it
    #[arg(long, value_parser = ROLES)]
    role: String,
    /// Variable that holds the password
    #[arg(long, value_name = "VAR")]
    password_env: Option<String>,
    /// File that holds the password; `-` is standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Succeed when the address exists already, and change nothing of it
    #[arg(long)]
    if_missing: bool,
}

const COLUMNS: [&str; 5] = ["email", "name", "role", "enabled", "id"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let slug = match &args.verb {
        Verb::Add(add) => &add.tenant,
        Verb::List { tenant } => tenant,
    };
    let password = match &args.verb {
        Verb::Add(add) => checked(input::secret("password", add.password_env.as_deref(), add.password_file.as_ref())?)?,
        Verb::List { .. } => SecretString::default(),
    };
    let pool = connect(config).await?;
    let id = tenant(&pool, slug).await?;
    let Verb::Add(add) = &args.verb else {
        let transaction = pool.tenant(id).await?;
        let rows: Vec<Value> = users::list(&transaction).await?.iter().map(shown).collect();
        transaction.commit().await?;
        return args.form.rows(&COLUMNS, &rows);
    };
    let hash = password::hash(password.expose_secret().to_owned()).await?;
    let transaction = pool.tenant(id).await?;
    if let Some(user) = users::by_email(&transaction, &add.email).await? {
        if !add.if_missing {
            return Err(anyhow!("--email: user {} exists already; choose another, or say --if-missing", add.email).into());
        }
        notice(&format!("user {} exists already; nothing is changed", add.email));
        return args.form.rows(&COLUMNS, &[shown(&user)]);
    }
    users::create(&transaction, &add.email, &add.name, &add.role, &hash).await?;
    audit::record(&transaction, &actor(), "user.create", &add.email, &json!({"role": add.role})).await?;
    let made = users::by_email(&transaction, &add.email).await?;
    transaction.commit().await?;
    args.form.rows(&COLUMNS, &made.iter().map(shown).collect::<Vec<_>>())
}

fn checked(password: Option<SecretString>) -> Result<SecretString, Failure> {
    let long = |password: &SecretString| password.expose_secret().chars().count() >= SHORTEST;
    password.filter(long).ok_or_else(|| Failure::data(anyhow!("--password: use {SHORTEST} characters or more")))
}

/// Without the hash.
fn shown(user: &users::User) -> Value {
    json!({"id": user.id, "email": user.email, "name": user.name, "role": user.role, "enabled": user.enabled})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_password_is_refused() {
        assert!(checked(Some("seven77".into())).is_err_and(|f| f.code == crate::exit::DATA));
        assert!(checked(None).is_err());
        assert!(checked(Some("pässwört".into())).is_ok());
    }

    #[test]
    fn a_listed_user_shows_no_hash() {
        let user = users::User {
            id: uuid::Uuid::nil(),
            email: "ana@example.com".into(),
            name: "Ana".into(),
            role: "owner".into(),
            password_hash: "$argon2id$secret".into(),
            enabled: true,
        };
        assert!(!shown(&user).to_string().contains("argon2"));
    }
}
