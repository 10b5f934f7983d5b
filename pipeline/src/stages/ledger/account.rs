//! What Meta tells of accounts: templates paused and reinstated, numbers flagged and not.

use serde::Deserialize;
use sluice_schemas::record::{Event, HoldScope};

use super::Ledger;
use super::content::template_name;
use crate::chain::{Context, Poison};
use crate::domain::tier;

/// The part of an account event that the ledger reads.
#[derive(Deserialize)]
struct Told {
    field: Option<String>,
    event: Option<String>,
    waba: Option<String>,
    #[serde(default)]
    data: serde_json::Value,
}

impl Ledger {
    /// Changes of a template's status hold or lift it; a number that Meta is content with again is lifted (contract §5).
    pub(super) fn account_event(&mut self, cx: &mut Context<'_>, event: &Event) -> Result<(), Poison> {
        let Ok(told) = serde_json::from_str::<Told>(&event.event) else { return Ok(()) };
        let text = |field: &str| told.data.get(field).and_then(serde_json::Value::as_str);
        match (told.field.as_deref(), told.event.as_deref()) {
            (Some("message_template_status_update"), Some(word)) => {
                let (Some(name), Some(language)) = (text("message_template_name"), text("message_template_language")) else {
                    return Ok(());
                };
                let key = (event.tenant, HoldScope::Template, template_name(name, language));
                match word {
                    "PAUSED" | "DISABLED" => self.hold_template(cx, key, format!("Meta: {word} {}", text("reason").unwrap_or_default())),
                    "APPROVED" | "REINSTATED" | "UNARCHIVED" => self.lift(cx, &key, "Meta reinstated the template"),
                    _ => Ok(()),
                }
            }
            (Some("phone_number_quality_update"), Some("UNFLAGGED")) => match text("display_phone_number") {
                Some(display) => self.unflagged(cx, event.tenant, display),
                None => Ok(()),
            },
            (Some("phone_number_quality_update"), _) => {
                let numbers = text("display_phone_number").and_then(|display| self.holds.displayed(event.tenant, display));
                self.tiered(cx, numbers.into_iter().collect(), &told.data)
            }
            (Some("business_capability_update"), _) => {
                let numbers = told.waba.map(|waba| self.holds.of_account(event.tenant, &waba)).unwrap_or_default();
                self.tiered(cx, numbers, &told.data)
            }
            _ => Ok(()),
        }
    }

    /// Meta changed how many people the portfolio of these numbers may reach a day.
    fn tiered(&mut self, cx: &mut Context<'_>, numbers: Vec<String>, data: &serde_json::Value) -> Result<(), Poison> {
        let Some(limit) = data.get("max_daily_conversations_per_business").and_then(tier::people) else { return Ok(()) };
        for number in numbers {
            self.limit_reach(cx, &number, limit)?;
        }
        Ok(())
    }
}
