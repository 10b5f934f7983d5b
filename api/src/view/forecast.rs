use serde::Serialize;
use utoipa::ToSchema;

/// What messages to one country cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cost {
    /// ISO 3166, or `unknown` where a recipient's number does not tell.
    pub country: String,
    /// Messages.
    pub messages: i64,
    /// All of them; null without a price.
    pub amount: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
}

/// Recipients whom a campaign would pass over for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PassedOver {
    /// Why, in words.
    pub reason: String,
    /// Recipients.
    pub n: i64,
}

/// A moment of a forecast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Point {
    /// RFC 3339.
    pub at: String,
    /// Messages that have left by then.
    pub sent: i64,
}

/// How a campaign would go. Nothing is sent for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Forecast {
    /// Recipients that are still to come.
    pub recipients: i64,
    /// Messages that would leave.
    pub messages: i64,
    /// Whom it passes over.
    pub passed_over: Vec<PassedOver>,
    /// RFC 3339.
    pub starts_at: String,
    /// When its last message leaves, RFC 3339.
    pub finishes_at: String,
    /// Seconds from start to finish.
    pub seconds: i64,
    /// Seconds after the moment that was asked for; 0 in time, null when none was.
    pub late_by_seconds: Option<i64>,
    /// The number's messages per second, of which campaigns use 80 %.
    pub messages_per_second: i64,
    /// What the messages cost by country, the dearest first.
    pub costs: Vec<Cost>,
    /// The sum in each currency, as `12.5 USD`.
    pub sums: Vec<String>,
    /// What makes it slower, or holds it, in words.
    pub remarks: Vec<String>,
    /// At most 101 points.
    pub curve: Vec<Point>,
}

impl Forecast {
    /// The curve as the points of a polyline in a picture of 1000 by 200, from its beginning.
    pub fn line(&self) -> String {
        let Some((start, end)) = self.span() else { return String::new() };
        let x = |at: i64| (at - start) as f64 * 1_000.0 / (end - start).max(1) as f64;
        let y = |sent: i64| 200.0 - sent as f64 * 200.0 / self.messages.max(1) as f64;
        let points = self.curve.iter().filter_map(|point| Some(format!("{:.1},{:.1}", x(millis(&point.at)?), y(point.sent))));
        std::iter::once("0,200".to_owned()).chain(points).collect::<Vec<_>>().join(" ")
    }

    fn span(&self) -> Option<(i64, i64)> {
        Some((millis(&self.starts_at)?, millis(&self.finishes_at)?))
    }

    /// How much too late it would be, in words; none in time, or without a moment.
    pub fn late(&self) -> Option<String> {
        self.late_by_seconds.filter(|late| *late > 0).map(|late| super::duration(late as f64))
    }

    /// From start to finish in words.
    pub fn takes(&self) -> String {
        super::duration(self.seconds as f64)
    }
}

fn millis(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_begins_with_nobody_and_ends_with_everybody() {
        let point = |second: u8, sent| Point { at: format!("2026-11-27T10:00:{second:02}Z"), sent };
        let forecast = Forecast {
            recipients: 100,
            messages: 100,
            passed_over: Vec::new(),
            starts_at: "2026-11-27T10:00:00Z".into(),
            finishes_at: "2026-11-27T10:00:20Z".into(),
            seconds: 20,
            late_by_seconds: Some(0),
            messages_per_second: 5,
            costs: Vec::new(),
            sums: Vec::new(),
            remarks: Vec::new(),
            curve: vec![point(5, 25), point(20, 100)],
        };
        assert_eq!(forecast.line(), "0,200 250.0,150.0 1000.0,0.0");
        assert_eq!((forecast.takes().as_str(), forecast.late()), ("20 s", None));
        assert_eq!(Forecast { late_by_seconds: Some(90), ..forecast }.late().as_deref(), Some(super::super::duration(90.0).as_str()));
    }
}
