//! The built-in demonstration world; every value is invented.

use serde_json::json;

use super::{Account, Network, Number, Portfolio, TemplateSeed, Token, Waba, World};
use crate::limits::PairRate;

impl World {
    /// One portfolio without a messaging limit, one WABA with two numbers (80/s, and 20/s as coexistence numbers have)
    /// and templates of each category and state, one Instagram account and one page.
    pub fn demo() -> Self {
        Self {
            app_secret: "simulated-app-secret".into(),
            verify_token: "simulated-verify-token".into(),
            tokens: vec![
                Token { token: "simulated-access-token".into(), may_use: Vec::new(), expired: false },
                Token { token: "simulated-expired-token".into(), may_use: Vec::new(), expired: true },
            ],
            portfolios: vec![Portfolio {
                id: "15550300001".into(),
                messaging_limit: None,
                limit_code: super::spam_limit(),
                wabas: vec![Waba {
                    id: "15550200001".into(),
                    name: "Acme".into(),
                    subscribed: true,
                    numbers: vec![
                        number("15550100001", "+1 555-010-9001", "Acme", 80),
                        number("15550100002", "+1 555-010-9002", "Acme Service", 20),
                    ],
                    templates: templates(),
                }],
            }],
            accounts: vec![
                Account { id: "17841400000001".into(), network: Network::Instagram, name: "acme".into(), throughput: 100 },
                Account { id: "15550400001".into(), network: Network::Messenger, name: "Acme".into(), throughput: 300 },
            ],
            pair: PairRate::default(),
        }
    }
}

fn number(id: &str, display: &str, name: &str, throughput: u32) -> Number {
    Number {
        phone_number_id: id.into(),
        display_phone_number: display.into(),
        verified_name: name.into(),
        throughput,
        throughput_depth: None,
        throughput_jitter: 0.0,
        registered: true,
        quality: "GREEN".into(),
        allow_list: None,
    }
}

fn templates() -> Vec<TemplateSeed> {
    let of = |name: &str, language: &str, category: &str, status: &str, components| TemplateSeed {
        id: None,
        name: name.into(),
        language: language.into(),
        category: category.into(),
        status: status.into(),
        components,
    };
    let body = |text: &str| json!({"type": "BODY", "text": text});
    let offer = |text: &str, stop: &str| {
        vec![
            body(text),
            json!({"type": "FOOTER", "text": "Acme"}),
            json!({"type": "BUTTONS", "buttons": [
                {"type": "URL", "text": "Open", "url": "https://shop.example/offers/{{1}}", "example": ["spring"]},
                {"type": "QUICK_REPLY", "text": stop}]}),
        ]
    };
    vec![
        of("hello_world", "en_US", "UTILITY", "APPROVED", vec![body("Hello World")]),
        of("quote_ready", "en_US", "UTILITY", "APPROVED", vec![body("Hello {{1}}, your quote {{2}} over {{3}} is ready.")]),
        of(
            "appointment_reminder",
            "en_US",
            "UTILITY",
            "APPROVED",
            vec![
                json!({"type": "HEADER", "format": "TEXT", "text": "Reminder for {{1}}"}),
                body("We expect you on {{1}} at {{2}}."),
                json!({"type": "BUTTONS", "buttons": [
                    {"type": "QUICK_REPLY", "text": "Confirm"}, {"type": "QUICK_REPLY", "text": "Move"}]}),
            ],
        ),
        of("order_update", "en_US", "UTILITY", "APPROVED", vec![body("Hello {{first_name}}, order {{order_id}} is on its way.")]),
        of("spring_offer", "en_US", "MARKETING", "APPROVED", offer("Hello {{1}}, this week {{2}} off.", "Stop")),
        of("spring_offer", "de", "MARKETING", "APPROVED", offer("Hallo {{1}}, diese Woche {{2}} Rabatt.", "Stopp")),
        of(
            "catalogue_picture",
            "en_US",
            "MARKETING",
            "APPROVED",
            vec![json!({"type": "HEADER", "format": "IMAGE"}), body("New in, {{1}}.")],
        ),
        of(
            "login_code",
            "en_US",
            "AUTHENTICATION",
            "APPROVED",
            vec![
                json!({"type": "BODY", "text": "{{1}} is your code.", "add_security_recommendation": true}),
                json!({"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}]}),
            ],
        ),
        of("paused_offer", "en_US", "MARKETING", "PAUSED", vec![body("Hello {{1}}.")]),
        of("disabled_offer", "en_US", "MARKETING", "DISABLED", vec![body("Hello {{1}}.")]),
        of("pending_offer", "en_US", "MARKETING", "PENDING", vec![body("Hello {{1}}.")]),
    ]
}
