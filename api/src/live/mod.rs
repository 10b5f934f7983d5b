//! What changes while a page is open or an integration listens: a hub fed from Kafka, and the streams that read it.

pub mod cursor;
pub mod event;
pub mod hub;
pub mod replay;

pub use cursor::{Cursor, Position};
pub use event::{Feed, LiveEvent};
pub use hub::Hub;
