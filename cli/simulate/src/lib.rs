//! A simulated Meta: the Graph API calls of a messaging platform with their limits and error codes, signed webhooks,
//! customers who write and reply, faults on request, and its own book of what it accepted.
//!
//! It is an independent judge: it shares no code with the platform that it judges, only Meta's published contract.
//!
//! # The demonstration world
//!
//! Without `--world` there are: number `15550100001` (+1 555-010-9001, 80 messages/s) and `15550100002` (20/s) of WABA
//! `15550200001` in portfolio `15550300001`, Instagram account `17841400000001`, page `15550400001`, access token
//! `simulated-access-token`, app secret `simulated-app-secret`, verify token `simulated-verify-token`, and templates
//! `hello_world`, `quote_ready`, `appointment_reminder`, `order_update` (named variables), `spring_offer` (en_US, de),
//! `catalogue_picture`, `login_code`, `paused_offer`, `disabled_offer`, `pending_offer`. Flags replace the ids and
//! secrets. Every value is invented.
//!
//! # What the contract leaves open, and what is chosen here
//!
//! - Throughput is a token bucket: rate per second, one second's worth of depth, optional jitter of the depth. Customers'
//!   messages always pass and take tokens.
//! - The pair limit lends up to 45 messages; who has borrowed all of them must pay back everything before the next one.
//! - A closed window (131047) and every other refusal comes in the answer, except the codes of `--late`, which come as a
//!   failed status of an accepted message.
//! - Numbers that end in 0026 are not on WhatsApp (131026), unless `--undeliverable` says otherwise.
//! - A portfolio's messaging limit answers 131048.
//! - Validation precedes limits, and a refusal uses up nothing.

mod args;
mod book;
mod clock;
mod config;
mod control;
mod customers;
mod error;
mod faults;
mod graph;
mod limits;
mod listen;
mod random;
mod server;
mod state;
mod timeline;
mod webhook;
mod world;

pub use args::Args;
pub use clock::ClockKind;
pub use config::{Behaviour, Config, Delivery, Span};
pub use error::Error;
pub use limits::PairRate;
pub use server::Server;
pub use world::{Account, Network, Number, Portfolio, TemplateSeed, Token, Waba, World};

/// Runs a simulator until Ctrl-C or a termination signal; one line on stderr says when it is ready.
///
/// # Errors
/// See [`Error`].
pub async fn run(args: Args) -> Result<(), Error> {
    let server = Server::bind(args.try_into()?).await?;
    eprintln!("simulated Meta is ready at {}", server.url());
    server.serve(stop_signal()).await
}

async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "no Ctrl-C handler");
            std::future::pending::<()>().await;
        }
    };
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(error) => {
                tracing::error!(%error, "no SIGTERM handler");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
