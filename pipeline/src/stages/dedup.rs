//! Dedup: every fact once, for eight days.
//!
//! Meta resends a POST for seven days (contract §1); the only defence is memory. The key of a fact comes from
//! `meta::parse`; what is stored is a keyed 128-bit hash of tenant and key, exact for any number that fits a disk.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};
use sluice_schemas::ids::TenantId;

use crate::chain::Context;

/// Keys of the hash. Changing them forgets everything, so they are part of the stored format.
const KEYS: (u64, u64) = (0x736c_7569_6365_2064, 0x6564_7570_2076_3100);

/// The hash that dedup remembers.
pub fn hash(tenant: TenantId, key: &str) -> [u8; 16] {
    let mut hasher = SipHasher13::new_with_keys(KEYS.0, KEYS.1);
    hasher.write(tenant.as_bytes());
    hasher.write(key.as_bytes());
    hasher.finish128().as_bytes()
}

/// Whether the fact is new; remembers it.
pub fn is_new(cx: &mut Context<'_>, tenant: TenantId, key: &str) -> bool {
    !cx.state.check_and_set(hash(tenant, key), cx.now)
}
