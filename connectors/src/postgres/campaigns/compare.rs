//! Two campaigns side by side, and whether a difference says anything.

use serde::Serialize;

use super::Funnel;

/// Whether a difference is more than chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// One of the four groups would hold fewer than five people: nothing can be said.
    TooFew,
    /// Chance alone gives such a difference more often than once in 20 times.
    Chance,
    /// Chance alone gives it less than once in 20 times.
    Likely,
    /// Chance alone gives it less than once in 100 times.
    VeryLikely,
}

/// One measure of two campaigns: `part` of `whole`, in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// `delivered`, `read`, `answered`, `failed`.
    pub name: &'static str,
    /// Of the first: how many, of how many.
    pub first: (i64, i64),
    /// Of the second.
    pub second: (i64, i64),
    /// What the difference says.
    pub verdict: Verdict,
}

/// A count of a funnel.
type Of = fn(&Funnel) -> i64;

/// What two campaigns can be compared by: shares of what Meta accepted; failures are a share of what was tried.
pub fn compare(first: &Funnel, second: &Funnel) -> Vec<Measure> {
    let delivered = |f: &Funnel| ["delivered", "read", "played"].iter().map(|state| f.count(state)).sum();
    let read = |f: &Funnel| f.count("read") + f.count("played");
    let tried = |f: &Funnel| f.accepted() + f.count("failed");
    let measures: [(&'static str, Of, Of); 4] = [
        ("delivered", delivered, Funnel::accepted),
        ("read", read, Funnel::accepted),
        ("answered", |f| f.answers.values().sum(), Funnel::accepted),
        ("failed", |f| f.count("failed"), tried),
    ];
    let of = |(name, part, whole): (&'static str, Of, Of)| {
        let [first, second] = [first, second].map(|funnel| (part(funnel), whole(funnel)));
        Measure { name, first, second, verdict: verdict(first, second) }
    };
    measures.map(of).into()
}

/// The two-sided z test of two proportions, pooled; its approximation holds from five expected in each of the four groups on.
fn verdict((x1, n1): (i64, i64), (x2, n2): (i64, i64)) -> Verdict {
    let [x1, n1, x2, n2] = [x1, n1, x2, n2].map(|n| n as f64);
    let pooled = (x1 + x2) / (n1 + n2).max(1.0);
    if n1.min(n2) * pooled.min(1.0 - pooled) < 5.0 {
        return Verdict::TooFew;
    }
    let z = (x1 / n1 - x2 / n2).abs() / (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
    match z {
        z if z > 2.576 => Verdict::VeryLikely,
        z if z > 1.960 => Verdict::Likely,
        _ => Verdict::Chance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_z_test_gives_what_textbooks_give() {
        // z = 0 and z = 1.897; then 2.049, and 2.904 of twice as many.
        assert_eq!(verdict((50, 100), (50, 100)), Verdict::Chance);
        assert_eq!(verdict((60, 100), (47, 101)), Verdict::Chance);
        assert_eq!(verdict((60, 100), (46, 101)), Verdict::Likely);
        assert_eq!(verdict((120, 200), (92, 202)), Verdict::VeryLikely);
    }

    #[test]
    fn of_few_people_nothing_is_said() {
        for (first, second) in [((0, 0), (0, 0)), ((3, 4), (0, 4)), ((0, 1_000), (4, 1_000)), ((1_000, 1_000), (1_000, 1_000))] {
            assert_eq!(verdict(first, second), Verdict::TooFew, "{first:?} {second:?}");
        }
    }

    #[test]
    fn shares_are_of_what_meta_accepted_and_failures_of_what_was_tried() {
        let states = [("read", 30), ("delivered", 20), ("accepted", 10), ("failed", 40), ("suppressed", 9)];
        let states = states.map(|(state, n)| (state.to_owned(), n)).into();
        let funnel = Funnel { audience: 109, states, answers: [("Yes".into(), 6), (String::new(), 1)].into(), ..Funnel::default() };
        let firsts: Vec<_> = compare(&funnel, &Funnel::default()).iter().map(|m| (m.name, m.first)).collect();
        assert_eq!(firsts, [("delivered", (50, 60)), ("read", (30, 60)), ("answered", (7, 60)), ("failed", (40, 100))]);
    }
}
