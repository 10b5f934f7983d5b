//! Apache Cassandra: one node. Its jar brings no configuration, so all of it is ours, in `conf/`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::engine::Site;
use crate::error::Context as _;
use crate::java::java;

/// Writes the configuration and gives the node's command.
pub(crate) fn command(site: &Site, jars: &Path) -> Result<Command, Error> {
    let files = [
        ("cassandra.yaml", site.fill(include_str!("../conf/cassandra.yaml"))),
        ("cassandra.options", include_str!("../conf/cassandra.options").to_owned()),
        ("logback.xml", include_str!("../conf/logback.xml").to_owned()),
    ];
    // On the class path, where Cassandra and logback look for their files by name.
    let conf = site.home.join("conf");
    fs::create_dir_all(&conf).context(|| format!("create {}", conf.display()))?;
    for (name, text) in files {
        fs::write(conf.join(name), text).context(|| format!("write {name} in {}", conf.display()))?;
    }
    let mut command = java(&site.home)?;
    if !site.durable {
        // A test's node lives too short for the optimising compiler: it would take a third of the start's CPU for itself.
        command.arg("-XX:TieredStopAtLevel=1");
    }
    command
        .args(["-Xms128m", "-Xmx1g", "-XX:MaxDirectMemorySize=256m"])
        .args(["@conf/cassandra.options", "-Dcassandra.logdir=.", "-classpath"])
        .arg(format!("conf:{}/*", jars.display()))
        .arg("org.apache.cassandra.service.CassandraDaemon");
    Ok(command)
}
