//! What is deployed against what the product documents: `docker-compose.yml`, the Kubernetes files and `sluice.example.toml` name
//! only ports, variables, roles and versions that exist, and every setting is documented.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml_ng::Value;
use sluice_pipeline::topology::{Kind, TOPOLOGY};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compose() -> Value {
    let mut compose: Value = serde_yaml_ng::from_str(&read("docker-compose.yml")).expect("YAML");
    compose.apply_merge().expect("`<<` names mappings");
    compose
}

/// Services that run sluice.
fn ours(compose: &Value) -> BTreeMap<String, &Value> {
    let services = compose["services"].as_mapping().expect("services");
    let named = services.iter().map(|(name, service)| (name.as_str().expect("a name").to_owned(), service));
    named.filter(|(_, service)| service["image"] == "sluice").collect()
}

fn words(list: &Value) -> Vec<&str> {
    list.as_sequence().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn environment(service: &Value) -> BTreeMap<&str, String> {
    let text = |value: &Value| value.as_str().map_or_else(|| format!("{value:?}"), str::to_owned);
    service["environment"].as_mapping().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str()?, text(value)))).collect()
}

/// The documented settings: dotted keys with their values. Maps of named keys end in `.*`.
fn documented() -> BTreeMap<String, toml::Value> {
    fn walk(prefix: &str, table: &toml::Table, into: &mut BTreeMap<String, toml::Value>) {
        for (key, value) in table {
            let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                toml::Value::Table(inner) if inner.is_empty() => drop(into.insert(format!("{key}.*"), value.clone())),
                toml::Value::Table(inner) => walk(&key, inner, into),
                value => drop(into.insert(key, value.clone())),
            }
        }
    }
    let mut found = BTreeMap::new();
    walk("", &toml::from_str(&read("sluice.example.toml")).expect("TOML"), &mut found);
    // It has no default, so the file cannot set it.
    found.insert("cql.user".into(), toml::Value::String(String::new()));
    found
}

/// The short variables, as the comments beside the settings name them.
fn short() -> BTreeSet<String> {
    let comments = read("sluice.example.toml");
    let words = comments.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    words.filter(|word| word.starts_with("SLUICE_") && !word.contains("__") && word.len() > "SLUICE_".len()).map(str::to_owned).collect()
}

/// Whether `SLUICE_SECTION__KEY` sets something that exists.
fn is_setting(variable: &str, documented: &BTreeMap<String, toml::Value>) -> bool {
    let Some(path) = variable.strip_prefix("SLUICE_").filter(|path| path.contains("__")) else { return short().contains(variable) };
    let key = path.to_lowercase().replace("__", ".");
    let family = key.rsplit_once('.').map(|(family, _)| format!("{family}.*"));
    documented.contains_key(&key) || family.is_some_and(|family| documented.contains_key(&family))
}

#[test]
fn every_role_has_its_container_and_every_chain_its_volume() {
    let compose = compose();
    let ours = ours(&compose);
    for role in TOPOLOGY {
        let service = ours.get(role.name).unwrap_or_else(|| panic!("no service for the role {}", role.name));
        assert_eq!(words(&service["command"]), ["run", "--role", role.name]);
        let state = format!("{}:/var/lib/sluice/state", role.name);
        assert_eq!(words(&service["volumes"]).contains(&state.as_str()), role.kind == Kind::Chain, "{}: its state's volume", role.name);
        assert!(service["depends_on"]["migrate"].is_mapping(), "{} starts before the migration is done", role.name);
    }
    let others: Vec<&str> = ours.keys().map(String::as_str).filter(|name| TOPOLOGY.iter().all(|role| role.name != *name)).collect();
    assert_eq!(others, ["meta", "migrate"]);
}

#[test]
fn every_variable_sets_something() {
    let documented = documented();
    let compose = compose();
    for (name, service) in ours(&compose) {
        let environment = environment(service);
        assert!(environment.len() > 10, "{name} lost the common environment");
        for variable in environment.keys() {
            assert!(is_setting(variable, &documented), "{name}: {variable} sets nothing that sluice.example.toml documents");
        }
    }
    for file in ["config.yaml", "secret.example.yaml"] {
        for document in serde_yaml_ng::Deserializer::from_str(&read(&format!("deploy/kubernetes/{file}"))) {
            let document: Value = serde::Deserialize::deserialize(document).expect("YAML");
            for part in ["data", "stringData"] {
                for variable in document[part].as_mapping().into_iter().flat_map(serde_yaml_ng::Mapping::keys).filter_map(Value::as_str) {
                    assert!(is_setting(variable, &documented), "{file}: {variable}");
                }
            }
        }
    }
}

