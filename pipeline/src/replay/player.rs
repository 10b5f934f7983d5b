//! A chain to which the past happens again: its own state, in memory, and nothing outside.

use sluice_schemas::codec::Codecs;
use sluice_schemas::record::Journal;

use super::{Error, Make, Source, Turn};
use crate::cell::Cell;
use crate::chain::Emit;
use crate::state::{Changes, Memory};
use crate::topology::Role;

/// One partition of a chain with private state.
pub struct Player<'a> {
    role: &'static Role,
    partition: i32,
    codecs: Codecs,
    make: &'a Make,
    state: Memory,
    cell: Cell,
    last: Journal,
}

impl<'a> Player<'a> {
    /// A chain that has seen nothing yet.
    pub fn new(source: &Source, make: &'a Make) -> Result<Self, Error> {
        Self::revive(source.role, source.partition, &source.codecs, make, Memory::default(), Journal::default())
    }

    fn revive(role: &'static Role, partition: i32, codecs: &Codecs, make: &'a Make, state: Memory, last: Journal) -> Result<Self, Error> {
        let cell = Cell::revive(role, partition, codecs, make(), &state, &last)?;
        Ok(Self { role, partition, codecs: codecs.clone(), make, state, cell, last })
    }

    /// Another chain that has the same behind it as this one after its last transaction.
    pub fn fork(&self) -> Result<Self, Error> {
        Self::revive(self.role, self.partition, &self.codecs, self.make, self.state.clone(), self.last.clone())
    }

    /// Lets it happen; returns what the chain writes.
    pub fn take(&mut self, turn: Turn<'_>) -> Result<&[Emit], Error> {
        match turn {
            Turn::Loaded(rebuilt) => {
                if rebuilt {
                    self.last.build.clear();
                }
                self.cell = Cell::revive(self.role, self.partition, &self.codecs, (self.make)(), &self.state, &self.last)?;
                return Ok(&[]);
            }
            Turn::Record { input, incoming, wall, .. } => drop(self.cell.record(&self.state, input, &incoming, wall)?),
            Turn::Tick(at) => self.cell.tick(&self.state, at)?,
        }
        Ok(self.cell.outputs())
    }

    /// What changed since the last commit.
    pub const fn changes(&self) -> &Changes {
        self.cell.changes()
    }

    /// Ends the transaction.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.last = self.cell.seal();
        self.state.apply(self.cell.changes(), self.cell.day());
        Ok(self.cell.committed(&self.state)?)
    }
}
