//! Who is asking: a person with a session cookie (console) or a program with a bearer token (API), and what they may do.

pub mod password;
pub mod secret;
pub mod session;
pub mod throttle;
pub mod token;

use sluice_schemas::ids::TenantId;
use uuid::Uuid;

use crate::Error;

/// What a user or token may do; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Conversations.
    Agent,
    /// Campaigns and approvals.
    Admin,
    /// As admin; the tenant's own.
    Owner,
    /// Whoever runs sluice.
    SystemAdmin,
}

impl Role {
    /// The role of this name in the tables.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "agent" => Some(Self::Agent),
            "admin" => Some(Self::Admin),
            "owner" => Some(Self::Owner),
            "system_admin" => Some(Self::SystemAdmin),
            _ => None,
        }
    }

    /// The word on pages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Admin => "admin",
            Self::Owner => "owner",
            Self::SystemAdmin => "system admin",
        }
    }
}

/// Whoever asks.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Tenant they belong to: the only one they see.
    pub tenant: TenantId,
    /// Their user; `None` for a token.
    pub user: Option<Uuid>,
    /// Email of a user, `token:<name>` of a token: what records and the audit log carry.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

impl Actor {
    /// Refuses whoever has less than `role`.
    pub fn require(&self, role: Role, to: &str) -> Result<(), Error> {
        if self.role >= role {
            return Ok(());
        }
        Err(Error::Forbidden(format!("to {to} takes the role {} or above; you are {}", role.label(), self.role.label())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_includes_the_ones_below_it_and_no_other() {
        let actor = |role| Actor { tenant: TenantId::UNKNOWN, user: None, name: "ana@example.com".into(), role };
        assert!(actor(Role::Owner).require(Role::Admin, "approve").is_ok());
        let refused = actor(Role::Agent).require(Role::Admin, "approve").expect_err("refused");
        assert_eq!(refused.to_string(), "to approve takes the role admin or above; you are agent");
    }
}
