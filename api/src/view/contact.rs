use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Contact {
    /// Phone digits or business-scoped user id.
    pub phone: String,
    /// By name of the column they came in.
    pub attributes: BTreeMap<String, String>,
    /// Sorted.
    pub tags: Vec<String>,
    /// Where the contact agreed to be written to.
    pub consent: Option<String>,
    /// When it was first imported, RFC 3339.
    pub added_at: String,
    /// When it was last changed, RFC 3339.
    pub changed_at: String,
}

/// A part of the contacts by what they are like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Who belongs to it: `tag = vip and not city = Recife`.
    pub expression: String,
    /// How many belong to it now.
    pub contacts: i64,
    /// Who wrote it last.
    pub changed_by: String,
    /// When, RFC 3339.
    pub changed_at: String,
}

/// A file of contacts that was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactImport {
    /// Its id.
    pub id: uuid::Uuid,
    /// Name of the file.
    pub file: String,
    /// Contacts that were new.
    pub added: i64,
    /// Contacts that were known.
    pub changed: i64,
    /// Lines whose telephone number an earlier line had.
    pub duplicates: i64,
    /// Lines that were refused.
    pub refused: i64,
    /// Who imported it.
    pub created_by: String,
    /// When, RFC 3339.
    pub created_at: String,
    /// When it was taken back, RFC 3339.
    pub undone_at: Option<String>,
}
