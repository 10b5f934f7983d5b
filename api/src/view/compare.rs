use serde::Serialize;
use utoipa::ToSchema;

use super::{Campaign, campaign::share};

/// Whether a difference is more than chance (z test of two proportions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Of fewer than five people nothing can be said.
    TooFew,
    /// Chance alone gives such a difference more often than once in 20 times.
    Chance,
    /// Chance alone gives it less than once in 20 times.
    Likely,
    /// Chance alone gives it less than once in 100 times.
    VeryLikely,
}

impl Verdict {
    /// Words on pages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooFew => "too few to tell",
            Self::Chance => "may be chance",
            Self::Likely => "hardly chance (1 in 20)",
            Self::VeryLikely => "not chance (1 in 100)",
        }
    }

    /// Class of its tag.
    pub const fn tone(self) -> &'static str {
        match self {
            Self::TooFew | Self::Chance => "",
            Self::Likely | Self::VeryLikely => "good",
        }
    }
}

/// A part of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// Messages of this kind.
    pub n: i64,
    /// Of so many.
    pub of: i64,
}

impl Part {
    /// In per cent.
    pub fn share(&self) -> String {
        share(self.n, self.of)
    }
}

/// One measure of two campaigns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Measure {
    /// `delivered`, `read`, `answered`: of what Meta accepted; `failed`: of what was tried.
    pub name: String,
    /// Of the first campaign.
    pub first: Part,
    /// Of the second one.
    pub second: Part,
    /// What the difference says.
    pub verdict: Verdict,
}

/// Two campaigns side by side.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Comparison {
    /// The first.
    pub first: Campaign,
    /// The second.
    pub second: Campaign,
    /// Measure by measure.
    pub measures: Vec<Measure>,
}

impl Comparison {
    /// Both campaigns.
    pub const fn both(&self) -> [&Campaign; 2] {
        [&self.first, &self.second]
    }
}
