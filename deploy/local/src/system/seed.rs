//! Tenant `acme` of the demonstration: invented, and the same at every run.

use super::setup::Place;
use super::{System, lock};
use crate::{Error, http};

/// The tenant's name in addresses.
pub const SLUG: &str = "acme";
/// The tenant's identifier.
pub const TENANT_ID: &str = "0198c0de-0000-7000-8000-0000000000ac";
/// The owner.
pub const LOGIN: &str = "owner@acme.example";
/// The simulated Meta's first number.
pub const PHONE_NUMBER_ID: &str = "15550100001";
/// Its WhatsApp business account.
pub const WABA_ID: &str = "15550200001";
/// Its Instagram account.
pub const INSTAGRAM_ID: &str = "17841400000001";
/// Its page.
pub const PAGE_ID: &str = "15550400001";
/// What acme sells.
const CATALOG: &str = include_str!("../../../demo/catalog.json");

/// A second tenant, for whoever looks whether tenants stay apart.
pub const RIVAL: &str = "rival";
/// The simulated Meta's second number, of [`RIVAL`].
pub const RIVAL_NUMBER_ID: &str = "15550100002";
/// What a bag of cement costs at acme, and what at its rival.
pub const CEMENT: [&str; 2] = ["38.90", "48.90"];

impl System {
    /// Makes tenant [`RIVAL`] with a number and a catalogue of other prices.
    pub fn seed_rival(&self) -> Result<(), Error> {
        let token = lock(&self.place).secrets.access_token.clone();
        self.sluice(&["tenant", "create", "--slug", RIVAL, "--name", "Rival", "--locale", "en", "--if-missing"])?;
        let number = ["--account", RIVAL_NUMBER_ID, "--waba", WABA_ID, "--display", "+1 555-010-9002", "--rate", "20"];
        self.sluice_with(
            &[&["number", "add", "--tenant", RIVAL, "--token-env", "SEED_SECRET"], &number[..]].concat(),
            &[("SEED_SECRET", &token)],
        )?;
        let catalog = self.keep("rival.json", &CATALOG.replace(CEMENT[0], CEMENT[1]))?;
        self.sluice(&["price", "import", "--tenant", RIVAL, &catalog]).map(drop)
    }

    /// Makes tenant acme with its accounts, templates, prices, owner and API token, unless it is there; says whether it did.
    ///
    /// The simulated Meta must run: the templates are the ones it lists.
    pub fn seed(&self) -> Result<bool, Error> {
        let token = lock(&self.place).secrets.api_token.clone();
        let known = self.sluice_json(&["tenant", "list"])?.iter().any(|tenant| tenant["slug"] == SLUG);
        if known && token.is_some() {
            return Ok(false);
        }
        self.sluice(&["tenant", "create", "--slug", SLUG, "--name", "Acme", "--id", TENANT_ID, "--locale", "en", "--if-missing"])?;
        self.accounts()?;
        self.templates()?;
        let catalog = self.keep("catalog.json", CATALOG)?;
        self.sluice(&["price", "import", "--tenant", SLUG, &catalog])?;
        let password = lock(&self.place).secrets.password.clone();
        let owner = ["user", "add", "--tenant", SLUG, "--email", LOGIN, "--name", "Olivia Owner", "--role", "owner"];
        self.sluice_with(&[&owner[..], &["--password-env", "SEED_SECRET", "--if-missing"]].concat(), &[("SEED_SECRET", &password)])?;
        // Last: what is not finished is done again.
        let token = self.sluice(&["token", "create", "--tenant", SLUG, "--name", "demonstration", "--role", "owner"])?;
        let mut place = lock(&self.place);
        place.secrets.api_token = Some(token.trim().to_owned());
        place.secrets.save(&place.dir.join("secrets.toml"))?;
        Ok(true)
    }

    fn accounts(&self) -> Result<(), Error> {
        let token = lock(&self.place).secrets.access_token.clone();
        let whatsapp = ["--channel", "whatsapp", "--account", PHONE_NUMBER_ID, "--waba", WABA_ID, "--display", "+1 555-010-9001"];
        let instagram = ["--channel", "instagram", "--account", INSTAGRAM_ID, "--display", "acme"];
        let page = ["--channel", "messenger", "--account", PAGE_ID, "--display", "Acme"];
        for account in [&whatsapp[..], &instagram[..], &page[..]] {
            let arguments = [&["number", "add", "--tenant", SLUG][..], account, &["--token-env", "SEED_SECRET"]].concat();
            self.sluice_with(&arguments, &[("SEED_SECRET", &token)])?;
        }
        Ok(())
    }

    fn templates(&self) -> Result<(), Error> {
        let (meta, token) = {
            let place = lock(&self.place);
            (Place::url(place.ports.meta), place.secrets.access_token.clone())
        };
        let url = format!("{meta}/v26.0/{WABA_ID}/message_templates?limit=1000");
        let listed = http::json(&url, &[format!("Authorization: Bearer {token}")], None)?;
        let file = self.keep("templates.json", &listed.to_string())?;
        self.sluice(&["template", "import", "--tenant", SLUG, "--waba", WABA_ID, &file]).map(drop)
    }
}
