use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::fault::{Fault, read};
use super::simple::Media;

/// A message with something to tap.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Interactive {
    /// Up to three answers.
    Button(Frame<Buttons>),
    /// A list of up to ten rows.
    List(Frame<List>),
    /// A link behind a button.
    CtaUrl(Frame<LinkButton>),
    /// A flow.
    Flow(Frame<Flow>),
    /// One product.
    Product(Frame<Product>),
    /// Several products.
    ProductList(Frame<Products>),
    /// The catalogue.
    CatalogMessage(Frame<Catalog>),
    /// Asks where the person is.
    LocationRequestMessage(Frame<LocationRequest>),
    /// Asks for an address.
    AddressMessage(Frame<AddressRequest>),
}

/// Names of the types.
const KINDS: [&str; 9] =
    ["button", "list", "cta_url", "flow", "product", "product_list", "catalog_message", "location_request_message", "address_message"];

impl Interactive {
    /// Reads by type, so that a fault names the field and not the whole.
    pub(super) fn read(mut value: Value) -> Result<Self, Fault> {
        const AT: &str = "interactive";
        let kind = value.as_object_mut().and_then(|map| map.remove("type"));
        let Some(kind) = kind.as_ref().and_then(Value::as_str) else {
            return Err(Fault::new("interactive.type", format!("is missing; use one of {}", KINDS.join(", "))));
        };
        Ok(match kind {
            "button" => Self::Button(read(value, AT)?),
            "list" => Self::List(read(value, AT)?),
            "cta_url" => Self::CtaUrl(read(value, AT)?),
            "flow" => Self::Flow(read(value, AT)?),
            "product" => Self::Product(read(value, AT)?),
            "product_list" => Self::ProductList(read(value, AT)?),
            "catalog_message" => Self::CatalogMessage(read(value, AT)?),
            "location_request_message" => Self::LocationRequestMessage(read(value, AT)?),
            "address_message" => Self::AddressMessage(read(value, AT)?),
            other => {
                return Err(Fault::new("interactive.type", format!("`{other}` is not a type; use one of {}", KINDS.join(", "))));
            }
        })
    }

    /// The type's name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Button(_) => "button",
            Self::List(_) => "list",
            Self::CtaUrl(_) => "cta_url",
            Self::Flow(_) => "flow",
            Self::Product(_) => "product",
            Self::ProductList(_) => "product_list",
            Self::CatalogMessage(_) => "catalog_message",
            Self::LocationRequestMessage(_) => "location_request_message",
            Self::AddressMessage(_) => "address_message",
        }
    }

    /// Header, body and footer.
    pub const fn around(&self) -> (Option<&Header>, Option<&Caption>, Option<&Caption>) {
        const fn parts<A>(frame: &Frame<A>) -> (Option<&Header>, Option<&Caption>, Option<&Caption>) {
            (frame.header.as_ref(), frame.body.as_ref(), frame.footer.as_ref())
        }
        match self {
            Self::Button(frame) => parts(frame),
            Self::List(frame) => parts(frame),
            Self::CtaUrl(frame) => parts(frame),
            Self::Flow(frame) => parts(frame),
            Self::Product(frame) => parts(frame),
            Self::ProductList(frame) => parts(frame),
            Self::CatalogMessage(frame) => parts(frame),
            Self::LocationRequestMessage(frame) => parts(frame),
            Self::AddressMessage(frame) => parts(frame),
        }
    }

    /// What it says.
    pub fn words(&self) -> Option<&str> {
        self.around().1.map(|body| body.text.as_str())
    }
}

/// What every interactive message has around its action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Frame<A> {
    /// Above the words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// The words; only a single product needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Caption>,
    /// Below the words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<Caption>,
    /// What there is to tap.
    pub action: A,
}

/// A text of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Caption {
    /// The words.
    pub text: String,
}

/// What stands above the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Header {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// A picture.
    Image {
        /// The picture.
        image: Media,
    },
    /// A video.
    Video {
        /// The video.
        video: Media,
    },
    /// A file.
    Document {
        /// The file.
        document: Media,
    },
}

/// Answers to tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Buttons {
    /// One to three.
    pub buttons: Vec<Button>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Button {
    /// Comes back as a message with its id.
    Reply {
        /// The answer.
        reply: Reply,
    },
}

/// An answer's id and words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Comes back when it is tapped.
    pub id: String,
    /// What the button says.
    pub title: String,
}

/// A list behind a button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// What the button says.
    pub button: String,
    /// One to ten, with ten rows in all.
    pub sections: Vec<Section>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Needed where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What can be chosen.
    pub rows: Vec<Row>,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Comes back when it is chosen.
    pub id: String,
    /// What it says.
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// An action with a fixed name and parameters.
macro_rules! action {
    ($(#[$doc:meta])* $type:ident, $name:ident = $text:literal, $parameters:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
        #[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
        pub enum $type {
            #[doc = concat!("`", $text, "`")]
            $name {
                /// What it needs.
                parameters: $parameters,
            },
        }

        impl $type {
            /// What it needs.
            pub const fn parameters(&self) -> &$parameters {
                let Self::$name { parameters } = self;
                parameters
            }
        }
    };
}

action! {
    /// A button that opens a page.
    LinkButton, CtaUrl = "cta_url", Link
}
action! {
    /// Asks for an address.
    AddressRequest, AddressMessage = "address_message", Value
}
action! {
    /// Opens a flow.
    Flow, Flow = "flow", Value
}

/// A page and what its button says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What the button says.
    pub display_text: String,
    /// The page.
    pub url: String,
}

/// One product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Catalogue.
    pub catalog_id: String,
    /// Product in it.
    pub product_retailer_id: String,
}

/// Several products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Products {
    /// Catalogue.
    pub catalog_id: String,
    /// One to ten, with thirty products in all.
    pub sections: Vec<ProductSection>,
}

/// A group of products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductSection {
    /// Needed where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Products.
    pub product_items: Vec<ProductItem>,
}

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductItem {
    /// Product.
    pub product_retailer_id: String,
}

/// Opens the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Catalog {
    /// `catalog_message`
    CatalogMessage {
        /// The product whose picture is shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parameters: Option<Value>,
    },
}

/// Asks where the person is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum LocationRequest {
    /// `send_location`
    SendLocation(Empty),
}

/// Nothing more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}
