use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A struct whose fields are all optional texts, left out when absent.
macro_rules! texts {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$fdoc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<String>),+
        }
    };
}

/// A card of an address book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Whose card it is.
    pub name: Name,
    /// Phone numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Phone>,
    /// Email addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Email>,
    /// Postal addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Where the person works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<Organisation>,
    /// Web pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<Site>,
    /// `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthday: Option<String>,
}

/// A name: the whole, and at least one part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// As it is shown.
    pub formatted_name: String,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Middle name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    /// Such as Jr.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// Such as Dr.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

texts! {
    /// A phone number.
    Phone {
        /// The number.
        phone,
        /// `CELL`, `HOME`, `WORK`, …
        r#type,
        /// Digits on WhatsApp: the card then offers a chat.
        wa_id,
    }
}
texts! {
    /// An email address.
    Email {
        /// The address.
        email,
        /// `HOME`, `WORK`.
        r#type,
    }
}
texts! {
    /// A postal address.
    Address {
        /// Street and number.
        street,
        /// City.
        city,
        /// State.
        state,
        /// Postal code.
        zip,
        /// Country.
        country,
        /// Two letters.
        country_code,
        /// `HOME`, `WORK`.
        r#type,
    }
}
texts! {
    /// Where a person works.
    Organisation {
        /// Company.
        company,
        /// Department.
        department,
        /// Title.
        title,
    }
}
texts! {
    /// A web page.
    Site {
        /// Its address.
        url,
        /// `HOME`, `WORK`.
        r#type,
    }
}
