//! PostgreSQL of the Debian package, in a folder of ours.
//!
//! It refuses to run as root. For root it runs as the package's `postgres` user, whose way to the folder must be open: below a
//! home that only root may enter the data lies in that user's own home instead, under a name made of the folder's.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::engine::{Site, run_step};
use crate::error::Context as _;
use crate::process::{User, leashed, run};
use crate::{Engine, Error};

/// The database that exists from the start.
pub(crate) const DATABASE: &str = "sluice";

/// Creates the cluster the first time and gives the server's command.
pub(crate) fn command(site: &Site, durable: bool) -> Result<Command, Error> {
    let bin = bin()?;
    let user = account()?.map(|account| account.user);
    if !site.home.join("data").exists() {
        create(site, &bin, user, durable)?;
    }
    forget_dead_server(&site.home.join("data"))?;
    let port = format!("port={}", site.port);
    let mut settings = vec![
        port.as_str(),
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=200",
        "shared_buffers=64MB",
        "max_wal_size=256MB",
        "jit=off",
        "timezone=UTC",
        "log_timezone=UTC",
    ];
    if !durable {
        // Commits still reach the page cache before they are answered, so a killed server loses none.
        settings.extend(["fsync=off", "full_page_writes=off"]);
    }
    let mut server = leashed(bin.join("postgres"), user);
    server.current_dir(&site.home).args(["-D", "data"]);
    for setting in settings {
        server.args(["-c", setting]);
    }
    Ok(server)
}

/// `initdb` and the database, under a name that counts only when both are there.
///
/// Whoever reaches the port is trusted: it listens on the loopback interface alone and holds nothing but test data.
fn create(site: &Site, bin: &Path, user: Option<User>, durable: bool) -> Result<(), Error> {
    const PARTIAL: &str = "data.partial";
    site.discard(PARTIAL)?;
    let mut init = leashed(bin.join("initdb"), user);
    init.current_dir(&site.home).args(["-D", PARTIAL, "--username=postgres", "--auth=trust", "--no-instructions"]);
    init.args(["--encoding=UTF8", "--locale=C.UTF-8"]);
    if !durable {
        init.arg("--no-sync");
    }
    run_step(Engine::Postgres, site, init)?;

    let statement = site.home.join("create.sql");
    fs::File::create(&statement)
        .and_then(|mut file| writeln!(file, "CREATE DATABASE {DATABASE};"))
        .and_then(|()| fs::File::open(&statement))
        .map(Stdio::from)
        .context(|| format!("write {}", statement.display()))
        .and_then(|input| {
            let mut single = leashed(bin.join("postgres"), user);
            single.current_dir(&site.home).args(["--single", "-D", PARTIAL, "postgres"]).stdin(input);
            run_step(Engine::Postgres, site, single)
        })?;
    site.rename(PARTIAL, "data")
}

/// Makes another database of the running server at `port`, unless it is there.
pub(crate) fn create_database(port: u16, name: &str) -> Result<(), Error> {
    let client = |program: &str| -> Result<Command, Error> {
        let mut command = Command::new(bin()?.join(program));
        command.args(["--host=127.0.0.1", &format!("--port={port}"), "--username=postgres", "--no-password"]).stdin(Stdio::null());
        Ok(command)
    };
    let mut list = client("psql")?;
    list.args(["--dbname=postgres", "--no-psqlrc", "--tuples-only", "--no-align", "--command=select datname from pg_database"]);
    let list = list.output().context(|| "start psql".into())?;
    if String::from_utf8_lossy(&list.stdout).lines().any(|line| line == name) {
        return Ok(());
    }
    let made = client("createdb")?.arg(name).output().context(|| "start createdb".into())?;
    if made.status.success() {
        return Ok(());
    }
    let detail = String::from_utf8_lossy(&made.stderr).trim().to_owned();
    Err(Error::Answer { what: format!("create the database {name}"), detail })
}

/// Removes the server's own lock when no server works there any more.
///
/// Postgres takes any process of the number in that file for its predecessor: also one that came by the number later, and
/// a zombie, which a killed server stays for ever in a container whose init does not reap.
fn forget_dead_server(data: &Path) -> Result<(), Error> {
    let file = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&file) else { return Ok(()) };
    let pid = text.lines().next().unwrap_or_default();
    // A zombie has no folder either.
    if fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data) {
        return Ok(());
    }
    fs::remove_file(&file).context(|| format!("remove {}", file.display()))
}

/// The newest installed server.
fn bin() -> Result<PathBuf, Error> {
    fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .max()
        .map(|(_, bin)| bin)
        .ok_or_else(|| Error::Missing { what: "PostgreSQL".into() })
}

/// The user the server runs as, with its home.
struct Account {
    user: User,
    home: PathBuf,
}

