use sluice_schemas::command::Fault;

/// Gathers faults, so that all are told at once.
#[derive(Debug, Default)]
pub(in crate::meta) struct Check(pub Vec<Fault>);

impl Check {
    /// A fault of `field`.
    pub fn fault(&mut self, field: &str, detail: impl Into<String>) {
        self.0.push(Fault::new(field, detail));
    }

    /// A fault of `field` unless `holds`.
    pub fn that(&mut self, holds: bool, field: &str, detail: &str) {
        if !holds {
            self.fault(field, detail);
        }
    }

    /// A text of 1 to `most` characters.
    pub fn filled(&mut self, field: &str, text: &str, most: usize) {
        if text.trim().is_empty() {
            self.fault(field, format!("is empty; it needs 1 to {most} characters"));
        } else {
            self.short(field, text, most);
        }
    }

    /// A text of at most `most` characters.
    pub fn short(&mut self, field: &str, text: &str, most: usize) {
        // Bytes are never fewer than characters, so that short texts need no counting.
        if text.len() > most && text.chars().count() > most {
            self.fault(field, format!("has {} characters; at most {most} are allowed", text.chars().count()));
        }
    }

    /// As [`Check::short`], if there is one.
    pub fn perhaps(&mut self, field: &str, text: Option<&str>, most: usize) {
        if let Some(text) = text {
            self.short(field, text, most);
        }
    }

    /// A list of `least` to `most` items.
    pub fn count(&mut self, field: &str, count: usize, least: usize, most: usize) {
        if !(least..=most).contains(&count) {
            self.fault(field, format!("has {count} items; {least} to {most} are allowed"));
        }
    }

    /// An `http` or `https` address.
    pub fn address(&mut self, field: &str, address: &str) {
        let host = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        let fits = host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace));
        self.that(fits, field, "is not a web address; it begins with https:// and has no spaces");
    }

    /// Values that must differ from one another.
    pub fn distinct<'a>(&mut self, field: &str, values: impl Iterator<Item = &'a str>) {
        let mut seen = std::collections::HashSet::new();
        for value in values {
            if !seen.insert(value) {
                self.fault(field, format!("`{value}` is used twice"));
            }
        }
    }
}
