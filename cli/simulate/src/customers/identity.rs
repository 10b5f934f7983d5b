//! Business-scoped user ids (contract §2) and message ids.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::random::Draw;

/// Whether this is a business-scoped user id: `<CC>.<letters and digits>`, or `<CC>.ENT.…`.
pub(crate) fn is_user_id(text: &str) -> bool {
    let Some((country, rest)) = text.split_once('.') else { return false };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Odd, hence invertible modulo 2^64.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The user id of a phone number within a portfolio: the same number, the same id, and [`digits`] finds the way back.
pub(crate) fn user_id(portfolio: &str, digits: &str) -> String {
    let number: u64 = digits.parse().unwrap_or_default();
    format!("{}.{}", country(digits), number.wrapping_add(offset(portfolio)).wrapping_mul(FACTOR))
}

/// The phone number behind a user id that [`user_id`] made.
pub(crate) fn digits(portfolio: &str, user: &str) -> Option<String> {
    let (_, scrambled) = user.split_once('.')?;
    let number = scrambled.parse::<u64>().ok()?.wrapping_mul(inverse(FACTOR)).wrapping_sub(offset(portfolio));
    let digits = number.to_string();
    (user_id(portfolio, &digits) == user && digits.len() <= 15).then_some(digits)
}

fn offset(portfolio: &str) -> u64 {
    Draw::new(0, portfolio, 0).bits("user ids")
}

/// Newton's iteration doubles the correct bits each round.
fn inverse(odd: u64) -> u64 {
    (0..6).fold(odd, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse))))
}

fn country(digits: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 9] =
        [("1", "US"), ("33", "FR"), ("34", "ES"), ("39", "IT"), ("44", "GB"), ("49", "DE"), ("52", "MX"), ("55", "BR"), ("91", "IN")];
    PREFIXES.iter().find(|(prefix, _)| digits.starts_with(prefix)).map_or("ZZ", |(_, country)| country)
}

/// A wamid as Meta builds it: `wamid.` and base64 of the user's number, the direction, and 18 hexadecimal digits.
pub(crate) fn wamid(user: &str, outbound: bool, bits: u64) -> String {
    let user = &user.as_bytes()[..user.len().min(64)];
    let mut raw = Vec::with_capacity(32 + user.len());
    raw.extend([0x1c, 0x18, user.len() as u8]);
    raw.extend(user);
    raw.extend([0x15, 0x02, 0x00, if outbound { 0x11 } else { 0x12 }, 0x18, 0x12]);
    raw.extend(format!("{:02X}{bits:016X}", (bits >> 17) as u8).bytes());
    raw.push(0);
    format!("wamid.{}", STANDARD.encode(raw))
}

/// The `mid` of an Instagram or Messenger message.
pub(crate) fn mid(bits: u64) -> String {
    format!("m_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!("simulated:{bits:016x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_told_from_numbers() {
        for id in ["US.134", "DE.ENT.9a", &user_id("1", "15550142")] {
            assert!(is_user_id(id), "{id}");
        }
        for other in ["15550142", "us.1", "US.", "US.a b", "USA.1", ""] {
            assert!(!is_user_id(other), "{other}");
        }
        assert_ne!(user_id("1", "15550142"), user_id("2", "15550142"), "scoped to the portfolio");
    }

    #[test]
    fn a_user_id_leads_back_to_its_number() {
        assert_eq!(digits("1", &user_id("1", "15550142")).as_deref(), Some("15550142"));
        assert_eq!(digits("2", &user_id("1", "15550142")), None);
        assert_eq!(digits("1", "US.134"), None);
    }

    #[test]
    fn a_wamid_starts_like_metas() {
        assert!(wamid("15550100142", true, 7).starts_with("wamid.HBgLMTU1NTAxMDAxNDIVAgAR"));
    }
}
