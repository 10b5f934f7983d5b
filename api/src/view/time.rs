use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The clock that pages are written by: now, in the tenant's time zone.
#[derive(Debug, Clone)]
pub struct Clock {
    now: Zoned,
}

/// A moment as a page shows it: machine-readable and short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339, UTC.
    pub iso: String,
    /// `14:03` today, `3 Nov, 14:03` this year, `3 Nov 2025` before.
    pub text: String,
}

impl Clock {
    /// A clock that stands at `now`; an unknown zone is UTC.
    pub fn at(now: Timestamp, zone: &str) -> Self {
        Self { now: now.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC)) }
    }

    /// The clock of this moment.
    pub fn now(zone: &str) -> Self {
        Self::at(Timestamp::now(), zone)
    }

    /// Milliseconds since the epoch.
    pub fn millis(&self) -> i64 {
        self.now.timestamp().as_millisecond()
    }

    /// Midnight of this day, in milliseconds since the epoch.
    pub fn midnight(&self) -> i64 {
        self.now.start_of_day().map_or_else(|_| self.millis(), |at| at.timestamp().as_millisecond())
    }

    /// The moment that a date and time without a zone names here, in milliseconds since the epoch.
    pub fn parse(&self, local: &str) -> Option<i64> {
        let local: jiff::civil::DateTime = local.trim().parse().ok()?;
        Some(local.to_zoned(self.now.time_zone().clone()).ok()?.timestamp().as_millisecond())
    }

    /// A moment in words, to the second: `26 Nov 2026, 09:30:00`.
    pub fn words(&self, ms: i64) -> String {
        let at = Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(self.now.time_zone().clone());
        at.strftime("%-d %b %Y, %H:%M:%S").to_string()
    }

    /// How a page shows this moment.
    pub fn moment(&self, at: Timestamp) -> Moment {
        let local = at.to_zoned(self.now.time_zone().clone());
        let format = if local.date() == self.now.date() {
            "%H:%M"
        } else if local.year() == self.now.year() {
            "%-d %b, %H:%M"
        } else {
            "%-d %b %Y"
        };
        Moment { iso: at.to_string(), text: local.strftime(format).to_string() }
    }

    /// This day in words: `Wednesday, 25 November`.
    pub fn day(&self) -> String {
        self.now.strftime("%A, %-d %B").to_string()
    }

    /// A `<time>` element for an RFC 3339 time of ours. Anything else is not shown, so that nothing unescaped can pass.
    pub fn iso(&self, at: &str) -> String {
        at.parse::<Timestamp>().map_or_else(
            |_| String::new(),
            |at| {
                let moment = self.moment(at);
                format!("<time datetime=\"{}\" title=\"{}\">{}</time>", moment.iso, moment.iso, moment.text)
            },
        )
    }
}

/// A length of time in words, rounded to what one plans by: `45 s`, `12 min`, `3 h 20 min`, `2 days`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as i64;
    let minutes = (seconds + 30) / 60;
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=7_199 => format!("{minutes} min"),
        7_200..=172_799 => {
            let (hours, minutes) = (minutes / 60, minutes % 60);
            if minutes == 0 { format!("{hours} h") } else { format!("{hours} h {minutes} min") }
        }
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_as_short_as_it_can_be() {
        let clock = Clock::at("2026-11-03T14:00:00Z".parse().expect("time"), "America/Sao_Paulo");
        let text = |at: &str| clock.moment(at.parse().expect("time")).text;
        assert_eq!(text("2026-11-03T13:05:00Z"), "10:05");
        assert_eq!(text("2026-11-03T01:05:00Z"), "2 Nov, 22:05");
        assert_eq!(text("2025-02-03T13:05:00Z"), "3 Feb 2025");
        assert_eq!(clock.midnight(), 1_793_674_800_000);
    }

    #[test]
    fn durations_are_what_one_plans_by() {
        assert_eq!([0.4, 89.0, 600.0, 7_260.0, 200_000.0].map(duration), ["0 s", "89 s", "10 min", "2 h 1 min", "2 days"]);
    }
}
