//! Finding Java 17, and what both Java engines share.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::error::Context as _;
use crate::process::leashed;

/// Cassandra 5.0 runs on Java 17 and on nothing newer; Kafka 4 needs at least that.
const VERSION: &str = "17";

/// A leashed `java` for an engine in its own folder.
///
/// Native libraries are unpacked into a folder of its own that is emptied first: a killed engine leaves them behind.
pub(crate) fn java(home: &Path) -> Result<Command, Error> {
    let tmp = home.join("tmp");
    if tmp.exists() {
        fs::remove_dir_all(&tmp).context(|| format!("remove {}", tmp.display()))?;
    }
    fs::create_dir_all(&tmp).context(|| format!("create {}", tmp.display()))?;
    let mut command = leashed(find()?, None);
    command
        .current_dir(home)
        .args(["-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError"])
        .args(["-Djava.awt.headless=true", "-Djava.io.tmpdir=tmp"]);
    Ok(command)
}

/// `$JAVA_HOME`, `java` on the path, or a JDK where Debian puts them: the first that is Java 17.
fn find() -> Result<PathBuf, Error> {
    let home = env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("java"));
    let installed = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten().map(|entry| entry.path().join("bin/java"));
    home.into_iter()
        .chain(on_path)
        .chain(installed)
        .filter_map(|java| java.canonicalize().ok())
        .find(|java| major(java).as_deref() == Some(VERSION))
        .ok_or_else(|| Error::Missing { what: "Java 17".into() })
}

/// The major version, from the `release` file that every JDK has.
fn major(java: &Path) -> Option<String> {
    let release = fs::read_to_string(java.parent()?.parent()?.join("release")).ok()?;
    let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
    Some(version.trim_matches('"').split('.').next()?.to_owned())
}
