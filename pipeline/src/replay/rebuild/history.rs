use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::kafka::log::Log;
use sluice_connectors::postgres::{Pool, generation};
use sluice_connectors::scylla::{Session, Write};
use sluice_schemas::record::Record;
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{CONVERSATIONS, EVENTS, MESSAGES};

use super::log::{Range, each};
use super::{Error, Progress, Source, Tell};
use crate::effects::archive;

/// Writes every row that the topics still explain again, in a new generation: what is missing is there then, and what was written wrong is
/// right. What the topics have forgotten stays as it is. The live archive writes on meanwhile; what comes after the start is its own.
pub fn history(source: &Source, pool: &Pool, session: &Session, tell: &mut Tell<'_>) -> Result<Progress, Error> {
    let session = session.clone().generation(source.runtime.block_on(generation::next(pool))?);
    let mut progress = Progress::default();
    topic(source, EVENTS, &session, archive::events, &mut progress, tell)?;
    topic(source, MESSAGES, &session, archive::messages, &mut progress, tell)?;
    topic(source, CONVERSATIONS, &session, archive::conversations, &mut progress, tell)?;
    Ok(progress)
}

fn topic<T: Record>(
    source: &Source,
    topic: &'static str,
    session: &Session,
    rows: fn(&[Delivered<T>]) -> Vec<Write>,
    progress: &mut Progress,
    tell: &mut Tell<'_>,
) -> Result<(), Error> {
    for (partition, (from, to)) in (0..).zip(Log::all_bounds(&source.kafka, topic)?) {
        let range = Range { topic, partition, from, to };
        each(source, "archive", &range, progress, tell, &mut |batch| {
            source.runtime.block_on(session.write(rows(&batch), Millis::now()))?;
            Ok(())
        })?;
    }
    Ok(())
}
