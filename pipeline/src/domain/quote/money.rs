//! Money: rounding to a currency's minor unit, and how an amount is written.

use rust_decimal::{Decimal, RoundingStrategy};

use super::Language;

/// ISO 4217 codes in use whose minor unit is a hundredth.
const HUNDREDTHS: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD \
    CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG \
    HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
    MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS \
    SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG";
/// Codes without a minor unit.
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
/// Codes whose minor unit is a thousandth.
const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// Decimal places of a currency's minor unit; `None` for a code that is not an ISO 4217 currency in use.
pub fn minor_units(currency: &str) -> Option<u32> {
    let listed = |codes: &str| codes.split_whitespace().any(|code| code == currency);
    if listed(HUNDREDTHS) {
        Some(2)
    } else if listed(WHOLE) {
        Some(0)
    } else if listed(THOUSANDTHS) {
        Some(3)
    } else {
        None
    }
}

/// Rounds to `places`, half away from zero: what a customer gets who checks the sum with a pocket calculator.
pub fn round(amount: Decimal, places: u32) -> Decimal {
    let mut rounded = amount.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(places);
    rounded
}

/// An amount as a customer reads it: `R$ 1.234,50` in Portuguese and Spanish, `R$ 1,234.50` in English. Currencies
/// without a familiar sign are written by code.
pub fn format(amount: Decimal, currency: &str, language: Language) -> String {
    let sign = match currency {
        "BRL" => "R$ ",
        "EUR" => "€ ",
        "GBP" => "£",
        "USD" => "US$ ",
        code => &format!("{code} "),
    };
    let minus = if amount.is_sign_negative() && !amount.is_zero() { "-" } else { "" };
    let amount = minor_units(currency).map_or(amount, |places| round(amount, places));
    format!("{minus}{sign}{}", number(amount.abs(), language))
}

/// A number with the language's decimal and thousands separators.
pub fn number(value: Decimal, language: Language) -> String {
    let (point, group) = match language {
        Language::En => ('.', ','),
        Language::Pt | Language::Es => (',', '.'),
    };
    let plain = value.to_string();
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
    let mut written = String::with_capacity(plain.len() + 8);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && digit.is_ascii_digit() && !written.ends_with('-') {
            written.push(group);
        }
        written.push(digit);
    }
    if let Some(fraction) = fraction {
        written.push(point);
        written.push_str(fraction);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero_at_the_minor_unit() {
        assert_eq!(round(Decimal::new(1005, 3), 2), Decimal::new(101, 2));
        assert_eq!(round(Decimal::new(1004, 3), 2), Decimal::new(100, 2));
        assert_eq!(round(Decimal::new(-1005, 3), 2), Decimal::new(-101, 2));
        assert_eq!(round(Decimal::new(15, 1), 0), Decimal::TWO);
        assert_eq!(round(Decimal::ONE, 2).to_string(), "1.00");
    }

    #[test]
    fn amounts_are_written_as_the_language_writes_them() {
        let amount = Decimal::new(123_456_750, 2);
        assert_eq!(format(amount, "BRL", Language::Pt), "R$ 1.234.567,50");
        assert_eq!(format(amount, "BRL", Language::En), "R$ 1,234,567.50");
        assert_eq!(format(Decimal::new(-5, 0), "EUR", Language::En), "-€ 5.00");
        assert_eq!(format(Decimal::new(1500, 0), "CLP", Language::Es), "CLP 1.500");
        assert_eq!(format(Decimal::ZERO, "XXX", Language::En), "XXX 0");
    }

    #[test]
    fn minor_units_follow_iso_4217() {
        let of = |code| minor_units(code);
        assert_eq!((of("BRL"), of("JPY"), of("KWD"), of("brl"), of("BRR")), (Some(2), Some(0), Some(3), None, None));
    }
}
