use super::{Fields, Refusal};

/// Uploaded media that a message names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asset<'a> {
    /// `image`, `video`, `audio`, `document` or `sticker`.
    pub(crate) kind: &'static str,
    pub(crate) id: &'a str,
}

/// Checks `image`, `video`, `audio`, `document` or `sticker`: exactly one of `id` and `link`.
pub(super) fn check<'a>(kind: &'static str, media: Fields<'a>, assets: &mut Vec<Asset<'a>>) -> Result<(), Refusal> {
    media.only(match kind {
        "document" => &["id", "link", "caption", "filename", "provider"],
        "image" | "video" => &["id", "link", "caption", "provider"],
        "audio" => &["id", "link", "voice", "provider"],
        _ => &["id", "link", "provider"],
    })?;
    match (media.text("id", 200)?, media.text("link", 4_096)?) {
        (Some(_), Some(_)) => {
            return Err(Refusal::bad(format!("Param {kind} must have either id or link, not both.")));
        }
        (None, None) => return Err(Refusal::bad(format!("The parameter {kind}['id'] or {kind}['link'] is required."))),
        (Some(id), None) => assets.push(Asset { kind, id }),
        (None, Some(link)) => web_address(link, &media.path("link"))?,
    }
    media.text("caption", 1_024)?;
    media.text("filename", 240)?;
    media.flag("voice")
}

/// An `http` or `https` address.
pub(super) fn web_address(link: &str, path: &str) -> Result<(), Refusal> {
    let host = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
    if host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace)) {
        Ok(())
    } else {
        Err(Refusal::bad(format!("Param {path} is not a valid URI.")))
    }
}
