//! The verbs that people and scripts use, on a system that runs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Output, Stdio};
use std::sync::mpsc;
use std::thread;

use serde_json::Value;
use sluice_local::System;

use super::harness::{PATIENCE, calm, eventually, write};

fn run(system: &System, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = system.command(arguments).expect("a command");
    command.envs(env.iter().copied()).output().expect("it runs")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn a_second_migration_changes_nothing() {
    let system = calm();
    let output = run(system, &["migrate", "--json"], &[]);
    assert!(output.status.success(), "{output:?}");
    let told: Vec<(String, String)> = lines(&output)
        .iter()
        .map(|line| (line["part"].as_str().unwrap_or_default().into(), line["what"].as_str().unwrap_or_default().into()))
        .collect();
    assert_eq!(told.iter().map(|(part, _)| part.as_str()).collect::<Vec<_>>(), ["postgres", "cql", "kafka", "registry"]);
    for (part, what) in &told[..3] {
        assert!(what.contains("up to date"), "{part}: {what}");
    }
}

#[test]
fn a_plan_names_what_is_missing_and_makes_nothing() {
    let system = calm();
    let elsewhere = [("SLUICE_KAFKA__PREFIX", "planned."), ("SLUICE_CQL__KEYSPACE", "planned")];
    let plan = || {
        let output = run(system, &["migrate", "--plan", "--json"], &elsewhere);
        assert!(output.status.success(), "{output:?}");
        lines(&output)
    };
    let first = plan();
    let topics = first
        .iter()
        .filter(|line| line["part"] == "kafka" && line["what"].as_str().is_some_and(|what| what.starts_with("would create planned.")));
    assert_eq!(topics.count(), sluice_schemas::topics::TOPICS.len(), "{first:#?}");
    assert!(
        first.iter().any(|line| line["part"] == "cql" && line["what"].as_str().is_some_and(|what| what.contains("would make"))),
        "{first:#?}"
    );
    assert_eq!(plan(), first);
    let here = lines(&run(system, &["migrate", "--plan", "--json"], &[]));
    assert!(!here.iter().any(|line| line["what"].as_str().is_some_and(|what| what.starts_with("would"))), "{here:#?}");
}

#[test]
fn the_doctor_finds_nothing_on_a_sound_system() {
    let output = run(calm(), &["doctor", "--json"], &[]);
    assert!(output.status.success(), "{output:?}");
    let checks = lines(&output);
    assert!(checks.len() >= 8 && checks.iter().all(|check| check["state"] == "ok"), "{checks:#?}");
}

#[test]
fn the_doctor_names_the_engine_that_does_not_answer() {
    let gone = [
        ("kafka", "SLUICE_KAFKA", "127.0.0.1:9"),
        ("postgres", "SLUICE_POSTGRES", "postgres://postgres@127.0.0.1:9/sluice"),
        ("cql", "SLUICE_CQL", "127.0.0.1:9"),
        ("registry", "SLUICE_REGISTRY", "http://127.0.0.1:9"),
    ];
    for (part, variable, address) in gone {
        let output = run(calm(), &["doctor", "--json"], &[(variable, address)]);
        assert_eq!(output.status.code(), Some(69), "{part}: {output:?}");
        let checks = lines(&output);
        let faults: Vec<&str> =
            checks.iter().filter(|check| check["state"] == "fault").filter_map(|check| check["check"].as_str()).collect();
        assert_eq!(faults, [part], "{checks:#?}");
    }
}

#[test]
fn the_doctor_names_the_key_that_is_wrong() {
    let system = calm();
    let output = run(system, &["doctor", "--json"], &[("SLUICE_KAFKA__PARTITIONS", "many")]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(lines(&output)[0]["detail"].as_str().is_some_and(|detail| detail.contains("kafka.partitions")), "{output:?}");
    let output = run(system, &["doctor", "--json"], &[("SLUICE_SECRETS__CALLBACK_CURRENT", "nobody")]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let found = lines(&output);
    assert!(found.iter().any(|check| check["check"] == "secrets.callback" && check["state"] == "fault"), "{found:#?}");
}

#[test]
fn a_role_does_not_start_without_its_engine_and_says_which() {
    let output = run(
        calm(),
        &["run", "--role", "outbox"],
        &[("SLUICE_POSTGRES", "postgres://postgres@127.0.0.1:9/sluice"), ("SLUICE_API__OPS_LISTEN", "127.0.0.1:0")],
    );
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("127.0.0.1:9"), "{output:?}");
}

#[test]
fn what_is_no_webhook_body_is_an_error_of_the_data() {
    let parse = |body: &str| {
        let mut command = calm().command(&["parse"]).expect("a command");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("its input").write_all(body.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    };
    let output = parse("not JSON");
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(65), true), "{output:?}");
    let output = parse(include_str!("../../../schemas/fixtures/text.json"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lines(&output).len(), 1);
}

#[test]
fn a_tap_shows_records_as_they_come() {
    let (system, from) = (calm(), "15550123001");
    let id = write(system, from, "3 bags of cement to 01310-100?");
    let tapped = eventually(system, "the tapped event", || {
        let output = system.sluice_json(&["tap", "events.raw", "--tenant", "acme", "--from-beginning", "-n", "1"]).ok()?;
        output.into_iter().next()
    });
    assert_eq!((&tapped["topic"], tapped["record"]["tenant"].is_string()), (&"events.raw".into(), true), "{tapped}");
    // From the newest on: a tap that runs sees what is written after it.
    let mut command = system.command(&["tap", "events.raw", "--from-beginning", "--json"]).expect("a command");
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let out = BufReader::new(child.stdout.take().expect("its output"));
    let (found, finding) = mpsc::channel();
    thread::spawn(move || out.lines().map_while(Result::ok).find(|line| line.contains(&id)).map(|line| found.send(line)));
    let found = finding.recv_timeout(PATIENCE);
    child.kill().expect("it ran until now");
    child.wait().expect("it ends");
    let found: Value = serde_json::from_str(&found.expect("the message")).expect("JSON");
    assert_eq!(found["record"]["account"], sluice_local::system::seed::PHONE_NUMBER_ID);
    let wrong = run(system, &["tap", "event"], &[]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("events.raw"), "{wrong:?}");
}
