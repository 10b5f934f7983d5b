//! Webhook bodies as Meta sends them, with invented numbers.

use std::fmt::Write;

/// Phone number id of every update.
pub const NUMBER: &str = "100000000000001";

/// A body of `updates` updates, each in a change of its own: text messages and statuses in turn.
pub fn body(updates: usize) -> Vec<u8> {
    let mut changes = String::new();
    for n in 0..updates {
        let comma = if n == 0 { "" } else { "," };
        let person = 15_550_100_000_u64 + n as u64 % 100;
        let value = if n % 2 == 0 { message(n, person) } else { status(n, person) };
        // Writing to a string cannot fail.
        let _ = write!(
            changes,
            r#"{comma}{{"value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550100999","phone_number_id":"{NUMBER}"}},{value}}},"field":"messages"}}"#
        );
    }
    format!(r#"{{"object":"whatsapp_business_account","entry":[{{"id":"200000000000001","changes":[{changes}]}}]}}"#).into_bytes()
}

fn message(n: usize, person: u64) -> String {
    format!(
        r#""contacts":[{{"profile":{{"name":"Customer {person}"}},"wa_id":"{person}"}}],"messages":[{{"from":"{person}","id":"wamid.HBgLMTU1NTAxMDAwMDAVAgASGBQzQTA{n:012}","timestamp":"1700000000","text":{{"body":"Hello, how much are 20 boxes of tiles 60x60, delivered on Friday? Caf\u00e9 12"}},"type":"text"}}]"#
    )
}

fn status(n: usize, person: u64) -> String {
    format!(
        r#""statuses":[{{"id":"wamid.HBgLMTU1NTAxMDAwMDAVAgARGBJDRDk{n:012}","status":"delivered","timestamp":"1700000001","recipient_id":"{person}","conversation":{{"id":"c6d2e0{n:06}","origin":{{"type":"utility"}}}},"pricing":{{"billable":true,"pricing_model":"PMP","category":"utility","type":"regular"}}}}]"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_as_many_updates_as_asked() {
        for updates in [1, 2, 1_000] {
            let events = sluice_schemas::meta::events(&body(updates)).expect("splits");
            assert_eq!(events.len(), updates);
            assert!(events.iter().all(|event| event.reject.is_none()));
        }
    }
}
