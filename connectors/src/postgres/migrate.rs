use secrecy::ExposeSecret;
use tokio_postgres::{Client, NoTls};

use super::{Error, Login, Options, Result};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Migrations run one at a time: two processes that both find a table missing would both make it.
const LOCK: i64 = 0x736c_7569_6365;

/// What `migrate` did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Migrations, oldest first: `V1__init`.
    pub migrations: Vec<String>,
    /// Logins made.
    pub logins: Vec<String>,
}

impl Report {
    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty() && self.logins.is_empty()
    }
}

/// What [`migrate`] would do.
pub async fn plan(options: &Options) -> Result<Report> {
    let mut client = connect(options).await?;
    pending(&mut client, options).await
}

/// Brings the database to this build's schema and makes the two logins that are missing. Safe to repeat.
pub async fn migrate(options: &Options) -> Result<Report> {
    let mut client = connect(options).await?;
    client.execute("select pg_advisory_lock($1)", &[&LOCK]).await?;
    let mut report = pending(&mut client, options).await?;
    let applied = embedded::migrations::runner().run_async(&mut client).await.map_err(failed)?;
    report.migrations = applied.applied_migrations().iter().map(ToString::to_string).collect();
    for (login, group) in logins(options) {
        if report.logins.contains(&login.user) {
            create(&client, login, group).await?;
        }
        join(&client, login, group).await?;
    }
    // The lock ends with the connection.
    Ok(report)
}

fn logins(options: &Options) -> [(&Login, &'static str); 2] {
    [(&options.app, "sluice_app"), (&options.worker, "sluice_worker")]
}

async fn pending(client: &mut Client, options: &Options) -> Result<Report> {
    let mut report = Report::default();
    let runner = embedded::migrations::runner();
    let known = client.query_one("select to_regclass('refinery_schema_history') is not null", &[]).await?.try_get(0)?;
    let applied = if known { runner.get_applied_migrations_async(client).await.map_err(failed)? } else { Vec::new() };
    let mut missing: Vec<_> =
        runner.get_migrations().iter().filter(|migration| !applied.iter().any(|done| done.version() == migration.version())).collect();
    // They lie there by name, which puts the tenth before the first.
    missing.sort_unstable_by_key(|migration| migration.version());
    report.migrations = missing.into_iter().map(ToString::to_string).collect();
    for (login, _) in logins(options) {
        let exists = client.query_opt("select from pg_roles where rolname = $1", &[&login.user]).await?.is_some();
        if !exists {
            report.logins.push(login.user.clone());
        }
    }
    Ok(report)
}

/// DDL takes no parameters, so the server quotes the name and the password for us.
async fn create(client: &Client, login: &Login, group: &str) -> Result<()> {
    let password = Some(login.password.expose_secret()).filter(|password| !password.is_empty());
    let sql: String = client
        .query_one(
            "select format('create role %I login nosuperuser nobypassrls password %L in role %I', $1::text, $2::text, $3::text)",
            &[&login.user, &password, &group],
        )
        .await?
        .try_get(0)?;
    match client.batch_execute(&sql).await {
        // Roles belong to the whole cluster: another database's migration may have made it meanwhile.
        Err(error) if error.code().is_some_and(|code| ["42710", "23505"].contains(&code.code())) => Ok(()),
        other => Ok(other?),
    }
}

async fn join(client: &Client, login: &Login, group: &str) -> Result<()> {
    let member: bool = client.query_one("select pg_has_role($1::name, $2::name, 'member')", &[&login.user, &group]).await?.try_get(0)?;
    if member {
        return Ok(());
    }
    let sql: String = client.query_one("select format('grant %I to %I', $1::text, $2::text)", &[&group, &login.user]).await?.try_get(0)?;
    Ok(client.batch_execute(&sql).await?)
}

async fn connect(options: &Options) -> Result<Client> {
    let config = options.owner()?;
    if config.get_user().is_none() {
        return Err(Error::invalid("postgres.url", "`migrate` needs the owner's login in it: postgres://owner:password@host/database"));
    }
    let (client, connection) = config.connect(NoTls).await.map_err(|error| Error::connecting(&error, &options.address()))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the owner's connection to Postgres broke");
        }
    });
    Ok(client)
}

fn failed(error: refinery::Error) -> Error {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Error::Migration(text)
}
