//! When a campaign may send: hours of the recipient's day, by the time zone that the telephone number tells.
//!
//! Where a country has several zones and the number does not say which, the hours must be open in all of them, so that nobody is
//! woken; should they never be, the country's main zone counts alone. Daylight saving follows the zones' rules.

mod zones;

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::civil::{Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan as _};

use crate::time::Millis;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
/// Openings looked at: far more than a change of clocks makes necessary.
const TRIES: usize = 64;

/// The rules that this build was made with, and not those of the machine: a replay must find the same hours.
static RULES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Hours of a day, and on which days: `09:00-20:00`, `09:00-20:00 mon,tue,wed,thu,fri`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    from: Time,
    to: Time,
    /// By the order of [`DAYS`].
    days: [bool; 7],
}

/// What is wrong with a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not as it is written.
    #[error("`{0}` is no window: write it as in `09:00-20:00` or `09:00-20:00 mon,tue,wed,thu,fri`")]
    Shape(String),
    /// It ends before it begins.
    #[error("the window {0} never opens: its end must be later on the same day than its beginning")]
    Never(String),
}

impl FromStr for Window {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let shape = || Fault::Shape(text.to_owned());
        let (hours, days) = text.trim().split_once(' ').map_or((text.trim(), None), |(hours, days)| (hours, Some(days.trim())));
        let (from, to) = hours.split_once('-').ok_or_else(shape)?;
        let (from, to) = (hour(from).ok_or_else(shape)?, hour(to).ok_or_else(shape)?);
        if to <= from {
            return Err(Fault::Never(text.to_owned()));
        }
        let mut open = [days.is_none(); 7];
        for name in days.into_iter().flat_map(|days| days.split(',')) {
            let index = DAYS.iter().position(|(day, _)| name.trim().eq_ignore_ascii_case(day)).ok_or_else(shape)?;
            open[index] = true;
        }
        Ok(Self { from, to, days: open })
    }
}

/// `09:00`; `24:00` is the day's last moment.
fn hour(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    if minute.len() != 2 || hour.len() > 2 {
        return None;
    }
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    if (hour, minute) == (24, 0) { Some(Time::MAX) } else { Time::new(hour, minute, 0, 0).ok() }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hour = |time: Time| if time == Time::MAX { "24:00".to_owned() } else { format!("{:02}:{:02}", time.hour(), time.minute()) };
        write!(f, "{}-{}", hour(self.from), hour(self.to))?;
        if self.days != [true; 7] {
            let days: Vec<&str> = DAYS.iter().zip(self.days).filter(|(_, open)| *open).map(|((day, _), _)| *day).collect();
            write!(f, " {}", days.join(","))?;
        }
        Ok(())
    }
}

impl Window {
    /// When a message to this recipient may go at the earliest: `now`, if the window is open.
    pub fn opens(&self, now: Millis, recipient: &str) -> Millis {
        let zones: Vec<TimeZone> = zones::of(recipient).iter().filter_map(|name| RULES.get(name).ok()).collect();
        let zones = if zones.is_empty() { vec![TimeZone::UTC] } else { zones };
        self.first(now, &zones).unwrap_or(now)
    }

    fn first(&self, now: Millis, zones: &[TimeZone]) -> Option<Millis> {
        let mut at = Timestamp::from_millisecond(now.0).ok()?;
        for _ in 0..TRIES {
            // Asked for each moment: a change of clocks may bring zones together, or apart. Whoever were to wait for that waited for months.
            let zones = if self.is_apart(at, zones) { &zones[..1] } else { zones };
            let next = zones.iter().filter_map(|zone| self.next(at, zone)).max()?;
            if next <= at {
                // Rounded up: a fraction of a millisecond earlier it is closed.
                return Some(Millis(next.as_millisecond().max(now.0)));
            }
            at = next;
        }
        None
    }

    /// Whether the clocks of these zones now lie so far apart that it is never open in all of them at once: the main zone decides.
    fn is_apart(&self, at: Timestamp, zones: &[TimeZone]) -> bool {
        let offsets = || zones.iter().map(|zone| zone.to_offset(at).seconds());
        let spread = offsets().max().unwrap_or_default() - offsets().min().unwrap_or_default();
        i64::from(spread) >= self.from.duration_until(self.to).as_secs()
    }

