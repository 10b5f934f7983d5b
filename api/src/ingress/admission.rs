use std::sync::Arc;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;

/// Bytes of bodies that may be in work at a time. Nobody waits for them: a queue in front of a full ingress would only
/// move the memory, and Meta's own retry is the better queue.
pub(super) struct Budget {
    bytes: Arc<Semaphore>,
    gauge: IntGauge,
}

impl Budget {
    pub(super) fn new(bytes: usize, gauge: IntGauge) -> Self {
        Self { bytes: Arc::new(Semaphore::new(bytes)), gauge }
    }

    /// Takes `bytes`, or refuses at once.
    pub(super) fn reserve(&self, bytes: usize) -> Result<Reservation, Refusal> {
        let permit = self.take(bytes)?;
        self.gauge.add(bytes as i64);
        Ok(Reservation { permit, gauge: self.gauge.clone() })
    }

    /// Takes what `reservation` lacks to cover `bytes`.
    pub(super) fn cover(&self, reservation: &mut Reservation, bytes: usize) -> Result<(), Refusal> {
        let lacking = bytes.saturating_sub(reservation.permit.num_permits());
        if lacking > 0 {
            reservation.permit.merge(self.take(lacking)?);
            self.gauge.add(lacking as i64);
        }
        Ok(())
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let bytes = u32::try_from(bytes).map_err(|_| Refusal::Overloaded)?;
        Arc::clone(&self.bytes).try_acquire_many_owned(bytes).map_err(|_| Refusal::Overloaded)
    }
}

/// Bytes taken from the budget; given back when dropped.
pub(super) struct Reservation {
    permit: OwnedSemaphorePermit,
    gauge: IntGauge,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.gauge.sub(self.permit.num_permits() as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_refused_beyond_the_bound_and_come_back() {
        let gauge = IntGauge::new("bytes", "in flight").expect("valid");
        let budget = Budget::new(10, gauge.clone());
        let mut first = budget.reserve(6).expect("fits");
        assert!(budget.reserve(5).is_err());
        budget.cover(&mut first, 9).expect("fits");
        assert!(budget.cover(&mut first, 11).is_err());
        assert_eq!(gauge.get(), 9);
        drop(first);
        assert_eq!(gauge.get(), 0);
        assert!(budget.reserve(10).is_ok());
    }
}
