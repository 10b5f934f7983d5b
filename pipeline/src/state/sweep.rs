use sluice_schemas::time::Millis;

use super::{Row, View};

/// Rows looked at in one go: some milliseconds.
const ROWS: usize = 10_000;
/// Pause between two goes: 14 million rows a day, so that a table is walked within days however large it is.
const PAUSE_MS: i64 = 60_000;
/// Rest after the last row.
const REST_MS: i64 = 2 * Millis::DAY;

/// A slow walk through a table, again and again, to find the rows that nobody needs any more. Its place is kept in memory alone: a new
/// instance begins anew.
#[derive(Debug, Default)]
pub struct Sweep {
    after: Vec<u8>,
    due: Millis,
}

impl Sweep {
    /// When [`Sweep::next`] has something again.
    pub const fn due(&self) -> Millis {
        self.due
    }

    /// The next rows of `table`, when it is time. They are committed rows: what this transaction changed may differ.
    pub fn next(&mut self, state: &mut View<'_>, table: u8, now: Millis) -> Vec<Row> {
        if now < self.due {
            return Vec::new();
        }
        let rows = state.committed_after(table, &self.after, ROWS);
        let more = rows.last().filter(|_| rows.len() == ROWS);
        self.due = now.plus(if more.is_some() { PAUSE_MS } else { REST_MS });
        self.after = more.map(|(key, _)| key.clone()).unwrap_or_default();
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Changes, Memory, Stores};
    use super::*;

    #[test]
    fn every_row_of_the_table_is_met_and_none_of_its_neighbours() {
        let (mut changes, mut failed) = (Changes::default(), None);
        let mut memory = Memory::default();
        let folder = tempfile::tempdir().expect("folder");
        let store = Stores::open(folder.path()).expect("opens").partition(0).expect("partition");
        let mut view = View::new(&store, &mut changes, &mut failed);
        for n in 0..(ROWS + 5) as u32 {
            view.put(2, &n.to_be_bytes(), b"v");
        }
        view.put(1, b"a", b"v");
        view.put(3, b"a", b"v");
        memory.apply(&changes, 0);
        store.apply(&changes, 0, &super::super::Position::default()).expect("applies");
        changes.clear();
        for read in [&memory as &dyn super::super::Read, &store] {
            let (mut sweep, mut met) = (Sweep::default(), Vec::new());
            for now in [Millis(0), Millis(PAUSE_MS), Millis(PAUSE_MS + REST_MS)] {
                let mut view = View::new(read, &mut changes, &mut failed);
                met.push(sweep.next(&mut view, 2, now).len());
                assert_eq!(sweep.next(&mut view, 2, now).len(), 0, "not before the pause is over");
            }
            assert_eq!(met, [ROWS, 5, ROWS]);
        }
    }
}
