use sluice_schemas::command::{Command, Content, Location, Media, Reaction};

use super::super::check::Check;
use super::{contacts, interactive, template};

/// Checks a message of any type.
pub(super) fn command(check: &mut Check, command: &Command) {
    check.that(command.tag.is_none(), "tag", "belongs to Instagram and Messenger; leave it out");
    if let Some(context) = &command.context {
        wamid(check, "context.message_id", &context.message_id);
        check.that(command.content.is_message(), "context", "belongs to messages only; leave it out");
    }
    match &command.content {
        Content::Text(text) => check.filled("text.body", &text.body, 4_096),
        Content::Template(used) => template::check(check, used),
        Content::Interactive(message) => interactive::check(check, message),
        Content::Location(place) => location(check, "location", place),
        Content::Contacts(cards) => contacts::check(check, cards),
        Content::Reaction(reaction) => self::reaction(check, reaction),
        Content::Read(mark) => match &mark.message_id {
            Some(id) => wamid(check, "read.message_id", id),
            None => check.fault("read.message_id", "is missing: the id of the message that was received"),
        },
        other => {
            if let Some(media) = other.media() {
                self::media(check, other.kind(), other.kind(), media);
            }
        }
    }
}

/// Media of `kind` at `at`: exactly one of `id` and `link`, and only what the kind knows.
pub(super) fn media(check: &mut Check, at: &str, kind: &str, media: &Media) {
    match (&media.id, &media.link) {
        (Some(id), None) => check.filled(&format!("{at}.id"), id, 200),
        (None, Some(link)) => {
            check.address(&format!("{at}.link"), link);
            check.short(&format!("{at}.link"), link, 4_096);
        }
        (Some(_), Some(_)) => check.fault(at, "has both `id` and `link`; give one of them"),
        (None, None) => check.fault(at, "has neither `id` nor `link`; give one of them"),
    }
    if matches!(kind, "image" | "video" | "document") {
        check.perhaps(&format!("{at}.caption"), media.caption.as_deref(), 1_024);
    } else {
        check.that(media.caption.is_none(), &format!("{at}.caption"), "belongs to images, videos and documents only");
    }
    if kind == "document" {
        check.perhaps(&format!("{at}.filename"), media.filename.as_deref(), 240);
    } else {
        check.that(media.filename.is_none(), &format!("{at}.filename"), "belongs to documents only");
    }
    check.that(!media.voice || kind == "audio", &format!("{at}.voice"), "belongs to audio only");
}

/// A place on the earth.
pub(super) fn location(check: &mut Check, at: &str, place: &Location) {
    check.that((-90.0..=90.0).contains(&place.latitude), &format!("{at}.latitude"), "must lie between -90 and 90");
    check.that((-180.0..=180.0).contains(&place.longitude), &format!("{at}.longitude"), "must lie between -180 and 180");
    check.perhaps(&format!("{at}.name"), place.name.as_deref(), 1_000);
    check.perhaps(&format!("{at}.address"), place.address.as_deref(), 1_000);
}

fn reaction(check: &mut Check, reaction: &Reaction) {
    wamid(check, "reaction.message_id", &reaction.message_id);
    let plain = reaction.emoji.chars().any(|c| c.is_ascii_alphabetic() || c.is_whitespace());
    check.that(!plain, "reaction.emoji", "must be one emoji, or empty to take the reaction back");
    check.short("reaction.emoji", &reaction.emoji, 32);
}

fn wamid(check: &mut Check, field: &str, id: &str) {
    let fits = id.len() > 10 && id.starts_with("wamid.") && !id.contains(char::is_whitespace);
    check.that(fits, field, "is not the id of a WhatsApp message; it begins with `wamid.`");
}