    /// The first moment from `at` on at which it is open in this zone.
    fn next(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let here = at.to_zoned(zone.clone());
        let mut date = here.date();
        for ahead in 0..=7 {
            let open = DAYS.iter().position(|(_, day)| *day == date.weekday()).is_some_and(|index| self.days[index]);
            if open && (ahead > 0 || here.time() < self.to) {
                if ahead == 0 && here.time() >= self.from {
                    return Some(at);
                }
                // A time that daylight saving skips opens right behind the gap.
                return date.to_datetime(self.from).to_zoned(zone.clone()).ok().map(|opening| opening.timestamp());
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Millis {
        Millis(text.parse::<Timestamp>().expect("a moment").as_millisecond())
    }

    fn opens(window: &str, now: &str, to: &str) -> String {
        window.parse::<Window>().expect("a window").opens(at(now), to).to_string()
    }

    #[test]
    fn hours_are_those_of_the_recipient() {
        // São Paulo is UTC-3, Berlin UTC+1 in winter and +2 in summer.
        for (now, to, open) in [
            ("2026-11-25T11:59:00Z", "5511955501234", "2026-11-25T12:00:00Z"),
            ("2026-11-25T12:00:00Z", "5511955501234", "2026-11-25T12:00:00Z"),
            ("2026-11-25T22:59:59Z", "5511955501234", "2026-11-25T22:59:59Z"),
            ("2026-11-25T23:00:00Z", "5511955501234", "2026-11-26T12:00:00Z"),
            ("2026-11-25T12:30:00Z", "5592955501234", "2026-11-25T13:00:00Z"),
            ("2026-01-10T07:00:00Z", "4915550101234", "2026-01-10T08:00:00Z"),
            ("2026-07-10T06:00:00Z", "4915550101234", "2026-07-10T07:00:00Z"),
        ] {
            assert_eq!(opens("09:00-20:00", now, to), open, "{now} to {to}");
        }
    }

    #[test]
    fn days_are_those_of_the_recipient() {
        // Friday evening in Berlin: Monday morning.
        assert_eq!(opens("09:00-20:00 mon,tue,wed,thu,fri", "2026-11-27T20:30:00Z", "4915550101234"), "2026-11-30T08:00:00Z");
        // In Auckland it is Monday while it is Sunday in UTC.
        assert_eq!(opens("09:00-20:00 mon", "2026-11-29T21:00:00Z", "64215550123"), "2026-11-29T21:00:00Z");
    }

    #[test]
    fn a_country_of_several_zones_is_open_when_all_of_it_is() {
        // 9 o'clock in Los Angeles is 12 o'clock in New York.
        assert_eq!(opens("09:00-20:00", "2026-11-25T14:00:00Z", "12125550123"), "2026-11-25T17:00:00Z");
        assert_eq!(opens("09:00-20:00", "2026-11-25T14:00:00Z", "18085550123"), "2026-11-25T19:00:00Z", "Hawaii has a code of its own");
        // Two hours are never the same in Kaliningrad and Kamchatka: Moscow decides.
        assert_eq!(opens("09:00-11:00", "2026-11-25T00:00:00Z", "79955501234"), "2026-11-25T06:00:00Z");
    }

    #[test]
    fn nobody_waits_for_the_day_on_which_clocks_change() {
        // Three hours are never open at once in Cancún and Tijuana before summer, when one of them moves its clocks: Mexico City decides.
        assert_eq!(opens("00:00-03:00 mon,wed,sat", "2028-12-27T21:00:00Z", "5215555010123"), "2028-12-30T06:00:00Z");
    }

    #[test]
    fn the_hour_that_daylight_saving_skips_is_no_trap() {
        // In Berlin 02:30 does not exist on the 29th of March 2026.
        assert_eq!(opens("02:30-04:00", "2026-03-29T00:00:00Z", "4915550101234"), "2026-03-29T01:30:00Z");
        assert_eq!(opens("02:30-04:00", "2026-10-25T00:45:00Z", "4915550101234"), "2026-10-25T00:45:00Z");
    }

    #[test]
    fn a_window_is_written_as_it_is_read_and_a_wrong_one_says_how() {
        for text in ["09:00-20:00", "00:00-24:00", "09:30-18:15 mon,fri"] {
            assert_eq!(text.parse::<Window>().expect(text).to_string(), text);
        }
        for text in ["", "9-20", "09:00", "09:00-25:00", "09:00-20:00 noday", "09:00-20:00 ", "09:61-20:00"] {
            match text.parse::<Window>() {
                Err(Fault::Shape(_)) => {}
                other => assert!(text.ends_with(' ') && other.is_ok(), "{text}: {other:?}"),
            }
        }
        for text in ["20:00-09:00", "09:00-09:00"] {
            assert!(matches!(text.parse::<Window>(), Err(Fault::Never(_))), "{text}");
        }
    }

    #[test]
    fn nobodys_number_has_the_hours_of_utc() {
        assert_eq!(opens("09:00-20:00", "2026-11-25T08:00:00Z", "US.1355550123"), "2026-11-25T09:00:00Z");
    }

    proptest! {
        /// Whatever the moment and the number: it opens within a week or so, is open then, and an open window stays where it is.
        #[test]
        fn a_window_opens_and_is_open_then(ms in 1_700_000_000_000_i64..1_900_000_000_000, to in "[1-9][0-9]{9,13}", from in 0_u8..20, length in 1_u8..4) {
            let window: Window = format!("{from:02}:00-{:02}:00 mon,wed,sat", from + length).parse().expect("a window");
            let opening = window.opens(Millis(ms), &to);
            prop_assert!(opening.0 >= ms && opening.0 - ms <= 8 * Millis::DAY, "{}", opening.0 - ms);
            prop_assert_eq!(window.opens(opening, &to), opening);
        }
    }
}
