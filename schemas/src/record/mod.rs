//! The Rust type of every topic's record; `avsc/<name>.avsc` is its schema and the source of truth for its fields.
//!
//! Field order is the schema's: the fast codec then writes without buffering. `…_ms` is milliseconds since the epoch.

/// An enum that records carry as its name: text evolves where an Avro enum would break older readers.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$vdoc])* $variant),+ }

        impl $type {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name used in records, SQL, metrics and pages.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The value of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.name())
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Self::from_name(&name).ok_or_else(|| serde::de::Error::unknown_variant(&name, &[$($name),+]))
            }
        }
    };
}

mod campaign;
mod configuration;
mod conversation;
mod dead_letter;
mod event;
mod hold;
mod journal;
mod opt_out;
mod send;
mod state;

pub use campaign::{Control, ControlState, Demand};
pub use configuration::Config;
pub use conversation::{Command, Conversation, Quote};
pub use dead_letter::{DeadLetter, Failure, Header, Original, owner};
pub use event::{Event, RawEvent};
pub use hold::{Hold, HoldScope};
pub use journal::{InputOffset, Journal, Run};
pub use opt_out::{OptOut, OptOutSource};
pub use send::{Claim, Lane, LedgerEntry, Message, Outbound, Outcome, SendResult, SendState};
pub use state::{EarlyStatus, StateCampaign, StateEarly, StateMessage, StateSend};

/// A type that is the record of some schema.
pub trait Record: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static {
    /// The schema's name: `avsc/<NAME>.avsc`, subject `<NAME>`.
    const NAME: &'static str;
    /// The schema's text.
    const SCHEMA: &'static str;
}

macro_rules! records {
    ($($type:ident = $name:literal),+ $(,)?) => {
        $(impl Record for $type {
            const NAME: &'static str = $name;
            const SCHEMA: &'static str = include_str!(concat!("../../avsc/", $name, ".avsc"));
        })+
        /// Every schema as (name, text), in the order of the data flow.
        pub const SCHEMAS: &[(&str, &str)] = &[$(($name, $type::SCHEMA)),+];
    };
}

records! {
    RawEvent = "raw_event",
    Event = "event",
    DeadLetter = "dead_letter",
    Conversation = "conversation",
    Quote = "quote",
    Command = "command",
    Outbound = "outbound",
    Claim = "claim",
    SendResult = "send_result",
    LedgerEntry = "ledger_entry",
    Message = "message",
    Control = "control",
    Demand = "demand",
    Hold = "hold",
    OptOut = "opt_out",
    Config = "config",
    Journal = "journal",
    StateSend = "state_send",
    StateCampaign = "state_campaign",
    StateMessage = "state_message",
    StateEarly = "state_early",
}
