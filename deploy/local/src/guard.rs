//! Sole use of a folder, and the clean-up after us however we end.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;
use crate::error::Context as _;
use crate::process::{POLL, spawn};

/// The lock of a folder: one stack at a time works there.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock, waiting a little for the guard of a stack that has just died.
    pub(crate) fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .context(|| format!("open {}", path.display()))?;
        let deadline = Instant::now() + Duration::from_secs(5);
        while file.try_lock().is_err() {
            if Instant::now() > deadline {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                return Err(Error::InUse { dir: dir.into(), pid: pid.trim().into() });
            }
            thread::sleep(POLL);
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).context(|| format!("write {}", path.display()))?;
        Ok(Self(file))
    }
}

/// A shell that waits for our end, see `conf/guard.sh`. It shares the lock, so that the folder stays taken until it is done.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
}

impl Guard {
    /// Watches the engines' folders; with `remove` it also removes `dir` and them in the end.
    pub(crate) fn watch(lock: &Lock, dir: &Path, homes: &[PathBuf], remove: bool) -> Result<Self, Error> {
        let lock = lock.0.try_clone().context(|| "share the folder's lock".into())?;
        let mut command = Command::new("sh");
        command
            .args(["-c", include_str!("../conf/guard.sh"), "guard", if remove { "remove" } else { "keep" }])
            .arg(dir)
            .args(homes)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(lock)
            .stderr(Stdio::null())
            .process_group(0);
        let child = spawn(command).context(|| "start sh".into())?;
        Ok(Self { child })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