/// The package's user when we are root; otherwise the server runs as ourselves.
fn account() -> Result<Option<Account>, Error> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").context(|| "read /etc/passwd".into())?;
    parse_account(&users).map(Some).ok_or_else(|| Error::Missing { what: "the user postgres".into() })
}

fn parse_account(users: &str) -> Option<Account> {
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let fields: Vec<&str> = line.split(':').collect();
    let user = User { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? };
    Some(Account { user, home: PathBuf::from(fields.get(5)?) })
}

/// The folder to work in: `dir/postgres`, or one in the server user's home when that user cannot get there.
pub(crate) fn home(dir: &Path, notice: fn(&str)) -> Result<PathBuf, Error> {
    let near = dir.join(Engine::Postgres.name());
    let Some(account) = account()? else {
        create_private(&near)?;
        return Ok(near);
    };
    create_private(&near)?;
    give(&near, account.user)?;
    let mut test = leashed("test", Some(account.user));
    test.arg("-x").arg(&near);
    if run(test).context(|| "start test".into())?.success() {
        return Ok(near);
    }
    let far = account.home.join(far_name(dir));
    adopt(&near, &far, account.user)?;
    notice(&format!("postgres cannot enter {}, so its data lies in {}", near.display(), far.display()));
    Ok(far)
}

/// Removes what a stack left in a folder, wherever it lies.
pub(crate) fn discard_far(dir: &Path) -> Result<(), Error> {
    let Ok(Some(account)) = account() else { return Ok(()) };
    let far = account.home.join(far_name(dir));
    if far.exists() {
        fs::remove_dir_all(&far).context(|| format!("remove {}", far.display()))?;
    }
    Ok(())
}

/// One name for each folder: dashes are doubled before slashes become dashes.
fn far_name(dir: &Path) -> String {
    format!("sluice{}", dir.display().to_string().replace('-', "--").replace('/', "-"))
}

/// Ties the far folder to the near one by a common mark, so that removing the near one alone starts afresh.
fn adopt(near: &Path, far: &Path, user: User) -> Result<(), Error> {
    let mark = |folder: &Path| fs::read_to_string(folder.join("mark")).ok();
    if far.exists() && (mark(far).is_none() || mark(far) != mark(near)) {
        fs::remove_dir_all(far).context(|| format!("remove {}", far.display()))?;
    }
    if !far.exists() {
        create_private(far)?;
        let text = fs::metadata(far).map(|meta| format!("{}.{}", meta.ctime(), meta.ctime_nsec()));
        let text = text.context(|| format!("read {}", far.display()))?;
        for folder in [near, far] {
            fs::write(folder.join("mark"), &text).context(|| format!("write in {}", folder.display()))?;
        }
    }
    give(far, user)
}

fn create_private(folder: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).context(|| format!("create {}", folder.display()))
}

fn give(folder: &Path, user: User) -> Result<(), Error> {
    chown(folder, Some(user.uid), Some(user.gid)).context(|| format!("give {} to postgres", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_folders_have_different_names() {
        assert_eq!(far_name(Path::new("/srv/app")), "sluice-srv-app");
        assert_ne!(far_name(Path::new("/srv/a-b")), far_name(Path::new("/srv/a/b")));
    }

    #[test]
    fn the_server_user_comes_from_the_user_list() {
        let account = parse_account("root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n");
        let account = account.unwrap();
        assert_eq!((account.user.uid, account.user.gid), (101, 104));
        assert!(parse_account("postgresql:x:1:1::/:/bin/sh").is_none());
    }

    #[test]
    fn a_lock_is_removed_unless_its_server_works_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("postmaster.pid");
        fs::write(&file, format!("{}\n", std::process::id())).unwrap();
        forget_dead_server(dir.path()).unwrap();
        assert!(!file.exists());

        let mut server = Command::new("sleep").arg("60").current_dir(dir.path()).spawn().unwrap();
        fs::write(&file, format!("{}\n", server.id())).unwrap();
        forget_dead_server(&dir.path().canonicalize().unwrap()).unwrap();
        let kept = file.exists();
        server.kill().unwrap();
        server.wait().unwrap();
        assert!(kept);
    }

    #[test]
    fn a_far_folder_whose_near_one_was_removed_starts_afresh() {
        let dir = tempfile::tempdir().unwrap();
        let (near, far) = (dir.path().join("near"), dir.path().join("far"));
        let own = fs::metadata(dir.path()).map(|meta| User { uid: meta.uid(), gid: meta.gid() }).unwrap();
        fs::create_dir(&near).unwrap();
        adopt(&near, &far, own).unwrap();
        fs::write(far.join("data"), "kept").unwrap();
        adopt(&near, &far, own).unwrap();
        assert!(far.join("data").exists());
        fs::remove_dir_all(&near).unwrap();
        fs::create_dir(&near).unwrap();
        adopt(&near, &far, own).unwrap();
        assert!(!far.join("data").exists());
    }
}
