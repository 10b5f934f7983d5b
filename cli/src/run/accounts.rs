//! The role `accounts`: asks Meta about templates and numbers whenever there is a reason to.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{IntCounterVec, register_int_counter_vec};
use sluice_connectors::kafka::consumer::Commit;
use sluice_connectors::meta::Client;
use sluice_pipeline::effects::accounts::{Account, Accounts, words};
use sluice_schemas::record::Event;
use tokio_util::sync::CancellationToken;

use super::effects::{Reader, consume};
use super::{Parts, Running, tables};
use crate::exit::Failure;

/// Pause between readings for which there is no other reason.
const ANEW: Duration = Duration::from_hours(1);
/// Words come in crowds: a reading waits this long for more of them.
const GATHER: Duration = Duration::from_secs(2);
/// An account that could not be read is read again after this time.
const AGAIN: Duration = Duration::from_mins(1);

static READS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    match register_int_counter_vec!("sluice_account_reads_total", "Readings of accounts at Meta by outcome.", &["outcome"]) {
        Ok(metric) => metric,
        Err(e) => unreachable!("metric names are unique: {e}"),
    }
});

/// Accounts that are to be read.
type Wanted = Arc<Mutex<BTreeSet<Account>>>;

/// Starts the role.
pub fn start(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let pool = parts.pool()?;
    let accounts = Accounts::new(pool.clone(), Client::new(&parts.config.meta)?, parts.config.keyring()?);
    let wanted = Wanted::default();
    for outcome in ["ok", "failed"] {
        READS.with_label_values(&[outcome]);
    }
    running.task(tables::follow(pool, running.cancel.clone(), {
        let (accounts, wanted, known) = (accounts.clone(), wanted.clone(), Wanted::default());
        move |_| {
            let (accounts, wanted, known) = (accounts.clone(), wanted.clone(), known.clone());
            async move {
                // An edit of one number is no reason to ask about all the accounts there are.
                let all = accounts.all().await?;
                let before = std::mem::replace(&mut *lock(&known), all.clone());
                want(&wanted, all.difference(&before).cloned().collect());
                Ok(())
            }
        }
    }));
    running.task(work(accounts, wanted.clone(), running.cancel.clone()));
    let (events, runtime) = (Reader::<Event>::new("accounts", parts), tokio::runtime::Handle::current());
    consume("accounts", Commit::After, 2_000, Duration::from_millis(50), parts, running, move |batch| {
        runtime.block_on(async {
            want(&wanted, words(&events.read(batch, |_| true).await?));
            Ok::<(), anyhow::Error>(())
        })
    })
}

fn want(wanted: &Wanted, accounts: BTreeSet<Account>) {
    lock(wanted).extend(accounts);
}

fn lock(wanted: &Wanted) -> MutexGuard<'_, BTreeSet<Account>> {
    wanted.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn work(accounts: Accounts, wanted: Wanted, cancel: CancellationToken) {
    let mut anew = tokio::time::Instant::now() + ANEW;
    while cancel.run_until_cancelled(tokio::time::sleep(GATHER)).await.is_some() {
        if tokio::time::Instant::now() >= anew {
            anew += ANEW;
            if let Ok(all) = accounts.all().await {
                want(&wanted, all);
            }
        }
        let now = std::mem::take(&mut *lock(&wanted));
        for account in now {
            read(&accounts, account, &wanted, &cancel).await;
        }
    }
}

async fn read(accounts: &Accounts, account: Account, wanted: &Wanted, cancel: &CancellationToken) {
    match accounts.read(&account).await {
        Ok(report) => {
            READS.with_label_values(&["ok"]).inc();
            for refused in &report.refused {
                tracing::warn!(tenant = %account.0, waba = account.1, "a template is passed over: {refused}");
            }
            if report.changed + report.gone > 0 {
                tracing::info!(tenant = %account.0, waba = account.1, changed = report.changed, gone = report.gone, "templates");
            }
        }
        Err(e) => {
            READS.with_label_values(&["failed"]).inc();
            tracing::warn!(tenant = %account.0, waba = account.1, kind = e.kind(), error = %e, "an account is not read");
            let (wanted, cancel) = (wanted.clone(), cancel.clone());
            tokio::spawn(async move {
                if cancel.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_some() {
                    want(&wanted, BTreeSet::from([account]));
                }
            });
        }
    }
}
