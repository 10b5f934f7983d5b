//! Keyset cursors of lists: a moment and an id, so that a page costs the same wherever it is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::Error;

/// `?cursor=&limit=`
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows of a page, 1 to 200; 50 when left out.
    pub limit: Option<i64>,
}

/// Where a page begins: behind this row.
pub type Place = (Timestamp, Uuid);

impl Paging {
    /// Rows of a page.
    pub fn limit(&self) -> Result<i64, Error> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=200 => Ok(limit),
            other => Err(Error::field("limit", format!("`limit` is {other}; use 1 to 200"))),
        }
    }

    /// Where it begins, in lists ordered by a moment and an id; `None` for the first page.
    pub fn place(&self) -> Result<Option<Place>, Error> {
        let Some((at, id)) = self.parts()? else { return Ok(None) };
        let place = || Some((Timestamp::from_microsecond(at).ok()?, id.parse().ok()?));
        place().map(Some).ok_or_else(wrong)
    }

    /// The number and the text that a cursor holds; `None` for the first page.
    pub fn parts(&self) -> Result<Option<(i64, String)>, Error> {
        let Some(text) = self.cursor.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let parts = || {
            let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (at, id) = plain.split_once('/')?;
            Some((at.parse().ok()?, id.to_owned()))
        };
        parts().map(Some).ok_or_else(wrong)
    }
}

pub(super) fn wrong() -> Error {
    Error::field("cursor", "`cursor` is not one of ours; send `next_cursor` unchanged")
}

/// The cursor that continues behind `place`. Postgres keeps microseconds, so they are enough.
pub fn cursor((at, id): Place) -> String {
    encode(at.as_microsecond(), &id.to_string())
}

/// The cursor of a number and a text.
pub fn encode(at: i64, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{at}/{id}"))
}

/// Cuts `rows`, fetched with one more than `limit`, to a page, and gives the cursor of the next one.
pub fn page<R>(mut rows: Vec<R>, limit: i64, place: impl Fn(&R) -> Place) -> (Vec<R>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(1);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| cursor(place(row)));
    (rows, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back(micros in 0i64..4_000_000_000_000_000, id in any::<u128>()) {
            let place = (Timestamp::from_microsecond(micros).expect("in range"), Uuid::from_u128(id));
            let paging = Paging { cursor: Some(cursor(place)), limit: None };
            prop_assert_eq!(paging.place().expect("parses"), Some(place));
        }

        #[test]
        fn no_cursor_panics(text in ".*") {
            let _ = Paging { cursor: Some(text), limit: None }.place();
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let row = |n| (Timestamp::UNIX_EPOCH, Uuid::from_u128(n));
        assert_eq!(page(vec![row(1), row(2)], 2, |r| *r).1, None);
        let (rows, next) = page(vec![row(1), row(2), row(3)], 2, |r| *r);
        assert_eq!((rows.len(), next), (2, Some(cursor(row(2)))));
    }

    #[test]
    fn a_limit_is_bounded() {
        assert!(Paging { limit: Some(0), ..Paging::default() }.limit().is_err());
        assert!(Paging { limit: Some(201), ..Paging::default() }.limit().is_err());
    }
}
