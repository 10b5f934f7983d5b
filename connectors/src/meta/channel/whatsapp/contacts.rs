use sluice_schemas::command::{Contact, Name};

use super::super::check::Check;

/// Address-book cards.
pub(super) fn check(check: &mut Check, cards: &[Contact]) {
    check.count("contacts", cards.len(), 1, 257);
    for (n, card) in cards.iter().enumerate() {
        let at = format!("contacts[{n}]");
        name(check, &format!("{at}.name"), &card.name);
        if let Some(birthday) = &card.birthday {
            let fits = birthday.len() == 10 && birthday.parse::<jiff::civil::Date>().is_ok();
            check.that(fits, &format!("{at}.birthday"), "is not a date; write YYYY-MM-DD");
        }
        for (n, phone) in card.phones.iter().enumerate() {
            check.that(phone.phone.is_some() || phone.wa_id.is_some(), &format!("{at}.phones[{n}].phone"), "is missing");
        }
    }
}

fn name(check: &mut Check, at: &str, name: &Name) {
    check.filled(&format!("{at}.formatted_name"), &name.formatted_name, 1_024);
    let parts = [&name.first_name, &name.last_name, &name.middle_name, &name.suffix, &name.prefix];
    check.that(
        parts.iter().any(|part| part.is_some()),
        at,
        "needs one part beside `formatted_name`: first_name, last_name, middle_name, suffix or prefix",
    );
}
