//! The baseline: the least that a transactional loop must do for the same reads and writes.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use sluice_connectors::kafka::transaction::{self, Change, Consumer, Producer};
use sluice_pipeline::topology;

use super::super::topics::Topics;
use super::inputs::Input;
use super::{Cost, PATIENCE, Written, cost, cpu_time};

/// The runner's own window.
const WINDOW: Duration = Duration::from_millis(100);
const WINDOW_RECORDS: usize = 10_000;

pub(super) fn run(topics: &Topics, chain: &str, input: &Input, written: Written) -> anyhow::Result<Cost> {
    let role = topology::role(chain).context("a chain")?;
    let producer = Producer::new(&topics.options, chain, "copy")?;
    let consumer = transaction::consumer(&topics.options, chain, "copy", role.reads[0])?;
    assign(&consumer, topics, role.reads)?;
    let (cpu, wall) = (cpu_time(), Instant::now());
    let result = copy(&consumer, &producer, topics, role, input.len(), written);
    let cost = cost(cpu, wall, input.len());
    consumer.context().close();
    result?;
    Ok(cost)
}

fn assign(consumer: &Consumer, topics: &Topics, reads: &[&str]) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        anyhow::ensure!(Instant::now() < until, "the copy was not assigned its partition");
        anyhow::ensure!(consumer.poll(Duration::from_millis(20)).is_none(), "a record before the assignment");
        if let Some(Change::Assigned(_)) = consumer.context().take() {
            let mut list = TopicPartitionList::new();
            for topic in reads {
                list.add_partition_offset(&topics.options.name(topic), 0, Offset::Beginning)?;
            }
            return Ok(consumer.assign(&list)?);
        }
    }
}

fn copy(
    consumer: &Consumer,
    producer: &Producer,
    topics: &Topics,
    role: &topology::Role,
    n: usize,
    written: Written,
) -> anyhow::Result<()> {
    let names: Vec<String> = role.reads.iter().map(|topic| topics.options.name(topic)).collect();
    // Written topics stand behind the ones read; the first output is enough, the broker treats all alike.
    let output = topics.options.name(role.writes[0]);
    let size = (written.bytes / written.records) as usize;
    let key = [b'k'; 73];
    let body = size.saturating_sub(key.len()).max(1);
    let mut value = Vec::with_capacity(body + 4096);
    let mut ends = vec![0_i64; names.len()];
    let (mut copied, mut owed, mut in_window, mut opened) = (0, 0.0, 0, None::<Instant>);
    let until = Instant::now() + PATIENCE;
    while copied < n || opened.is_some() {
        anyhow::ensure!(Instant::now() < until, "the copy did not finish");
        let message = consumer.poll(if opened.is_some() { Duration::ZERO } else { Duration::from_millis(100) }).transpose()?;
        let idle = message.is_none();
        if let Some(message) = message {
            let input = names.iter().position(|name| name == message.topic()).context("a topic that is read")?;
            ends[input] = message.offset() + 1;
            if opened.is_none() {
                producer.begin()?;
                opened = Some(Instant::now());
            }
            owed += written.records;
            let payload = message.payload().unwrap_or_default();
            while owed >= 1.0 {
                owed -= 1.0;
                value.clear();
                while value.len() < body {
                    value.extend_from_slice(payload);
                }
                producer.send(&output, 0, &key, Some(&value[..body]), 0)?;
            }
            copied += 1;
            in_window += 1;
            if in_window % 256 == 0 {
                producer.poll();
            }
        }
        if opened.is_some_and(|at| idle || in_window >= WINDOW_RECORDS || at.elapsed() >= WINDOW) {
            let mut offsets = TopicPartitionList::new();
            for (name, end) in names.iter().zip(&ends) {
                offsets.add_partition_offset(name, 0, Offset::Offset(*end))?;
            }
            producer.commit(consumer, &offsets)?;
            (opened, in_window) = (None, 0);
        }
    }
    Ok(())
}
