//! The callback data that ties a status webhook to the attempt it is about: `v1.keyid.send_id.attempt.mac`.
//!
//! Meta returns `biz_opaque_callback_data` in every status (contract §4). It settles a send whose answer was lost, so it is
//! authenticated: a MAC over account, send id and attempt; a foreign or forged one is ignored and counted.

use aws_lc_rs::hmac;
use sluice_schemas::ids::SendId;

/// Keys by id; the first signs, all verify, so that a rotation loses no status (they come for up to 38 days).
#[derive(Clone)]
pub struct Keys(Vec<(String, hmac::Key)>);

impl Keys {
    /// Keys as (id of at most 8 characters without a dot, secret). At least one.
    pub fn new(keys: &[(String, Vec<u8>)]) -> Option<Self> {
        let fit = |id: &str| !id.is_empty() && id.len() <= 8 && !id.contains('.');
        if keys.is_empty() || !keys.iter().all(|(id, _)| fit(id)) {
            return None;
        }
        Some(Self(keys.iter().map(|(id, secret)| (id.clone(), hmac::Key::new(hmac::HMAC_SHA256, secret))).collect()))
    }

    /// The callback data of an attempt; at most 96 characters.
    pub fn sign(&self, account: &str, send_id: SendId, attempt: i32) -> String {
        let (id, key) = &self.0[0];
        let tag = hmac::sign(key, message(account, send_id, attempt).as_bytes());
        format!("v1.{id}.{}.{attempt}.{}", send_id.0.simple(), hex::encode(&tag.as_ref()[..16]))
    }

    /// The send and attempt, if the data is ours and about `account`.
    pub fn verify(&self, account: &str, data: &str) -> Option<(SendId, i32)> {
        let mut parts = data.split('.');
        let (version, id, send_id, attempt, mac) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "v1" || parts.next().is_some() {
            return None;
        }
        let (_, key) = self.0.iter().find(|(known, _)| known == id)?;
        let (send_id, attempt) = (send_id.parse::<SendId>().ok()?, attempt.parse::<i32>().ok()?);
        let expected = hmac::sign(key, message(account, send_id, attempt).as_bytes());
        let given = hex::decode(mac).ok()?;
        bool::from(subtle::ConstantTimeEq::ct_eq(&expected.as_ref()[..16], given.as_slice())).then_some((send_id, attempt))
    }
}

fn message(account: &str, send_id: SendId, attempt: i32) -> String {
    format!("{account}.{send_id}.{attempt}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(ids: &[&str]) -> Keys {
        Keys::new(&ids.iter().map(|id| ((*id).to_owned(), id.as_bytes().to_vec())).collect::<Vec<_>>()).expect("keys")
    }

    #[test]
    fn only_our_own_data_about_this_account_is_believed() {
        let id = SendId::from_bytes([9; 16]);
        let data = keys(&["a"]).sign("1555010001", id, 2);
        assert!(data.len() <= 96, "{}", data.len());
        assert_eq!(keys(&["b", "a"]).verify("1555010001", &data), Some((id, 2)));
        assert_eq!(keys(&["a"]).verify("1555010002", &data), None);
        assert_eq!(keys(&["b"]).verify("1555010001", &data), None);
        assert_eq!(keys(&["a"]).verify("1555010001", &data.replace(".2.", ".3.")), None);
        for foreign in ["", "v1", "order-17", "v1.a.b.c.d", "v1.a.b.c.d.e", "v2.a.09090909090909090909090909090909.1.00"] {
            assert_eq!(keys(&["a"]).verify("1555010001", foreign), None);
        }
    }
}
