use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::simple::{Location, Media};

/// An approved template and what fills it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: Language,
    /// What fills it, by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
}

impl Template {
    /// Its name with what fills it; the words around are Meta's.
    pub fn summary(&self) -> String {
        let texts = self.components.iter().flat_map(|component| &component.parameters).filter_map(Parameter::as_text);
        let filled: Vec<&str> = texts.collect();
        if filled.is_empty() { format!("Template {}", self.name) } else { format!("Template {}: {}", self.name, filled.join(", ")) }
    }

    /// The component of a place.
    pub fn component(&self, kind: ComponentType) -> Option<&Component> {
        self.components.iter().find(|component| component.r#type == kind)
    }
}

/// A language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// Such as `en_US`.
    pub code: String,
}

/// What fills one place of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The place.
    pub r#type: ComponentType,
    /// Kind of button; buttons only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_type: Option<SubType>,
    /// Which button, from 0; buttons only.
    #[serde(default, with = "index", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub index: Option<u8>,
    /// What fills it, in order or by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
}

/// A place of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComponentType {
    /// Above the words.
    Header,
    /// The words.
    Body,
    /// A button.
    Button,
}

/// Kind of a template's button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubType {
    /// Comes back with its payload.
    QuickReply,
    /// Opens a page whose end is filled in.
    Url,
    /// Copies a code.
    CopyCode,
    /// Opens a flow.
    Flow,
    /// Opens the catalogue.
    Catalog,
    /// Opens several products.
    Mpm,
}

impl SubType {
    /// Meta's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QuickReply => "quick_reply",
            Self::Url => "url",
            Self::CopyCode => "copy_code",
            Self::Flow => "flow",
            Self::Catalog => "catalog",
            Self::Mpm => "mpm",
        }
    }
}

macro_rules! parameters {
    ($($(#[$doc:meta])* $variant:ident($field:ident: $type:ty) = $name:literal),+ $(,)?) => {
        /// What fills one variable.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
        #[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
        pub enum Parameter {
            $($(#[$doc])* $variant {
                /// The value.
                $field: $type,
                /// Name of the variable, where the template's variables have names.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                parameter_name: Option<String>,
            }),+
        }

        impl Parameter {
            /// Meta's name of its type.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name),+ }
            }

            /// Name of the variable.
            pub fn name(&self) -> Option<&str> {
                match self { $(Self::$variant { parameter_name, .. } => parameter_name.as_deref()),+ }
            }
        }
    };
}

parameters! {
    /// Words.
    Text(text: String) = "text",
    /// A sum of money.
    Currency(currency: Currency) = "currency",
    /// A time.
    DateTime(date_time: DateTime) = "date_time",
    /// A picture.
    Image(image: Media) = "image",
    /// A video.
    Video(video: Media) = "video",
    /// A file.
    Document(document: Media) = "document",
    /// A place.
    Location(location: Location) = "location",
    /// Comes back when the quick reply is tapped.
    Payload(payload: String) = "payload",
    /// The code that is copied.
    CouponCode(coupon_code: String) = "coupon_code",
    /// What a flow, catalogue or product button needs.
    Action(action: Value) = "action",
}

impl Parameter {
    /// The words of a text, or what stands for a sum or a time.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            Self::Currency { currency, .. } => Some(&currency.fallback_value),
            Self::DateTime { date_time, .. } => Some(&date_time.fallback_value),
            _ => None,
        }
    }

    /// The media of a header.
    pub const fn media(&self) -> Option<&Media> {
        match self {
            Self::Image { image: media, .. } | Self::Video { video: media, .. } | Self::Document { document: media, .. } => Some(media),
            _ => None,
        }
    }
}

/// A sum of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Currency {
    /// What is shown.
    pub fallback_value: String,
    /// ISO 4217.
    pub code: String,
    /// Thousandths.
    pub amount_1000: i64,
}

/// A time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DateTime {
    /// What is shown.
    pub fallback_value: String,
}

/// A button's place: Meta takes a number or a number in a text, and documents the text.
mod index {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(u8),
        Text(String),
    }

    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref)]
    pub fn serialize<S: Serializer>(index: &Option<u8>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&index.unwrap_or_default().to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u8>, D::Error> {
        let wrong = || serde::de::Error::custom("expected a number from 0");
        match Option::<Form>::deserialize(d).map_err(|_| wrong())? {
            None => Ok(None),
            Some(Form::Number(index)) => Ok(Some(index)),
            Some(Form::Text(text)) => text.parse().map(Some).map_err(|_| wrong()),
        }
    }
}