#[test]
fn addresses_and_ports_are_those_that_are_documented_and_probed() {
    let documented = documented();
    let compose = compose();
    let services = &compose["services"];
    let port = |key: &str| documented[key].as_str().and_then(|address| address.rsplit_once(':')).expect("host:port").1.to_owned();
    let environment = environment(&services["api"]);
    for (variable, key) in
        [("SLUICE_API__LISTEN", "api.listen"), ("SLUICE_API__OPS_LISTEN", "api.ops_listen"), ("SLUICE_INGRESS__LISTEN", "ingress.listen")]
    {
        assert_eq!(environment[variable], format!("0.0.0.0:{}", port(key)), "{variable}");
    }
    for (service, key) in [("api", "api.listen"), ("ingress", "ingress.listen")] {
        let port = port(key);
        assert_eq!(words(&services[service]["ports"]), [format!("{port}:{port}")], "{service}");
    }
    // Every container that is named as an address exists, and its engine listens there.
    for (variable, service, port) in [
        ("SLUICE_KAFKA", "kafka", "9092"),
        ("SLUICE_CQL", "scylla", "9042"),
        ("SLUICE_POSTGRES", "postgres", "5432"),
        ("SLUICE_REGISTRY", "registry", "8081"),
    ] {
        assert!(environment[variable].contains(&format!("{service}:{port}")), "{variable} is {}", environment[variable]);
        assert!(services[service]["image"].is_string() && !services[service]["healthcheck"].is_null(), "{service}");
    }
    let ops = port("api.ops_listen");
    assert!(read("deploy/docker/healthcheck").contains(&format!(":-{ops}")));
    let scraped: Value = serde_yaml_ng::from_str(&read("deploy/prometheus/prometheus.yml")).expect("YAML");
    let targets: BTreeSet<&str> = words(&scraped["scrape_configs"][0]["static_configs"][0]["targets"]).into_iter().collect();
    let roles: BTreeSet<String> = TOPOLOGY.iter().map(|role| format!("{}:{ops}", role.name)).collect();
    assert_eq!(targets, roles.iter().map(String::as_str).collect());
}

#[test]
fn no_secret_stands_in_a_file_and_none_has_a_default() {
    let compose = read("docker-compose.yml");
    let example = read("deploy/docker/env.example");
    for line in compose.lines().filter(|line| line.contains("${")) {
        let name = line.split("${").nth(1).and_then(|rest| rest.split([':', '}']).next()).expect("a name");
        assert!(example.contains(&format!("\n{name}=")), "{name} is missing in env.example");
        let secret = ["PASSWORD", "SECRET", "KEY", "TOKEN"].iter().any(|word| name.contains(word));
        assert_eq!(secret, line.contains(":?"), "{name}: a secret is required and has no default: {line}");
    }
    for line in example.lines().filter(|line| !line.starts_with('#') && !line.contains("_URL=")) {
        assert!(line.ends_with('='), "env.example gives a value: {line}");
    }
}

#[test]
fn versions_are_pinned_and_are_those_that_are_tested() {
    let compose = compose();
    for (name, service) in compose["services"].as_mapping().expect("services") {
        let image = service["image"].as_str().expect("an image");
        let pinned = image.rsplit_once(':').is_some_and(|(_, tag)| tag.bytes().any(|byte| byte.is_ascii_digit()));
        assert!(pinned || image == "sluice", "{name:?}: {image} is not pinned");
    }
    let tested = read("deploy/local/src/fetch.rs");
    let kafka =
        compose["services"]["kafka"]["image"].as_str().and_then(|image| image.strip_prefix("apache/kafka:")).expect("Kafka's image");
    assert!(tested.contains(&format!("org.apache.kafka:kafka_2.13:{kafka}\"")), "the local engines run another Kafka than {kafka}");
    let cargo: toml::Table = toml::from_str(&read("Cargo.toml")).expect("TOML");
    let rust = cargo["workspace"]["package"]["rust-version"].as_str().expect("rust-version");
    assert!(
        read("deploy/docker/Dockerfile").contains(&format!("FROM rust:{rust}-")),
        "the Dockerfile builds with another Rust than {rust}"
    );
}

/// Runs `sluice migrate --plan` with a configuration it must refuse, or at least read, before it reaches for any engine.
fn complaint(file: &Path, variable: Option<(&str, &str)>) -> String {
    let mut command = Command::new(sluice_local::system::binary().expect("the program sluice"));
    command.env_clear().arg("--config").arg(file).args(["migrate", "--plan"]).current_dir(file.parent().expect("a folder"));
    let output = command.envs(variable).output().expect("runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_documented_settings_are_all_there_are_and_all_of_them_load() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("sluice.toml");
    // A port where nobody listens: what follows the configuration must not find an engine by chance.
    fs::write(&file, read("sluice.example.toml").replace(":5432", ":9")).expect("written");
    let loaded = complaint(&file, None);
    assert!(!loaded.contains("configuration:"), "{loaded}");

    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in documented().into_keys() {
        let key = key.trim_end_matches(".*");
        let (section, key) = key.rsplit_once('.').unwrap_or(("", key));
        sections.entry(section.to_owned()).or_default().insert(key.to_owned());
    }
    let inner: Vec<String> = sections.keys().filter(|section| !section.is_empty()).cloned().collect();
    for section in inner {
        let (outer, name) = section.rsplit_once('.').unwrap_or(("", &section));
        sections.entry(outer.to_owned()).or_default().insert(name.to_owned());
    }
    for (section, keys) in sections {
        let text = read("sluice.example.toml").replace(":5432", ":9");
        let heading = format!("[{section}]");
        let unknown =
            if section.is_empty() { format!("nosuch = 1\n{text}") } else { text.replace(&heading, &format!("{heading}\nnosuch = 1")) };
        fs::write(&file, unknown).expect("written");
        let complaint = complaint(&file, None);
        let known = complaint.split_once("known: ").unwrap_or_else(|| panic!("[{section}] takes any key: {complaint}")).1;
        let known = known.split([';', '(']).next().unwrap_or_default().trim();
        let known: BTreeSet<String> = known.split(", ").map(|key| key.trim_matches('`').to_owned()).collect();
        assert_eq!(known, keys, "settings of [{section}] that exist, and those that are documented");
    }
}

#[test]
fn short_variables_are_known_to_the_program() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("sluice.toml");
    fs::write(&file, "").expect("written");
    let nobody = complaint(&file, Some(("SLUICE_POSTGRES", "postgres://owner@127.0.0.1:9/books")));
    assert!(nobody.contains("127.0.0.1:9/books"), "{nobody}");
}
