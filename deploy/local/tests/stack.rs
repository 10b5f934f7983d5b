//! The engines as their users meet them: real clients, crashes, hangs and restarts, and nothing left behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use scylla::client::session_builder::SessionBuilder;
use sluice_local::{Engine, Options, Stack, State, clean, control};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn block_on<T>(work: impl Future<Output = T>) -> Outcome<T> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work))
}

/// Writes one item with the engine's own client and says how many are there now.
fn write_and_count(stack: &Stack, engine: Engine) -> Outcome<i64> {
    match engine {
        Engine::Kafka => kafka(&stack.address(engine)?),
        Engine::Cassandra => block_on(cassandra(stack.address(engine)?))?,
        Engine::Postgres => block_on(postgres(stack.postgres_url()?))?,
    }
}

fn kafka(brokers: &str) -> Outcome<i64> {
    const PATIENCE: Duration = Duration::from_mins(1);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("acks", "all").set("transactional.id", "writer");
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let topic = NewTopic::new("kept", 1, TopicReplication::Fixed(1));
    // The topic exists from the second call on.
    let _ = block_on(admin.create_topics([&topic], &AdminOptions::new()))??;
    let producer: ThreadedProducer<_> = config.create()?;
    producer.init_transactions(PATIENCE)?;
    producer.begin_transaction()?;
    producer.send(BaseRecord::<(), str>::to("kept").payload("record")).map_err(|(error, _)| error)?;
    producer.commit_transaction(PATIENCE)?;
    // Watermarks follow the isolation level: read_committed, the default, ends before a transaction whose marker is still on its way,
    // and would not count a record that is acknowledged.
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("isolation.level", "read_uncommitted");
    let consumer: BaseConsumer = config.create()?;
    let (low, high) = consumer.fetch_watermarks("kept", 0, PATIENCE)?;
    // Each transaction holds one record and, soon after, its commit marker.
    Ok((high - low + 1) / 2)
}

async fn cassandra(node: String) -> Outcome<i64> {
    let session = SessionBuilder::new().known_node(node).build().await?;
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    session.query_unpaged(format!("CREATE KEYSPACE IF NOT EXISTS t WITH replication = {replication}"), ()).await?;
    session.query_unpaged("CREATE TABLE IF NOT EXISTS t.kept (id timeuuid PRIMARY KEY)", ()).await?;
    session.query_unpaged("INSERT INTO t.kept (id) VALUES (now())", ()).await?;
    let rows = session.query_unpaged("SELECT count(*) FROM t.kept", ()).await?.into_rows_result()?;
    Ok(rows.single_row::<(i64,)>()?.0)
}

async fn postgres(url: String) -> Outcome<i64> {
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE IF NOT EXISTS kept (at timestamptz); INSERT INTO kept VALUES (now())").await?;
    Ok(client.query_one("SELECT count(*) FROM kept", &[]).await?.get(0))
}

/// Processes that work in a folder. Zombies do not: an init that never reaps may keep those.
fn processes_in(dir: &Path) -> Vec<String> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir)))
        .map(|entry| fs::read_to_string(entry.path().join("comm")).unwrap_or_default())
        .collect()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn data_survives_every_fault_and_nothing_is_left_behind() -> Outcome {
    let stack = Stack::temporary(&Options::test())?;
    let dir = stack.dir().to_owned();
    let mut items = 0;
    for engine in Engine::ALL {
        items = 1;
        assert_eq!(write_and_count(&stack, engine)?, items, "{engine} at first");

        items += 1;
        stack.kill(engine)?;
        assert_eq!(stack.state(engine)?, State::Stopped);
        assert!(std::net::TcpStream::connect(stack.address(engine)?).is_err());
        stack.start_engine(engine)?;
        assert_eq!(write_and_count(&stack, engine)?, items, "{engine} after a kill");

        items += 1;
        stack.restart(engine)?;
        assert_eq!(write_and_count(&stack, engine)?, items, "{engine} after a restart");

        items += 1;
        stack.pause(engine)?;
        assert_eq!(stack.pause(engine).map_err(|error| error.kind()), Err("wrong_state"));
        stack.resume(engine)?;
        assert_eq!(write_and_count(&stack, engine)?, items, "{engine} after a pause");
    }
    assert_eq!(items, 4);
    stack.check()?;
    stack.pause(Engine::Postgres)?;
    drop(stack);
    assert_eq!(processes_in(&dir), Vec::<String>::new());
    assert!(!dir.exists());
    Ok(())
}

/// Takes the checksum of the last section's marker away from each segment of the commit log, as a kill between the two writes of
/// a marker leaves it; says how many had one. Layout: version `u32`, id `u64`, `u16` bytes of parameters, checksum; then markers of
/// two `u32`, where the next one is and the checksum, with the section between them.
fn tear_last_marker(commit_log: &Path) -> Outcome<usize> {
    let mut torn = 0;
    for entry in fs::read_dir(commit_log)? {
        let path = entry?.path();
        let mut bytes = fs::read(&path)?;
        let number = |at: usize| bytes.get(at..at + 4).map_or(0, |four| u32::from_be_bytes(four.try_into().expect("four")) as usize);
        let (mut at, mut last) = (12 + 2 + (number(12) >> 16) + 4, None);
        while number(at) > at {
            last = Some(at);
            at = number(at);
        }
        let Some(last) = last else { continue };
        bytes[last + 4..last + 8].fill(0);
        fs::write(&path, bytes)?;
        torn += 1;
    }
    Ok(torn)
}

