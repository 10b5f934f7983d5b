//! The usual messages from flags.

use anyhow::anyhow;
use serde_json::{Map, Value, json};

/// The message; exactly one kind of it.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub struct Args {
    /// A text
    #[arg(long, group = "what")]
    text: Option<String>,
    /// An approved template
    #[arg(long, group = "what", requires = "language")]
    template: Option<String>,
    /// Its language, as in en_US
    #[arg(long, requires = "template")]
    language: Option<String>,
    /// What fills it: `1=Ana` or `name=Ana` in the body, `header.1=…`, `header.image=URL`, `button.0=…`; once for each
    #[arg(long = "var", value_name = "VAR=VALUE", requires = "template")]
    vars: Vec<String>,
    /// A picture by address, or `id:` and the id of an upload
    #[arg(long, group = "what", value_name = "URL")]
    image: Option<String>,
    /// A video
    #[arg(long, group = "what", value_name = "URL")]
    video: Option<String>,
    /// A sound
    #[arg(long, group = "what", value_name = "URL")]
    audio: Option<String>,
    /// A file
    #[arg(long, group = "what", value_name = "URL")]
    document: Option<String>,
    /// A sticker
    #[arg(long, group = "what", value_name = "URL")]
    sticker: Option<String>,
    /// Words below a picture, video or file
    #[arg(long)]
    caption: Option<String>,
    /// Name of the file
    #[arg(long, requires = "document")]
    filename: Option<String>,
    /// A place: `LATITUDE,LONGITUDE`
    #[arg(long, group = "what", value_name = "LAT,LON", allow_hyphen_values = true)]
    location: Option<String>,
    /// An emoji on the message `--on`; empty takes it back
    #[arg(long, group = "what", requires = "on", value_name = "EMOJI")]
    reaction: Option<String>,
    /// Id of the message that gets the reaction
    #[arg(long, value_name = "MESSAGE")]
    on: Option<String>,
    /// Marks a received message as read
    #[arg(long, group = "what", value_name = "MESSAGE")]
    read: Option<String>,
    /// Shows "typing…" with it
    #[arg(long, requires = "read")]
    typing: bool,
    /// Id of the message that is answered
    #[arg(long, value_name = "MESSAGE")]
    reply_to: Option<String>,
}

impl Args {
    /// The message as Meta writes it.
    pub fn build(&self) -> Result<Value, anyhow::Error> {
        let (kind, content) = self.content()?;
        let mut message = Map::from_iter([("type".to_owned(), kind.into()), (kind.to_owned(), content)]);
        if let Some(id) = &self.reply_to {
            message.insert("context".into(), json!({ "message_id": id }));
        }
        Ok(Value::Object(message))
    }

    fn content(&self) -> Result<(&'static str, Value), anyhow::Error> {
        if let Some(text) = &self.text {
            return Ok(("text", json!({"body": text})));
        }
        if let (Some(name), Some(language)) = (&self.template, &self.language) {
            return Ok(("template", json!({"name": name, "language": {"code": language}, "components": components(&self.vars)?})));
        }
        if let Some(place) = &self.location {
            return Ok(("location", location(place)?));
        }
        if let (Some(emoji), Some(on)) = (&self.reaction, &self.on) {
            return Ok(("reaction", json!({"message_id": on, "emoji": emoji})));
        }
        if let Some(id) = &self.read {
            return Ok(("read", json!({"message_id": id, "typing": self.typing})));
        }
        self.media()
    }

    fn media(&self) -> Result<(&'static str, Value), anyhow::Error> {
        let kinds = [
            ("image", &self.image),
            ("video", &self.video),
            ("audio", &self.audio),
            ("document", &self.document),
            ("sticker", &self.sticker),
        ];
        let (kind, given) = kinds.into_iter().find_map(|(kind, given)| given.as_ref().map(|given| (kind, given))).ok_or_else(|| {
            anyhow!("say what to send: --text, --template, --image, --video, --audio, --document, --sticker, --location, --reaction, --read or --message")
        })?;
        let mut media = match given.strip_prefix("id:") {
            Some(id) => json!({"id": id}),
            None => json!({"link": given}),
        };
        for (key, value) in [("caption", &self.caption), ("filename", &self.filename)] {
            if let Some(value) = value {
                media[key] = value.as_str().into();
            }
        }
        Ok((kind, media))
    }
}

fn location(place: &str) -> Result<Value, anyhow::Error> {
    let parts = place.split_once(',').and_then(|(lat, lon)| Some((lat.trim().parse::<f64>().ok()?, lon.trim().parse::<f64>().ok()?)));
    let (latitude, longitude) = parts.ok_or_else(|| anyhow!("--location: `{place}` is no place; write 52.52,13.4"))?;
    Ok(json!({"latitude": latitude, "longitude": longitude}))
}

fn components(vars: &[String]) -> Result<Vec<Value>, anyhow::Error> {
    let (mut header, mut body, mut buttons) = (Vec::new(), Vec::new(), Vec::new());
    for var in vars {
        let (name, value) = var.split_once('=').ok_or_else(|| anyhow!("--var: `{var}` has no value; write 1=Ana"))?;
        let text = json!({"type": "text", "text": value});
        match name.split_once('.') {
            Some(("header", form @ ("image" | "video" | "document"))) => header.push(json!({"type": form, form: {"link": value}})),
            Some(("header", name)) => header.push(named(text, name)),
            Some(("button", index)) => {
                buttons.push(json!({"type": "button", "sub_type": "url", "index": index, "parameters": [text]}));
            }
            _ => body.push((name.parse::<u16>().unwrap_or(0), named(text, name))),
        }
    }
    // Numbered ones by number, whatever the order of the flags.
    body.sort_by_key(|(number, _)| *number);
    let body: Vec<Value> = body.into_iter().map(|(_, parameter)| parameter).collect();
    let part = |kind: &str, parameters: Vec<Value>| (!parameters.is_empty()).then(|| json!({"type": kind, "parameters": parameters}));
    Ok(part("header", header).into_iter().chain(part("body", body)).chain(buttons).collect())
}

fn named(mut text: Value, name: &str) -> Value {
    if name.parse::<u16>().is_err() {
        text["parameter_name"] = name.into();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_fill_the_places_that_they_name() {
        let vars = ["2=10 %", "1=Ana", "header.image=https://shop.example/a.png", "button.0=spring"].map(String::from);
        assert_eq!(
            Value::from(components(&vars).expect("components")),
            json!([
                {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://shop.example/a.png"}}]},
                {"type": "body", "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "10 %"}]},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "spring"}]},
            ])
        );
        let named = components(&["order=17".to_owned()]).expect("components");
        assert_eq!(named[0]["parameters"][0]["parameter_name"], "order");
        assert!(components(&["Ana".to_owned()]).is_err());
    }

    #[test]
    fn flags_make_the_message_that_meta_knows() {
        let image = Args { image: Some("id:7".into()), caption: Some("New".into()), ..Args::default() };
        assert_eq!(image.build().expect("a message"), json!({"type": "image", "image": {"id": "7", "caption": "New"}}));
        let place = Args { location: Some("-23.5, -46.6".into()), reply_to: Some("wamid.A".into()), ..Args::default() };
        let expected =
            json!({"type": "location", "location": {"latitude": -23.5, "longitude": -46.6}, "context": {"message_id": "wamid.A"}});
        assert_eq!(place.build().expect("a message"), expected);
        assert!(Args { location: Some("Berlin".into()), ..Args::default() }.build().is_err());
        assert!(Args::default().build().is_err());
    }
}
