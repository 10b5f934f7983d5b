//! Limits of a template message that hold for every template; what one template asks of its parameters is judged beside it.

use sluice_schemas::command::{Component, ComponentType, Parameter, Template};

use super::super::check::Check;
use super::check::{location, media};

/// Checks a template message.
pub(super) fn check(check: &mut Check, template: &Template) {
    check.filled("template.name", &template.name, 512);
    check.filled("template.language.code", &template.language.code, 20);
    let mut places = Vec::new();
    for (n, component) in template.components.iter().enumerate() {
        let at = format!("template.components[{n}]");
        let place = (component.r#type, component.index.filter(|_| component.r#type == ComponentType::Button));
        check.that(!places.contains(&place), &at, "fills a place that another component fills already");
        places.push(place);
        self::component(check, &at, component);
    }
}

fn component(check: &mut Check, at: &str, component: &Component) {
    if component.r#type == ComponentType::Button {
        check.that(component.sub_type.is_some(), &format!("{at}.sub_type"), "is missing: a button needs its kind");
        check.that(component.index.is_some_and(|index| index < 10), &format!("{at}.index"), "is missing or above 9: which button, from 0");
    } else {
        check.that(component.sub_type.is_none(), &format!("{at}.sub_type"), "belongs to buttons only");
        check.that(component.index.is_none(), &format!("{at}.index"), "belongs to buttons only");
    }
    for (n, parameter) in component.parameters.iter().enumerate() {
        let at = format!("{at}.parameters[{n}]");
        let kind = parameter.kind();
        let fits = match component.r#type {
            ComponentType::Header => !matches!(kind, "payload" | "coupon_code" | "action"),
            ComponentType::Body => matches!(kind, "text" | "currency" | "date_time"),
            ComponentType::Button => matches!(kind, "text" | "payload" | "coupon_code" | "action"),
        };
        check.that(fits, &format!("{at}.type"), &format!("`{kind}` cannot fill this place"));
        self::parameter(check, &at, parameter);
    }
}

fn parameter(check: &mut Check, at: &str, parameter: &Parameter) {
    check.perhaps(&format!("{at}.parameter_name"), parameter.name(), 60);
    match parameter {
        Parameter::Text { text, .. } => {
            check.that(!text.is_empty(), &format!("{at}.text"), "is empty");
            let broken = text.contains(['\n', '\t']) || text.contains("     ");
            check.that(!broken, &format!("{at}.text"), "has a line break, a tab or more than four spaces in a row (132018)");
        }
        Parameter::Currency { currency, .. } => {
            check.filled(&format!("{at}.currency.fallback_value"), &currency.fallback_value, 200);
            check.that(currency.code.len() == 3, &format!("{at}.currency.code"), "is not a currency of three letters");
        }
        Parameter::DateTime { date_time, .. } => check.filled(&format!("{at}.date_time.fallback_value"), &date_time.fallback_value, 200),
        Parameter::Payload { payload, .. } => check.filled(&format!("{at}.payload"), payload, 256),
        Parameter::CouponCode { coupon_code, .. } => check.filled(&format!("{at}.coupon_code"), coupon_code, 15),
        Parameter::Location { location: place, .. } => location(check, &format!("{at}.location"), place),
        Parameter::Action { action, .. } => check.that(action.is_object(), &format!("{at}.action"), "must be an object"),
        Parameter::Image { .. } | Parameter::Video { .. } | Parameter::Document { .. } => {
            if let Some(content) = parameter.media() {
                media(check, &format!("{at}.{}", parameter.kind()), parameter.kind(), content);
            }
        }
    }
}