#[test]
fn a_node_killed_in_the_middle_of_a_marker_starts_with_all_it_acknowledged() -> Outcome {
    let stack = Stack::temporary(&Options::test().only(&[Engine::Cassandra]))?;
    assert_eq!(write_and_count(&stack, Engine::Cassandra)?, 1);
    stack.kill(Engine::Cassandra)?;
    assert!(tear_last_marker(&stack.dir().join("cassandra/data/commitlog"))? > 0);
    stack.start_engine(Engine::Cassandra)?;
    assert_eq!(write_and_count(&stack, Engine::Cassandra)?, 2);
    Ok(())
}

#[test]
fn a_second_stack_in_a_folder_finds_the_first_ones_data() -> Outcome {
    let dir = tempfile::tempdir()?;
    let options = Options::test().only(&[Engine::Postgres, Engine::Kafka]);
    for items in 1..=2 {
        let stack = Stack::start(dir.path(), &options)?;
        assert_eq!(write_and_count(&stack, Engine::Postgres)?, items);
        assert_eq!(write_and_count(&stack, Engine::Kafka)?, items);
        assert_eq!(stack.kill(Engine::Cassandra).map_err(|error| error.kind()), Err("not_selected"));
        stack.stop()?;
    }
    clean(dir.path())?;
    assert!(!dir.path().exists());
    Ok(())
}

#[test]
fn a_paused_postgres_answers_nobody() -> Outcome {
    let stack = Stack::temporary(&Options::test().only(&[Engine::Postgres]))?;
    let url = stack.postgres_url()?;
    block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        stack.pause(Engine::Postgres)?;
        let query = client.simple_query("SELECT 1");
        tokio::pin!(query);
        // The other branch is a timer, since silence is what is to be seen.
        let silent = tokio::time::timeout(Duration::from_millis(300), &mut query).await.is_err();
        assert!(silent, "an open session was answered");
        stack.resume(Engine::Postgres)?;
        query.await?;
        Ok(())
    })?
}

#[test]
fn an_engine_that_ends_by_itself_is_reported_with_its_log() -> Outcome {
    let stack = Stack::temporary(&Options::test().only(&[Engine::Postgres]))?;
    stack.check()?;
    let pid = stack.pid(Engine::Postgres)?.ok_or("no process")?;
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status()?.success());
    wait_until("the end is seen", || stack.check().is_err_and(|error| error.kind() == "exited"));
    assert_eq!(stack.state(Engine::Postgres)?, State::Stopped);
    stack.start_engine(Engine::Postgres)?;
    assert_eq!(write_and_count(&stack, Engine::Postgres)?, 1);
    Ok(())
}

/// A process that holds a stack, such as the binary with free ports; killed at the latest when the test ends.
struct Up(Child);

impl Up {
    fn start(dir: &Path, rest: &[&str]) -> Outcome<Self> {
        let ports = ["--kafka-port=0", "--cassandra-port=0", "--postgres-port=0"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice-local"));
        command.arg("up").arg("--dir").arg(dir).args(ports).args(rest).stdin(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nothing_outlives_a_killed_holder_even_when_it_is_paused() -> Outcome {
    let dir = tempfile::tempdir()?;
    let mut up = Up::start(dir.path(), &[])?;
    wait_until("the stack answers", || control::request(dir.path(), "status").is_ok());
    assert!(processes_in(dir.path()).len() > 3);
    control::request(dir.path(), "pause postgres")?;
    control::request(dir.path(), "pause kafka")?;
    assert!(control::request(dir.path(), "status")?.contains("kafka paused"));

    let other = Stack::start(dir.path(), &Options::test().only(&[Engine::Postgres]));
    assert_eq!(other.map(drop).map_err(|error| error.kind()), Err("in_use"));

    up.0.kill()?;
    up.0.wait()?;
    wait_until("all engines are gone", || processes_in(dir.path()).is_empty());
    let again = Stack::start(dir.path(), &Options::test().only(&[Engine::Postgres]))?;
    assert_eq!(write_and_count(&again, Engine::Postgres)?, 1);
    drop(again);
    clean(dir.path())?;
    Ok(())
}

/// Holds a temporary stack until its standard input ends; run by the test below in a process of its own.
#[test]
#[ignore = "a part of the test below"]
fn hold_a_temporary_stack() -> Outcome {
    let stack = Stack::temporary(&Options::test().only(&[Engine::Postgres]))?;
    println!("\ndir={}", stack.dir().display());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

#[test]
fn a_temporary_folder_goes_away_with_a_killed_holder() -> Outcome {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--ignored", "--exact", "--nocapture", "hold_a_temporary_stack"]);
    let mut holder = Up(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    let output = BufReader::new(holder.0.stdout.take().ok_or("no output")?);
    let dir = output.lines().find_map(|line| line.ok()?.strip_prefix("dir=").map(PathBuf::from)).ok_or("no stack")?;
    assert!(processes_in(&dir).len() > 1);
    drop(holder);
    wait_until("the folder is gone", || !dir.exists());
    assert_eq!(processes_in(&dir), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_companion_gets_the_addresses_and_its_end_ends_the_stack() -> Outcome {
    let dir = tempfile::tempdir()?;
    let script = format!("echo \"$SLUICE_POSTGRES\" >{}/seen; exit 7", dir.path().display());
    let mut up = Up::start(dir.path(), &["--only=postgres", "--", "sh", "-c", &script])?;
    assert_eq!(up.0.wait()?.code(), Some(7));
    assert!(fs::read_to_string(dir.path().join("seen"))?.starts_with("postgres://postgres@127.0.0.1:"));
    assert_eq!(processes_in(dir.path()), Vec::<String>::new());
    clean(dir.path())?;
    Ok(())
}
