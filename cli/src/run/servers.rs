//! The HTTP servers: ingress, console with API, metrics and health.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use sluice_api::Outside;
use sluice_api::ingress::{self, Ingress, Routes};
use sluice_connectors::media::{Links, Store};
use sluice_connectors::meta::Client;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Parts, Running, live, tables};
use crate::config::Config;
use crate::exit::Failure;

/// `/metrics`, `/livez`, `/readyz`.
pub async fn ops(config: &Config, running: &mut Running) -> Result<(), Failure> {
    let router = sluice_api::ops::router(prometheus::default_registry().clone(), running.readiness.clone());
    // Health is asked for until the very end, so that this server is not in the way of shutting down.
    drop(serve(config.api.ops_listen, router, CancellationToken::new()).await?);
    Ok(())
}

/// The webhook ingress.
pub async fn ingress(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let routes = Arc::new(Routes::new(parts.config.kafka.partitions));
    let pool = parts.pool()?;
    // Without the table every update would be unrouted, so it is read before the listener opens.
    tables::routes(&pool, &routes).await?;
    let metrics = ingress::Metrics::register(prometheus::default_registry())?;
    let sink = ingress::to_kafka(parts.producer.clone());
    let router = ingress::router(Ingress::new(&parts.config.ingress, Arc::clone(&routes), &parts.codecs, metrics, sink)?);
    let server = serve(parts.config.ingress.listen, router, running.cancel.clone()).await?;
    running.task(server);
    running.task(tables::follow(pool, running.cancel.clone(), move |pool| {
        let routes = Arc::clone(&routes);
        async move { tables::routes(&pool, &routes).await }
    }));
    running.readiness.ready("ingress");
    Ok(())
}

/// Console and API, with the tasks that feed them.
pub async fn api(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let state = sluice_api::State::new(
        parts.config.api.clone(),
        &parts.config.kafka,
        parts.pool()?,
        parts.history.clone(),
        parts.producer.clone(),
        parts.codecs.clone(),
        sluice_pipeline::stages::ledger::dry_run::forecast,
    );
    let state = match outside(&parts.config)? {
        Some(outside) => state.with(outside),
        None => state,
    };
    live::start(parts, &state, running)?;
    let server = serve(parts.config.api.listen, sluice_api::router(state), running.cancel.clone()).await?;
    running.task(server);
    running.readiness.ready("api");
    Ok(())
}

/// An API without keys speaks to no Meta, shows no files and takes none in.
fn outside(config: &Config) -> Result<Option<Outside>, Failure> {
    if config.secrets.keys.is_empty() {
        tracing::warn!("without `secrets.keys` no files are shown or taken in, and nothing is changed at Meta");
        return Ok(None);
    }
    let store = Store::open(&config.media).map_err(|e| anyhow::anyhow!("media.store: {e}"))?;
    let (keys, client) = (config.keyring()?, Client::new(&config.meta)?);
    let verify_token = config.ingress.verify_token.clone();
    Ok(Some(Outside { links: Links::new(store, &keys), client, keys, verify_token }))
}

/// Binds, and returns the server's future when `cancel` shall end it; without that, runs it aside.
async fn serve(
    listen: SocketAddr,
    router: Router,
    cancel: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}: is another sluice running?"))?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, service).with_graceful_shutdown(cancel.cancelled_owned()).await {
            tracing::error!(error = %e, "server");
        }
    });
    Ok(async move {
        let _ = server.await;
    })
}
