//! Binding, serving and stopping.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::config::Config;
use crate::customers::{self, inbound};
use crate::error::Error;
use crate::graph::review;
use crate::listen::{Connection, Resettable};
use crate::state::State;
use crate::timeline::Event;
use crate::{control, graph};

/// How often the timeline is looked at while the clock is the machine's.
const TICK: Duration = Duration::from_millis(5);

/// A simulated Meta that listens.
pub struct Server {
    /// The address it listens on.
    pub addr: SocketAddr,
    listener: TcpListener,
    state: Arc<State>,
}

impl Server {
    /// Reads the book, builds the world and binds the address.
    ///
    /// # Errors
    /// A wrong configuration, an unreadable book, an address in use.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        let state = Arc::new(State::new(&config)?);
        let listen = |source| Error::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        Ok(Self { addr, listener, state })
    }

    /// The base of its URLs.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Serves until `shutdown` is done. Then running calls end; webhooks that wait are given up.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        customers::restore(&self.state);
        let pump = tokio::spawn(pump(self.state.clone()));
        let routes = Router::new().merge(control::routes()).merge(graph::routes(&self.state)).with_state(self.state.clone());
        let served = axum::serve(Resettable(self.listener), routes.into_make_service_with_connect_info::<Connection>())
            .with_graceful_shutdown(shutdown)
            .await;
        pump.abort();
        self.state.outbox.stop();
        served.map_err(Error::Serve)
    }
}

/// Lets happen what is due.
async fn pump(state: Arc<State>) {
    loop {
        match state.clock {
            Clock::Real => tokio::time::sleep(TICK).await,
            Clock::Virtual(_) => {
                // A virtual clock stands still between two advances, but spans may be zero.
                let _ = tokio::time::timeout(TICK, state.timeline.moved.notified()).await;
            }
        }
        for event in state.timeline.due(state.clock.now()) {
            match event {
                Event::Update(update) => state.outbox.push(&state, update),
                Event::Review { waba, name, language } => review::done(&state, &waba, &name, &language),
                Event::Reply { number, from, text } => inbound::reply(&state, &number, &from, &text),
            }
        }
    }
}
