//! `sluice registry`: a small schema registry for machines that have none.

use std::net::SocketAddr;

use anyhow::Context as _;
use sluice_connectors::postgres::Pool;
use sluice_connectors::registry::server::{Store, router};

use crate::config::Config;
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8085")]
    listen: SocketAddr,
}

/// Serves until a signal. Schemas are kept in Postgres.
pub async fn run(config: &Config, args: &Args) -> Result<(), Failure> {
    let store = Store::postgres(&Pool::new(&config.postgres)?);
    let listener = tokio::net::TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    eprintln!("schema registry is ready at http://{}", listener.local_addr()?);
    axum::serve(listener, router(store)).with_graceful_shutdown(crate::run::signal()).await?;
    Ok(())
}
