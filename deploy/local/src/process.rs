//! Child processes that cannot outlive us.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How often a state of a process is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// A user to run as when we are root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A command for `program` that the kernel kills when we die, in a process group of its own so that a terminal's Ctrl-C
/// reaches us alone.
///
/// The signal is armed after the user changes, because a change of credentials disarms it, and the shell then checks that we
/// are still its parent, because we may have died before it was armed.
pub(crate) fn leashed(program: impl AsRef<OsStr>, user: Option<User>) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(User { uid, gid }) = user {
        command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--init-groups".into(), "setpriv".into()]);
    }
    command
        .args(["--pdeathsig", "KILL", "sh", "-c"])
        .arg(r#"parent=$1; shift; [ "$PPID" = "$parent" ] && exec "$@""#)
        .arg("sh")
        .arg(std::process::id().to_string())
        .arg(program)
        .stdin(Stdio::null())
        .process_group(0);
    command
}

type Request = (Command, mpsc::SyncSender<io::Result<Child>>);

/// Starts a command from a thread that lives as long as the process: the kernel's parent-death signal follows the thread
/// that forked, and a test's thread ends long before its process does.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Request>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, requests) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in requests {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, child) = mpsc::sync_channel(1);
    spawner.send((command, answer)).map_err(|_| io::ErrorKind::BrokenPipe)?;
    child.recv().map_err(|_| io::ErrorKind::BrokenPipe)?
}

/// Runs a leashed command to its end.
pub(crate) fn run(command: Command) -> io::Result<ExitStatus> {
    spawn(command)?.wait()
}

/// An engine's main process with everything that it forked.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a leashed command.
    pub(crate) fn spawn(command: Command) -> io::Result<Self> {
        spawn(command).map(|child| Self { child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The exit status once the main process has ended.
    pub(crate) fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Asks the main process to end by `request`, kills it after `patience`, and then what it left.
    pub(crate) fn stop(&mut self, request: Signal, patience: Duration) -> io::Result<()> {
        let family = self.family();
        if self.exited()?.is_none() {
            signal(self.pid(), request);
        }
        let deadline = Instant::now() + patience;
        while self.exited()?.is_none() {
            if Instant::now() > deadline {
                return self.kill();
            }
            thread::sleep(POLL);
        }
        self.sweep(&family)
    }

    /// Kills at once, and returns when nothing of it is left.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        let family = self.family();
        self.child.kill()?;
        self.sweep(&family)
    }

    /// Kills what the main process leaves behind: its process group, and those who left the group, as Postgres's children do.
    fn sweep(&mut self, family: &[u32]) -> io::Result<()> {
        if let Some(group) = Pid::from_raw(self.pid() as i32) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        signal_all(family, Signal::KILL);
        self.child.wait()?;
        await_end(family)
    }

    /// Stops the clock of every process of it, the main one first so that it forks no more.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        signal(self.pid(), Signal::STOP);
        await_true("a process did not stop", || is_stopped(self.pid()))?;
        let family = self.family();
        signal_all(&family, Signal::STOP);
        await_true("a process did not stop", || family.iter().all(|pid| is_stopped(*pid)))
    }

    /// Whether the main process stands still.
    pub(crate) fn stands_still(&self) -> bool {
        stat(self.pid()).is_some_and(|(state, _)| state == 'T')
    }

    /// Undoes [`Process::pause`].
    pub(crate) fn resume(&mut self) {
        signal_all(&self.family(), Signal::CONT);
        signal(self.pid(), Signal::CONT);
    }

    fn family(&self) -> Vec<u32> {
        descendants(self.pid())
    }
}

/// Sends a signal; a process that is gone needs none.
fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        let _ = kill_process(pid, signal);
    }
}

fn signal_all(pids: &[u32], request: Signal) {
    for pid in pids {
        signal(*pid, request);
    }
}

/// State letter and parent of a process, from `/proc/PID/stat`. The name before them may hold spaces and brackets.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn is_stopped(pid: u32) -> bool {
    stat(pid).is_none_or(|(state, _)| matches!(state, 'T' | 'Z'))
}

fn is_gone(pid: u32) -> bool {
    stat(pid).is_none_or(|(state, _)| state == 'Z')
}

fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.1)))
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.remove(0);
    found
}

fn await_end(pids: &[u32]) -> io::Result<()> {
    await_true("a child process did not end", || pids.iter().all(|pid| is_gone(*pid)))
}

fn await_true(failure: &str, condition: impl Fn() -> bool) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        if Instant::now() > deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, failure.to_owned()));
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// The last lines of a file, for an error message.
pub(crate) fn tail(path: &Path) -> String {
    const LINES: usize = 15;
    const BYTES: i64 = 8 * 1024;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len() as i64;
        file.seek(SeekFrom::End(-length.min(BYTES)))?;
        file.read_to_end(&mut bytes)
    });
    if let Err(error) = read {
        return format!("(log not readable: {error})");
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = leashed("sh", None);
        command.args(["-c", script]);
        Process::spawn(command).unwrap()
    }

    #[test]
    fn a_kill_reaches_what_the_process_forked() {
        let mut process = shell("sleep 60 & sleep 60 & wait");
        await_true("no children", || process.family().len() == 2).unwrap();
        let family = process.family();
        process.kill().unwrap();
        assert!(family.iter().all(|pid| is_gone(*pid)));
    }

    #[test]
    fn a_process_outlives_the_thread_that_started_it() {
        let mut process = thread::spawn(|| shell("sleep 60")).join().unwrap();
        assert!(process.exited().unwrap().is_none());
        process.kill().unwrap();
    }

    #[test]
    fn a_paused_family_stands_still_until_it_is_resumed() {
        let mut process = shell("sleep 60 & wait");
        await_true("no child", || process.family().len() == 1).unwrap();
        process.pause().unwrap();
        assert!(process.family().into_iter().chain([process.pid()]).all(is_stopped));
        process.resume();
        await_true("still stopped", || !is_stopped(process.pid())).unwrap();
        let family = process.family();
        process.stop(Signal::TERM, Duration::from_secs(5)).unwrap();
        assert!(family.into_iter().all(is_gone));
    }

    #[test]
    fn a_process_that_ignores_the_request_is_killed() {
        let mut process = shell("trap '' TERM; while :; do sleep 1; done");
        process.stop(Signal::TERM, Duration::ZERO).unwrap();
        assert!(process.exited().unwrap().is_some());
    }

    #[test]
    fn the_tail_is_the_end_of_the_log() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines: Vec<String> = (0..2000).map(|line| format!("line {line}")).collect();
        fs::write(file.path(), lines.join("\n")).unwrap();
        let tail = tail(file.path());
        assert_eq!(tail.lines().count(), 15);
        assert!(tail.ends_with("line 1999"));
    }
}
