//! Who somebody is: phone digits, a business-scoped user id, or an Instagram/Messenger scoped id (digits as well).

use std::borrow::Cow;

use super::scan::Node;

/// An identity as events carry it: a leading `+` is dropped, everything else stays.
pub(crate) fn read(node: Node<'_>) -> Option<String> {
    borrow(node).map(Cow::into_owned)
}

/// As [`read`], without a copy.
pub(crate) fn borrow(node: Node<'_>) -> Option<Cow<'_, str>> {
    let id = match node.id()? {
        Cow::Borrowed(id) => Cow::Borrowed(bare(id)),
        Cow::Owned(id) => Cow::Owned(bare(&id).to_owned()),
    };
    (!id.is_empty()).then_some(id)
}

fn bare(id: &str) -> &str {
    let id = id.trim();
    id.strip_prefix('+').unwrap_or(id)
}

/// The first of several that can be attributed; if none can, the first that is there at all.
pub(crate) fn first<const N: usize>(nodes: [Option<Node<'_>>; N]) -> Option<String> {
    let mut there = nodes.into_iter().flatten().filter_map(read).peekable();
    let fallback = there.peek().cloned();
    there.find(|id| valid(id)).or(fallback)
}

/// Whether a conversation can be kept under this identity.
pub(crate) fn valid(id: &str) -> bool {
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())) || is_user_id(id)
}

/// `<CC>.<≤128 alphanumerics>`, or `<CC>.ENT.<…>` for linked portfolios (contract §2).
pub fn is_user_id(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else { return false };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_business_scoped_ids_can_be_attributed() {
        for id in ["15550100001", "US.13491208655302741918", "US.ENT.11815799212886844830", "DE.aB9"] {
            assert!(valid(id), "{id}");
        }
        for id in ["", "+1", "customer", "US.", "us.1", "USA.1", "US.a b", "<IGSID>"] {
            assert!(!valid(id), "{id}");
        }
        assert!(!valid(&format!("US.{}", "1".repeat(129))));
    }
}
