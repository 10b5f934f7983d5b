use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A file of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attachment {
    /// `image`, `video`, `audio`, `document`, `sticker`, or Instagram's name.
    pub r#type: String,
    /// MIME type, as the sender's app named it.
    pub mime_type: String,
    /// Name of a document.
    pub name: Option<String>,
    /// Bytes; null while it is not here.
    pub bytes: Option<u64>,
    /// Where it can be read for the next minutes, without a token; null while it is not here.
    pub url: Option<String>,
}

impl Attachment {
    /// How a page shows it.
    pub fn shape(&self) -> &'static str {
        match (&self.url, self.mime_type.split('/').next().unwrap_or_default()) {
            (None, _) => "missing",
            (_, "image") if shown_in_place(&self.mime_type) => "image",
            (_, "audio") if shown_in_place(&self.mime_type) => "audio",
            (_, "video") if shown_in_place(&self.mime_type) => "video",
            _ => "file",
        }
    }

    /// Its name, else what it is.
    pub fn title(&self) -> &str {
        self.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&self.r#type)
    }

    /// Its size for people.
    pub fn size(&self) -> String {
        match self.bytes.unwrap_or_default() {
            bytes @ 0..1_000 => format!("{bytes} B"),
            bytes @ 1_000..1_000_000 => format!("{} kB", bytes / 1_000),
            bytes => format!("{:.1} MB", bytes as f64 / 1e6),
        }
    }
}

/// Whether a browser may show a file of this type on our address: pictures, sounds and films that hold no script. The rest is saved.
pub fn shown_in_place(mime: &str) -> bool {
    const SAFE: [&str; 12] = [
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
        "audio/aac",
        "audio/mp4",
        "audio/mpeg",
        "audio/amr",
        "audio/ogg",
        "audio/opus",
        "video/mp4",
        "video/3gpp",
    ];
    SAFE.contains(&mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str())
}

/// A file that Meta has: messages name it by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadedFile {
    /// Meta's id, for `image.id` and the like.
    pub id: String,
    /// Message type that it fits.
    pub r#type: String,
    /// Bytes.
    pub bytes: u64,
    /// When Meta forgets it, RFC 3339.
    pub expires_at: String,
    /// Whether Meta had it already.
    pub reused: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_holds_no_script_is_shown_in_place() {
        for safe in ["image/png", "audio/ogg; codecs=opus", "VIDEO/MP4"] {
            assert!(shown_in_place(safe), "{safe}");
        }
        for risky in ["image/svg+xml", "text/html", "application/pdf", "text/plain", "", "image/png, text/html"] {
            assert!(!shown_in_place(risky), "{risky}");
        }
    }
}
