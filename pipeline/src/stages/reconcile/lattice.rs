//! The order of a message's states. It never goes backwards; `read` implies `delivered`.

use sluice_schemas::record::SendState;

/// The state that a status webhook names (contract §4); `None` for one that says nothing about delivery.
pub fn of_status(status: &str) -> Option<SendState> {
    match status {
        "sent" => Some(SendState::Sent),
        "delivered" => Some(SendState::Delivered),
        "read" => Some(SendState::Read),
        "played" => Some(SendState::Played),
        "failed" => Some(SendState::Failed),
        _ => None,
    }
}

/// How far Meta has carried it; 0 before acceptance.
fn rank(state: SendState) -> u8 {
    match state {
        SendState::Accepted => 1,
        SendState::Sent => 2,
        SendState::Failed => 3,
        SendState::Delivered => 4,
        SendState::Read => 5,
        SendState::Played => 6,
        _ => 0,
    }
}

/// A status moves a message forwards only. `failed` after `sent` counts, after `delivered` it does not; a delivery
/// after `failed` does: the person has it.
pub fn status_may_move(from: SendState, to: SendState) -> bool {
    rank(to) > rank(from)
}

/// The ledger's steps come in order, so that each holds, unless a status has already proven acceptance.
pub fn ledger_may_move(from: SendState, to: SendState) -> bool {
    from != to && rank(from) == 0
}
