//! Channels: what each can carry, within which limits, and the request that carries it. Another channel is another file here and a
//! line in [`CHANNELS`].

mod check;
mod page;
mod whatsapp;

use serde_json::{Map, Value};
use sluice_schemas::command::{Command, Fault};

use super::Options;

pub(in crate::meta) use check::Check;
pub use page::{INSTAGRAM, MESSENGER};
pub use whatsapp::WHATSAPP;

/// One way to reach people.
pub trait Channel: Sync {
    /// Name, as records carry it.
    fn name(&self) -> &'static str;

    /// Base address of its API.
    fn base<'a>(&self, options: &'a Options) -> &'a str;

    /// What is wrong with sending `command` to `to`, each fault with its field and limit; empty when nothing is.
    fn check(&self, to: &str, command: &Command) -> Vec<Fault>;

    /// Whether `command` may leave after the 24 h window has closed (contract §8, §10).
    fn outside_window(&self, command: &Command) -> bool;

    /// The body of the request, with `callback` where the channel returns it.
    fn render(&self, to: &str, command: &Command, callback: &str) -> Map<String, Value>;
}

/// Every channel.
pub const CHANNELS: [&dyn Channel; 3] = [&WHATSAPP, &INSTAGRAM, &MESSENGER];

/// The channel of this name.
pub fn channel(name: &str) -> Option<&'static dyn Channel> {
    CHANNELS.into_iter().find(|channel| channel.name() == name)
}

/// A request that is ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The JSON body.
    pub body: String,
    /// Whether the answer brings no message id, since the customer gets no message.
    pub mark: bool,
}

/// Why a command cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such channel.
    #[error("`{0}` is not a channel")]
    Channel(String),
    /// It cannot be read, or the channel cannot carry it.
    #[error("the message cannot be sent: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Command(Vec<Fault>),
}

/// The request that sends `command` (the JSON of a record) to `to`. What cannot be read, or what the channel would lose, is refused;
/// limits are left to the API: a record that is already queued gets its answer there.
pub fn render(name: &str, to: &str, command: &str, callback: &str) -> Result<Rendered, Error> {
    let channel = channel(name).ok_or_else(|| Error::Channel(name.to_owned()))?;
    let command = Command::from_json(command).map_err(Error::Command)?;
    let unfit: Vec<Fault> = channel.check(to, &command).into_iter().filter(|fault| fault.field == "type").collect();
    if !unfit.is_empty() {
        return Err(Error::Command(unfit));
    }
    let mark =
        matches!(command.content, sluice_schemas::command::Content::Read(_)) || (name != "whatsapp" && !command.content.is_message());
    Ok(Rendered { body: Value::Object(channel.render(to, &command, callback)).to_string(), mark })
}

#[cfg(test)]
mod tests;
