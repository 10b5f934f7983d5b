//! Steering a running stack from another process, by a socket in its folder.
//!
//! One line there (`kill kafka`, `env`), an answer back that begins with `ok` or with the error's text.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;

use crate::error::Context as _;
use crate::{Engine, Error, Stack};

const SOCKET: &str = "ctl.sock";

/// Answers requests until the stack is dropped.
pub fn serve(stack: &Arc<Stack>) -> Result<(), Error> {
    let (_dir, path) = socket(stack.dir())?;
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).context(|| format!("bind {SOCKET} in {}", stack.dir().display()))?;
    let stack = Arc::downgrade(stack);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let stack = Weak::clone(&stack);
            thread::spawn(move || answer(&stack, &stream));
        }
    });
    Ok(())
}

/// Sends a request to the stack that runs in `dir` and gives its answer.
///
/// # Errors
///
/// When nothing runs there, or with the text of the stack's own error.
pub fn request(dir: &Path, request: &str) -> io::Result<String> {
    let (_dir, path) = socket(dir).map_err(io::Error::other)?;
    let mut stream =
        UnixStream::connect(path).map_err(|error| io::Error::new(error.kind(), format!("no stack runs in {}: {error}", dir.display())))?;
    writeln!(stream, "{request}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.strip_prefix("ok") {
        Some(rest) => Ok(rest.trim().to_owned()),
        None if answer.is_empty() => Err(io::Error::other("the stack ended")),
        None => Err(io::Error::other(answer.trim().to_owned())),
    }
}

/// The socket's path by way of the open folder: a socket's address holds 107 bytes, less than many a folder's name.
fn socket(dir: &Path) -> Result<(File, PathBuf), Error> {
    let folder = File::open(dir).context(|| format!("open {}", dir.display()))?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
    Ok((folder, path))
}

fn answer(stack: &Weak<Stack>, mut stream: &UnixStream) {
    let mut line = String::new();
    let read = BufReader::new(stream.take(200)).read_line(&mut line);
    let Some(stack) = stack.upgrade().filter(|_| read.is_ok()) else { return };
    let text = match perform(&stack, line.trim()) {
        Ok(text) => format!("ok {text}"),
        Err(text) => text,
    };
    // The one who asked may have gone; nobody else is interested.
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.shutdown(Shutdown::Both);
}

fn perform(stack: &Stack, line: &str) -> Result<String, String> {
    let (operation, engine) = line.split_once(' ').unwrap_or((line, ""));
    let text = |error: Error| error.to_string();
    match operation {
        "env" => {
            let lines: Vec<String> = stack.env().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
            return Ok(lines.join("\n"));
        }
        "status" => {
            let line = |engine| Ok(format!("{engine} {} {}", stack.state(engine)?, stack.address(engine)?));
            let lines = stack.engines().map(line).collect::<Result<Vec<String>, Error>>();
            return lines.map(|lines| lines.join("\n")).map_err(text);
        }
        _ => {}
    }
    let engine: Engine = engine.parse()?;
    let begun = std::time::Instant::now();
    match operation {
        "start" => stack.start_engine(engine).map(drop),
        "stop" => stack.stop_engine(engine),
        "kill" => stack.kill(engine),
        "pause" => stack.pause(engine),
        "resume" => stack.resume(engine),
        "restart" => stack.restart(engine).map(drop),
        _ => return Err(format!("unknown operation {operation}")),
    }
    .map_err(text)?;
    let state = stack.state(engine).map_err(text)?;
    Ok(format!("{engine} is {state} after {:.1} s", begun.elapsed().as_secs_f64()))
}
