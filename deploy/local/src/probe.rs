//! Real requests in each engine's own protocol, small enough to need no client library.
//!
//! A port that accepts connections proves little: the engine must answer what a client will ask first.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use crate::Engine;

const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the engine on a local port one real request.
pub(crate) fn probe(engine: Engine, port: u16) -> io::Result<()> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into();
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    match engine {
        Engine::Kafka => kafka(&mut stream),
        Engine::Cassandra => cassandra(&mut stream),
        Engine::Postgres => postgres(&mut stream),
    }
}

fn refused(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

fn read_exactly(stream: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    if length > 1 << 20 {
        return Err(refused(format!("an answer of {length} bytes")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_length(stream: &mut impl Read) -> io::Result<usize> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    Ok(u32::from_be_bytes(length) as usize)
}

/// ApiVersions, then Metadata for no topics: the broker is ready once it finds itself in the cluster's metadata.
fn kafka(stream: &mut (impl Read + Write)) -> io::Result<()> {
    const API_VERSIONS: u16 = 18;
    const METADATA: u16 = 3;
    let versions = kafka_call(stream, API_VERSIONS, 0, &[])?;
    if versions.get(..2) != Some(&[0, 0]) {
        return Err(refused("ApiVersions was refused"));
    }
    let metadata = kafka_call(stream, METADATA, 1, &0_u32.to_be_bytes())?;
    match metadata.first_chunk() {
        Some(brokers) if u32::from_be_bytes(*brokers) > 0 => Ok(()),
        _ => Err(refused("the broker has not joined its cluster yet")),
    }
}

/// One request with an empty client id; the answer without its correlation id.
fn kafka_call(stream: &mut (impl Read + Write), api: u16, version: u16, body: &[u8]) -> io::Result<Vec<u8>> {
    let length = 10 + body.len() as u32;
    let mut request = length.to_be_bytes().to_vec();
    request.extend(api.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend([0, 0, 0, 1, 0, 0]);
    request.extend(body);
    stream.write_all(&request)?;
    let length = read_length(stream)?;
    let mut answer = read_exactly(stream, length)?;
    answer.drain(..answer.len().min(4));
    Ok(answer)
}

/// OPTIONS → SUPPORTED, STARTUP → READY, and a read of a system table.
fn cassandra(stream: &mut (impl Read + Write)) -> io::Result<()> {
    const OPTIONS: (u8, u8) = (0x05, 0x06);
    const STARTUP: (u8, u8) = (0x01, 0x02);
    const QUERY: (u8, u8) = (0x07, 0x08);
    cql_call(stream, OPTIONS, &[])?;
    let mut startup = vec![0, 1];
    for word in ["CQL_VERSION", "3.0.0"] {
        startup.extend((word.len() as u16).to_be_bytes());
        startup.extend(word.as_bytes());
    }
    cql_call(stream, STARTUP, &startup)?;
    let statement = "SELECT key FROM system.local";
    let mut query = (statement.len() as u32).to_be_bytes().to_vec();
    query.extend(statement.as_bytes());
    query.extend([0, 1, 0]);
    cql_call(stream, QUERY, &query)
}

/// One frame of the native protocol v4; fails unless the answer has the expected opcode.
fn cql_call(stream: &mut (impl Read + Write), (opcode, expected): (u8, u8), body: &[u8]) -> io::Result<()> {
    let mut frame = vec![0x04, 0, 0, 0, opcode];
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend(body);
    stream.write_all(&frame)?;
    let header = read_exactly(stream, 5)?;
    let length = read_length(stream)?;
    let answer = read_exactly(stream, length)?;
    if header[4] == expected {
        return Ok(());
    }
    Err(refused(format!("CQL opcode {:#x}: {}", header[4], String::from_utf8_lossy(&answer))))
}

/// Start-up as `postgres` in the database `sluice`, then `SELECT 1` with its row.
fn postgres(stream: &mut (impl Read + Write)) -> io::Result<()> {
    const START: &[u8] = b"\0\x03\0\0user\0postgres\0database\0sluice\0\0";
    const SELECT: &[u8] = b"SELECT 1\0";
    let mut message = (START.len() as u32 + 4).to_be_bytes().to_vec();
    message.extend(START);
    stream.write_all(&message)?;
    postgres_answer(stream)?;
    let mut message = vec![b'Q'];
    message.extend((SELECT.len() as u32 + 4).to_be_bytes());
    message.extend(SELECT);
    stream.write_all(&message)?;
    if postgres_answer(stream)? {
        // A polite end keeps "unexpected EOF" out of the server's log.
        return stream.write_all(b"X\0\0\0\x04");
    }
    Err(refused("SELECT 1 gave no row"))
}

/// Reads up to ReadyForQuery; says whether there was a row.
fn postgres_answer(stream: &mut impl Read) -> io::Result<bool> {
    let mut row = false;
    loop {
        let kind = read_exactly(stream, 1)?[0];
        let length = read_length(stream)?;
        let body = read_exactly(stream, length.saturating_sub(4))?;
        match kind {
            b'Z' => return Ok(row),
            b'D' => row = true,
            b'E' => return Err(refused(String::from_utf8_lossy(&body).replace('\0', " "))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer with prepared answers.
    struct Peer(io::Cursor<Vec<u8>>);

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn peer(answers: &[&[u8]]) -> Peer {
        Peer(io::Cursor::new(answers.concat()))
    }

    #[test]
    fn a_broker_without_brokers_in_its_metadata_is_not_ready() {
        let versions: &[u8] = &[0, 0, 0, 6, 0, 0, 0, 1, 0, 0];
        assert!(kafka(&mut peer(&[versions, &[0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0]])).is_err());
        assert!(kafka(&mut peer(&[versions, &[0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1]])).is_ok());
    }

    #[test]
    fn a_cql_error_is_told_with_its_text() {
        let error = cassandra(&mut peer(&[b"\x84\0\0\0\0\0\0\0\x04oops"])).unwrap_err();
        assert!(error.to_string().contains("oops"));
    }

    #[test]
    fn a_postgres_that_is_starting_up_is_not_ready() {
        let error = postgres(&mut peer(&[b"E\0\0\0\x0cstarting"])).unwrap_err();
        assert!(error.to_string().contains("starting"));
    }

    #[test]
    fn garbage_and_silence_are_errors() {
        for answers in [b"".as_slice(), b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0xff; 64]] {
            for engine in [kafka, cassandra, postgres] {
                assert!(engine(&mut peer(&[answers])).is_err());
            }
        }
    }
}
