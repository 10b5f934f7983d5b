//! Apache Kafka: one broker that is its own controller.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::engine::{Site, run_step};
use crate::error::Context as _;
use crate::java::java;
use crate::{Engine, Error};

/// `sluice-local-001` as Kafka writes its ids. Fixed, since no client of a local cluster ever meets another one.
const CLUSTER: &str = "c2x1aWNlLWxvY2FsLTAwMQ";

/// Formats the folder the first time and gives the broker's command.
pub(crate) fn command(site: &Site, jars: &Path) -> Result<Command, Error> {
    if !site.home.join("data").exists() {
        site.discard("data.partial")?;
        let properties = write_properties(site, "data.partial")?;
        let mut format = kafka_java(site, jars)?;
        format.args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config", properties]);
        run_step(Engine::Kafka, site, format)?;
        site.rename("data.partial", "data")?;
    }
    let properties = write_properties(site, "data")?;
    let mut broker = kafka_java(site, jars)?;
    broker.args(["kafka.Kafka", properties]);
    Ok(broker)
}

fn kafka_java(site: &Site, jars: &Path) -> Result<Command, Error> {
    let mut command = java(&site.home)?;
    command
        .args(["-Xms64m", "-Xmx512m", "-XX:TieredStopAtLevel=1"])
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "-Dorg.slf4j.simpleLogger.showDateTime=true"])
        .arg("-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX")
        // Thousands of lines of settings at every start, and one a topic.
        .args(["-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaConfig=warn"])
        .args(["-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn"])
        .arg("-classpath")
        .arg(jars.join("*"));
    Ok(command)
}

fn write_properties(site: &Site, data: &str) -> Result<&'static str, Error> {
    const NAME: &str = "server.properties";
    let text = site.fill(include_str!("../conf/kafka.properties")).replace("{data}", data);
    fs::write(site.home.join(NAME), text).context(|| format!("write {NAME} in {}", site.home.display()))?;
    Ok(NAME)
}
