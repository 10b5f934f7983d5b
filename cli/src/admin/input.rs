//! Checks of arguments, secrets from places that no process list shows, and a person's yes.

use std::fs::File;
use std::io::{BufRead as _, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use secrecy::SecretString;

use super::output::notice;
use crate::exit::{DATA, FAILED, Failure};

/// Digits only, as Meta's identifiers are.
pub fn digits(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("give the identifier that Meta shows, digits only".into())
    }
}

/// Something to read.
pub fn filled(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(text.to_owned()) }
}

/// A telephone number in any spelling, as its digits; another identifier of a person as it is.
pub fn person(text: &str) -> Result<String, String> {
    let text = text.trim();
    let number = text.chars().all(|c| c.is_ascii_digit() || "+ -().".contains(c));
    let name: String = if number { text.chars().filter(char::is_ascii_digit).collect() } else { text.to_owned() };
    if name.is_empty() { Err("give a telephone number or a user id".into()) } else { Ok(name) }
}

/// First label of a host name.
pub fn slug(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=63).contains(&text.len()) && text.chars().all(fits) && !text.starts_with('-') && !text.ends_with('-') {
        Ok(text.to_owned())
    } else {
        Err("use up to 63 lower-case letters, digits and hyphens, as in a host name".into())
    }
}

/// Somebody's address.
pub fn email(text: &str) -> Result<String, String> {
    let text = text.trim().to_lowercase();
    match text.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace) => {
            Ok(text)
        }
        _ => Err("give an address, as in ana@example.com".into()),
    }
}

/// An IANA time zone that this machine knows; any name where the machine has no such database.
pub fn time_zone(text: &str) -> Result<String, String> {
    if jiff::tz::TimeZone::get(text).is_ok() || jiff::tz::db().is_definitively_empty() {
        Ok(text.to_owned())
    } else {
        Err("give an IANA time zone, as in America/Sao_Paulo".into())
    }
}

/// A language tag.
pub fn locale(text: &str) -> Result<String, String> {
    let mut parts = text.split('-');
    let language = parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()));
    if language && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())) {
        Ok(text.to_owned())
    } else {
        Err("give a language tag, as in pt-BR".into())
    }
}

/// Two letters of a country.
pub fn country(text: &str) -> Result<String, String> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(text.to_uppercase())
    } else {
        Err("give the country's two letters, as in BR".into())
    }
}

/// A file's bytes; `-` is standard input. One that cannot be read is a failure, not bad data.
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(file).map(|read| bytes = read)
    };
    match read {
        Ok(()) => Ok(bytes),
        Err(e) => Err(Failure { code: FAILED, error: anyhow::Error::new(e).context(format!("{} cannot be read", file.display())) }),
    }
}

/// A file's JSON.
pub fn json<T: serde::de::DeserializeOwned>(file: &Path, bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|e| Failure::data(anyhow!("{}: {e}", file.display())))
}

/// A secret from a variable or a file, never from an argument: every process could read that. `what` names the option in errors.
pub fn secret(what: &str, variable: Option<&str>, file: Option<&PathBuf>) -> Result<Option<SecretString>, Failure> {
    let text = match (variable, file) {
        (Some(name), _) => std::env::var(name).with_context(|| format!("--{what}-env: the variable {name} is not set"))?,
        (None, Some(path)) => {
            String::from_utf8(read(path)?).map_err(|_| Failure::data(anyhow!("--{what}-file: {} is not UTF-8", path.display())))?
        }
        (None, None) => return Ok(None),
    };
    // Files written by editors end in a line break.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Failure { code: DATA, error: anyhow!("--{what}: is empty; put the secret itself in the variable or file") });
    }
    Ok(Some(text.into()))
}

/// Whether to go on after the plan: said beforehand with `--yes`, or now at the terminal. A script that said neither has its plan.
pub fn confirmed(yes: bool) -> Result<bool, Failure> {
    if yes || !std::io::stdin().is_terminal() {
        if !yes {
            notice("that was the plan; say --yes to do it");
        }
        return Ok(yes);
    }
    eprint!("go on? [y/N] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// A file of people; `-` is standard input.
pub fn file(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    Ok(Box::new(File::open(path).with_context(|| format!("--csv: {} cannot be read", path.display()))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn arguments_are_checked_before_anything_is_asked() {
        assert!(slug("acme-2").is_ok());
        for bad in ["", "Acme", "-a", "a-", "a.b", &"a".repeat(64)] {
            assert!(slug(bad).is_err(), "{bad}");
        }
        assert_eq!(email(" Ana@Example.com "), Ok("ana@example.com".into()));
        for bad in ["ana", "@x", "a@", "a@b@c", "a b@c"] {
            assert!(email(bad).is_err(), "{bad}");
        }
        assert!(locale("pt-BR").is_ok() && locale("en").is_ok() && locale("p").is_err() && locale("pt_BR").is_err());
        assert_eq!(country("br"), Ok("BR".into()));
        assert!(country("BRA").is_err());
        assert!(digits("106540352242922").is_ok() && digits("+1555").is_err() && digits("").is_err());
        assert!(time_zone("UTC").is_ok());
    }

    #[test]
    fn a_secret_loses_its_line_break_and_nothing_else() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, " s3cret \r\n").expect("written");
        let read = secret("token", None, Some(&path)).map_err(|f| f.error).expect("reads").expect("is given");
        assert_eq!(read.expose_secret(), " s3cret ");
        std::fs::write(&path, "\n").expect("written");
        assert_eq!(secret("token", None, Some(&path)).err().map(|f| f.code), Some(DATA));
        assert!(secret("token", Some("SLUICE_NO_SUCH_VARIABLE"), None).err().is_some_and(|f| f.error.to_string().contains("--token-env")));
    }
}
