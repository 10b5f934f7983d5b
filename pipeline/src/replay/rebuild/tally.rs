use sluice_connectors::kafka::log::{Log, committed};
use sluice_connectors::postgres::Options;
use sluice_schemas::topics::MESSAGES;

use super::log::{Range, each};
use super::{Error, Progress, Source, Tell};
use crate::effects::tally::{Changed, Place, Rebuild, Scope, next_offsets};

/// Rounds without the lock: each reads what came while the one before read.
const ROUNDS: usize = 3;

/// What a rebuild of the tally did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Tallied {
    /// Campaigns counted anew, and those left as they are.
    #[serde(flatten)]
    pub scope: Scope,
    /// What was read.
    #[serde(flatten)]
    pub progress: Progress,
    /// What is other than before.
    pub changed: Changed,
}

/// Counts from the oldest record on, then holds the live tally for as long as the last few records take, and swaps.
pub fn tally(source: &Source, postgres: &Options, generation: i32, tell: &mut Tell<'_>) -> Result<Tallied, Error> {
    let run = &source.runtime;
    let mut places = places(source)?;
    let (mut rebuild, scope) = run.block_on(Rebuild::begin(postgres, generation, &oldest(source, &places)?))?;
    for place in &places {
        rebuild.starts(*place);
    }
    let mut progress = Progress::default();
    let pool = sluice_connectors::postgres::Pool::new(postgres)?;
    for _ in 0..ROUNDS {
        let mut stands = Vec::with_capacity(places.len());
        for (projection, topic) in Place::TOPICS {
            let next = run.block_on(next_offsets(&pool, projection, topic, generation))?;
            stands.extend((0..source.kafka.partitions).map(|partition| next.get(&partition).copied().unwrap_or(0)));
        }
        advance(source, &mut rebuild, &mut places, &stands, &mut progress, tell)?;
    }
    let locked = run.block_on(rebuild.lock(&places))?;
    advance(source, &mut rebuild, &mut places, locked.stands(), &mut progress, tell)?;
    let changed = run.block_on(locked.swap(&places))?;
    Ok(Tallied { scope, progress, changed })
}

/// Every partition that is counted, at its oldest record.
fn places(source: &Source) -> Result<Vec<Place>, Error> {
    let mut places = Vec::new();
    for (projection, topic) in Place::TOPICS {
        let bounds = Log::all_bounds(&source.kafka, topic)?;
        places.extend((0..).zip(bounds).map(|(partition, (next, _))| Place { projection, topic, partition, next }));
    }
    Ok(places)
}

/// The time of the oldest step that each partition still has; none where it has forgotten nothing.
fn oldest(source: &Source, places: &[Place]) -> Result<Vec<(i32, Option<i64>)>, Error> {
    let of = |place: &Place| {
        if place.next == 0 {
            return Ok((place.partition, None));
        }
        let mut log = Log::open(&source.kafka, place.topic, place.partition)?;
        log.seek(place.next)?;
        // All is forgotten: nothing from before now can be counted.
        Ok((place.partition, Some(log.read()?.map_or(i64::MAX, |entry| entry.timestamp_ms))))
    };
    places.iter().filter(|place| place.topic == MESSAGES).map(of).collect()
}

/// Reads each place up to where the live tally stands, or up to what its group has committed where the database is older than that.
fn advance(
    source: &Source,
    rebuild: &mut Rebuild,
    places: &mut [Place],
    stands: &[i64],
    progress: &mut Progress,
    tell: &mut Tell<'_>,
) -> Result<(), Error> {
    let mut read = Vec::with_capacity(places.len());
    for (_, topic) in Place::TOPICS {
        read.extend(committed(&source.kafka, "tally", topic)?);
    }
    for (place, to) in places.iter_mut().zip(stands.iter().zip(read).map(|(stands, read)| read.max(*stands))) {
        let range = Range { topic: place.topic, partition: place.partition, from: place.next, to };
        let run = &source.runtime;
        match place.projection {
            "campaigns" => each(source, "tally", &range, progress, tell, &mut |batch| {
                run.block_on(rebuild.messages(&batch))?;
                Ok(())
            }),
            "quotes" => each(source, "tally", &range, progress, tell, &mut |batch| {
                run.block_on(rebuild.quotes(&batch))?;
                Ok(())
            }),
            "holds" => each(source, "tally", &range, progress, tell, &mut |batch| {
                run.block_on(rebuild.holds(&batch))?;
                Ok(())
            }),
            _ => each(source, "tally", &range, progress, tell, &mut |batch| {
                run.block_on(rebuild.opt_outs(&batch))?;
                Ok(())
            }),
        }?;
        place.next = place.next.max(to);
    }
    Ok(())
}
