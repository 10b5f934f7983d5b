//! The engines' jars, fetched once by Maven into a cache that builds and checkouts share.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::Context as _;
use crate::process::{leashed, run, tail};
use crate::{Engine, Error};

/// Written last, with the names of the jars: a folder without it is a download that was cut short.
const MARKER: &str = "complete";

/// An engine's artifacts on Maven Central.
struct Package {
    name: &'static str,
    /// `group:artifact:version`; the first is the engine itself.
    artifacts: &'static [&'static str],
}

/// Kafka leaves the logging backend to its distribution; without one the broker is silent.
const KAFKA: Package = Package { name: "kafka-4.1.0", artifacts: &["org.apache.kafka:kafka_2.13:4.1.0", "org.slf4j:slf4j-simple:1.7.36"] };

const CASSANDRA: Package = Package { name: "cassandra-5.0.6", artifacts: &["org.apache.cassandra:cassandra-all:5.0.6"] };

/// The folder with the engine's jars, downloaded first if they are not there. Postgres has none.
///
/// Safe to interrupt and to call from several processes at once. Needs the network only the first time.
pub fn fetch(engine: Engine, notice: fn(&str)) -> Result<Option<PathBuf>, Error> {
    let package = match engine {
        Engine::Kafka => KAFKA,
        Engine::Cassandra => CASSANDRA,
        Engine::Postgres => return Ok(None),
    };
    let cache = cache()?;
    let folder = cache.join(package.name);
    if !folder.join(MARKER).is_file() {
        fs::create_dir_all(&cache).context(|| format!("create {}", cache.display()))?;
        // Maven's own repository is not safe for two Mavens at once, so one lock for all engines.
        let lock = cache.join("lock");
        let lock = File::create(&lock).context(|| format!("create {}", lock.display()))?;
        lock.lock().context(|| format!("lock {}", cache.display()))?;
        if !folder.join(MARKER).is_file() {
            notice(&format!("downloading {} into {}", package.name, cache.display()));
            download(&package, &folder)?;
        }
    }
    Ok(Some(folder.join("jars")))
}

/// `$SLUICE_CACHE`, else the user's cache folder, `/sluice/engines` below it.
fn cache() -> Result<PathBuf, Error> {
    let set = |key: &str| env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("SLUICE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("sluice")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/sluice")))
        .ok_or_else(|| Error::Missing { what: "a cache folder (set SLUICE_CACHE or HOME)".into() })?;
    std::path::absolute(base.join("engines")).context(|| format!("resolve {}", base.display()))
}

fn download(package: &Package, folder: &Path) -> Result<(), Error> {
    let failed = |detail: String| Error::Fetch { name: package.name.into(), detail };
    if folder.exists() {
        fs::remove_dir_all(folder).context(|| format!("remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).context(|| format!("create {}", folder.display()))?;
    let pom = folder.join("pom.xml");
    fs::write(&pom, pom_of(package)).context(|| format!("write {}", pom.display()))?;
    let log = folder.join("maven.log");
    let output = File::create(&log).context(|| format!("create {}", log.display()))?;

    let mut maven = leashed("mvn", None);
    maven.args(["--batch-mode", "--no-transfer-progress", "--file"]).arg(&pom);
    maven.args(["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"]);
    maven.stdout(output.try_clone().context(|| "share a log".into())?).stderr(output);
    let status = run(maven).context(|| "start mvn".into())?;
    if status.code() == Some(127) {
        return Err(Error::Missing { what: "Maven (mvn)".into() });
    }
    if !status.success() {
        return Err(failed(format!("mvn ended with {status}; log {}:\n{}", log.display(), tail(&log))));
    }
    let jars = jars(&folder.join("jars"))?;
    let (_, artifact) = package.artifacts[0].split_once(':').unwrap_or_default();
    let main = format!("{}.jar", artifact.replace(':', "-"));
    if !jars.contains(&main) {
        return Err(failed(format!("mvn succeeded without bringing {main}; log {}", log.display())));
    }
    let marker = folder.join(MARKER);
    let partial = folder.join("complete.partial");
    fs::write(&partial, jars.join("\n"))
        .and_then(|()| File::open(&partial)?.sync_all())
        .and_then(|()| fs::rename(&partial, &marker))
        .context(|| format!("write {}", marker.display()))
}

fn jars(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(folder).context(|| format!("read {}", folder.display()))?;
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn pom_of(package: &Package) -> String {
    let dependencies: String = package
        .artifacts
        .iter()
        .filter_map(|artifact| {
            let mut parts = artifact.split(':');
            let (group, name, version) = (parts.next()?, parts.next()?, parts.next()?);
            Some(format!("<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"))
        })
        .collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>sluice</groupId><artifactId>engine</artifactId><version>1</version>\
         <dependencies>{dependencies}</dependencies></project>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pom_names_every_artifact() {
        let pom = pom_of(&KAFKA);
        assert!(pom.contains("<artifactId>kafka_2.13</artifactId><version>4.1.0</version>"));
        assert!(pom.contains("<groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId>"));
    }
}
