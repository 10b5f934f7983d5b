//! The load of `sluice bench ingress`: a child process that posts the same body again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::bodies::body;

/// Connections, each with one request at a time.
pub const CONNECTIONS: u32 = 32;

/// What to post.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    /// Where to.
    pub url: String,
    /// Updates of the body.
    pub updates: usize,
    /// Times.
    pub requests: u32,
    /// HMAC of the body, hexadecimal.
    pub signature: String,
}

/// Posts; fails at the first answer other than 200.
pub fn run(load: &str) -> anyhow::Result<()> {
    let load: Load = serde_json::from_str(load)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().pool_max_idle_per_host(CONNECTIONS as usize).build()?;
        let body = Bytes::from(body(load.updates));
        let left = Arc::new(AtomicU32::new(load.requests));
        let mut workers = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, load, body, left) = (client.clone(), load.clone(), body.clone(), Arc::clone(&left));
            workers.push(tokio::spawn(async move {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    let request = client.post(&load.url).header("x-hub-signature-256", format!("sha256={}", load.signature));
                    let answer = request.header("content-type", "application/json").body(body.clone()).send().await?;
                    anyhow::ensure!(answer.status() == 200, "answered {}", answer.status());
                }
                anyhow::Ok(())
            }));
        }
        for worker in workers {
            worker.await??;
        }
        Ok(())
    })
}
