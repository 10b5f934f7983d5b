//! What the console shows as it happens: changes from the topics.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use sluice_api::live::{Feed, Hub, LiveEvent, Position};
use sluice_connectors::kafka::consumer::Stop;
use sluice_connectors::kafka::{self, transaction};
use sluice_schemas::codec::Codecs;
use sluice_schemas::topics;

use super::{Parts, Running, measure};
use crate::exit::Failure;

/// Starts the tail of the topics and the measurement.
pub fn start(parts: &Parts, state: &sluice_api::State, running: &mut Running) -> Result<(), Failure> {
    let (hub, codecs, options, stop) = (state.hub.clone(), parts.codecs.clone(), parts.config.kafka.clone(), running.stop.clone());
    running.thread("live", move || {
        while !stop.load(Ordering::Acquire) {
            if let Err(e) = tail(&options, &codecs, &hub, &stop) {
                tracing::warn!(error = %e, "the live feed starts again");
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    })?;
    let (stages, options, codecs, stop) = (state.stages.clone(), parts.config.kafka.clone(), parts.codecs.clone(), running.stop.clone());
    running.thread("measure", move || measure::run(&options, &codecs, &stages, &stop))?;
    Ok(())
}

fn topic(feed: Feed) -> &'static str {
    match feed {
        Feed::Conversations => topics::CONVERSATIONS,
        Feed::Messages => topics::MESSAGES,
        Feed::Quotes => topics::QUOTES,
    }
}

/// Every process that serves the console reads every partition from now on: no group, nothing committed.
fn tail(options: &kafka::Options, codecs: &Codecs, hub: &Hub, stop: &Stop) -> Result<(), kafka::Error> {
    let consumer = transaction::reader(options)?;
    let mut list = TopicPartitionList::new();
    for feed in Feed::ALL {
        let name = options.name(topic(feed));
        for partition in 0..options.partitions {
            let (_, high) = consumer.fetch_watermarks(&name, partition, Duration::from_secs(10))?;
            hub.begin(Position { feed, partition, offset: high });
            list.add_partition_offset(&name, partition, Offset::Offset(high))?;
        }
    }
    consumer.assign(&list)?;
    while !stop.load(Ordering::Acquire) {
        if consumer.context().is() {
            return Err(kafka::Error::Stale);
        }
        let message = match consumer.poll(Duration::from_millis(200)) {
            None => continue,
            Some(Err(e)) => return Err(e.into()),
            Some(Ok(message)) => message,
        };
        let Some(feed) = Feed::ALL.into_iter().find(|feed| options.name(topic(*feed)) == message.topic()) else { continue };
        let at = Position { feed, partition: message.partition(), offset: message.offset() };
        match LiveEvent::decode(codecs, at, message.payload().unwrap_or_default()) {
            Ok((tenant, event)) => hub.publish(tenant, event),
            Err(e) => tracing::warn!(topic = message.topic(), offset = message.offset(), "live: {e}"),
        }
    }
    Ok(())
}
