use serde::Serialize;
use sluice_connectors::meta::template::Preview;
use utoipa::ToSchema;

/// What a recipient of a campaign would see.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Trial {
    /// Phone digits or business-scoped user id.
    pub recipient: String,
    /// The message; null when it cannot be made.
    pub preview: Option<Preview>,
    /// Why it cannot be made.
    pub fault: Option<String>,
}
