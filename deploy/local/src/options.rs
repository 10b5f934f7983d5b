//! Which engines, on which ports, how durable.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::str::FromStr;

use crate::Error;

/// One of the real engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// Apache Kafka: one KRaft broker.
    Kafka,
    /// Apache Cassandra: one node, speaking CQL in ScyllaDB's place.
    Cassandra,
    /// PostgreSQL.
    Postgres,
}

impl Engine {
    /// All engines.
    pub const ALL: [Self; 3] = [Self::Kafka, Self::Cassandra, Self::Postgres];

    /// The name used in folders, logs and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Cassandra => "cassandra",
            Self::Postgres => "postgres",
        }
    }

    /// The port that clients expect by default.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Kafka => 9092,
            Self::Cassandra => 9042,
            Self::Postgres => 5432,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| format!("unknown engine {name}; say kafka, cassandra or postgres"))
    }
}

/// How to start a [`crate::Stack`].
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) ports: BTreeMap<Engine, u16>,
    pub(crate) durable: bool,
    pub(crate) notice: fn(&str),
}

impl Options {
    /// All engines on their well-known ports, surviving a power cut: what `make run` wants.
    pub fn local() -> Self {
        let ports = Engine::ALL.into_iter().map(|engine| (engine, engine.default_port())).collect();
        Self { ports, durable: true, notice: |_| {} }
    }

    /// All engines on free ports, without `fsync` and tuned for a fast start: what tests want. A killed engine still loses nothing;
    /// only a power cut would matter.
    pub fn test() -> Self {
        let ports = Engine::ALL.into_iter().map(|engine| (engine, 0)).collect();
        Self { ports, durable: false, notice: |_| {} }
    }

    /// Keeps only these engines.
    #[must_use]
    pub fn only(mut self, engines: &[Engine]) -> Self {
        self.ports.retain(|engine, _| engines.contains(engine));
        self
    }

    /// Moves an engine, adding it when it was not selected; port 0 stands for any free one.
    #[must_use]
    pub fn port(mut self, engine: Engine, port: u16) -> Self {
        self.ports.insert(engine, port);
        self
    }

    /// Calls `notice` with a line for each step worth telling: downloads, engines that became ready.
    #[must_use]
    pub fn notice(mut self, notice: fn(&str)) -> Self {
        self.notice = notice;
        self
    }

    /// The selected engines.
    pub fn engines(&self) -> impl Iterator<Item = Engine> + '_ {
        self.ports.keys().copied()
    }
}

/// Takes the wanted port, or a free one for 0.
///
/// Free ports are looked for below the system's ephemeral range: an outgoing connection could otherwise take the port of
/// an engine that is down for a restart.
pub(crate) fn choose_port(name: &'static str, wanted: u16) -> Result<u16, Error> {
    if wanted != 0 {
        return if is_free(wanted) { Ok(wanted) } else { Err(Error::PortInUse { name, port: wanted }) };
    }
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), name);
    (0..1000_u64)
        .map(|attempt| 11_000 + (seed.wrapping_add(attempt * 7919) % 20_000) as u16)
        .find(|port| is_free(*port))
        .ok_or(Error::PortInUse { name, port: 0 })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_by_name() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = choose_port("kafka", port).unwrap_err();
        assert_eq!(error.kind(), "port_in_use");
        assert!(error.to_string().contains(&format!("port {port} for kafka")));
    }

    #[test]
    fn a_free_port_lies_below_the_ephemeral_range() {
        let port = choose_port("kafka", 0).unwrap();
        assert!((11_000..31_000).contains(&port));
    }

    #[test]
    fn engines_are_known_by_their_names() {
        for engine in Engine::ALL {
            assert_eq!(engine.name().parse(), Ok(engine));
        }
        assert!("kafak".parse::<Engine>().is_err());
    }
}
