//! Tenant `acme` of the demonstration: invented, and the same at every run.

/// The tenant's name in addresses.
pub(super) const SLUG: &str = "acme";
/// The owner.
pub(super) const LOGIN: &str = "owner@acme.example";
/// The simulated Meta's first number.
pub(super) const PHONE_NUMBER_ID: &str = "15550100001";
/// Its WhatsApp business account.
pub(super) const WABA_ID: &str = "15550200001";
/// Its Instagram account.
pub(super) const INSTAGRAM_ID: &str = "17841400000001";
/// Its page.
pub(super) const PAGE_ID: &str = "15550400001";

/// What a seeded tenant is known by.
pub struct Tenant;
