//! Units of measure: the words customers use for them in three languages, and how they are shown.

use std::{collections::HashMap, sync::LazyLock};

use super::{Language, text};

/// A unit everybody knows, with its words.
struct Unit {
    /// What catalogues call it.
    code: &'static str,
    /// Folded singulars (and irregular plurals) in any of the languages.
    aliases: &'static [&'static str],
    /// Singular and plural shown, in English, Portuguese, Spanish.
    shown: [(&'static str, &'static str); 3],
}

/// Symbols are the same in every language and number.
const fn symbol(shown: &'static str) -> [(&'static str, &'static str); 3] {
    [(shown, shown); 3]
}

#[rustfmt::skip]
const UNITS: &[Unit] = &[
    Unit { code: "bag", aliases: &["bag", "sack", "saco", "saca", "sc", "scs", "bolsa", "costal"],
        shown: [("bag", "bags"), ("saco", "sacos"), ("saco", "sacos")] },
    Unit { code: "m3", aliases: &["m3", "mt3", "mts3", "metro cubico", "metros cubicos", "cubic meter", "cubic meters",
        "cubic metre", "cubic metres"], shown: symbol("m³") },
    Unit { code: "m2", aliases: &["m2", "mt2", "mts2", "metro quadrado", "metros quadrados", "metro cuadrado",
        "metros cuadrados", "square meter", "square meters", "square metre", "square metres"], shown: symbol("m²") },
    Unit { code: "kg", aliases: &["kg", "kgs", "kilo", "quilo", "kilogram", "kilogramme", "quilograma", "kilogramo"],
        shown: symbol("kg") },
    Unit { code: "t", aliases: &["t", "ton", "tons", "tonne", "tonelada", "metric ton", "metric tons"],
        shown: symbol("t") },
    Unit { code: "m", aliases: &["m", "mt", "mts", "meter", "metre", "metro"], shown: symbol("m") },
    Unit { code: "l", aliases: &["l", "lt", "lts", "liter", "litre", "litro"], shown: symbol("L") },
    Unit { code: "gal", aliases: &["gal", "gallon", "galao", "galon"],
        shown: [("gallon", "gallons"), ("galão", "galões"), ("galón", "galones")] },
    Unit { code: "piece", aliases: &["piece", "pc", "pcs", "peca", "pieza", "un", "und", "uni", "unid", "unit", "unidade",
        "unidad"], shown: [("piece", "pieces"), ("unidade", "unidades"), ("unidad", "unidades")] },
    Unit { code: "box", aliases: &["box", "caixa", "cx", "caja"],
        shown: [("box", "boxes"), ("caixa", "caixas"), ("caja", "cajas")] },
    Unit { code: "can", aliases: &["can", "lata", "tin"], shown: [("can", "cans"), ("lata", "latas"), ("lata", "latas")] },
    Unit { code: "bucket", aliases: &["bucket", "pail", "balde", "cubeta"],
        shown: [("bucket", "buckets"), ("balde", "baldes"), ("balde", "baldes")] },
    Unit { code: "bar", aliases: &["bar", "barra", "rod", "vara"],
        shown: [("bar", "bars"), ("barra", "barras"), ("barra", "barras")] },
    Unit { code: "roll", aliases: &["roll", "rolo", "rollo"],
        shown: [("roll", "rolls"), ("rolo", "rolos"), ("rollo", "rollos")] },
    Unit { code: "sheet", aliases: &["sheet", "chapa", "folha", "placa", "lamina"],
        shown: [("sheet", "sheets"), ("chapa", "chapas"), ("placa", "placas")] },
    Unit { code: "pack", aliases: &["pack", "package", "pacote", "pct", "paquete", "fardo"],
        shown: [("pack", "packs"), ("pacote", "pacotes"), ("paquete", "paquetes")] },
    Unit { code: "pallet", aliases: &["pallet", "palete"],
        shown: [("pallet", "pallets"), ("palete", "paletes"), ("palé", "palés")] },
    Unit { code: "truck", aliases: &["truck", "truckload", "caminhao", "carrada", "camion", "camionada"],
        shown: [("truckload", "truckloads"), ("caminhão", "caminhões"), ("camión", "camiones")] },
];

static BY_ALIAS: LazyLock<HashMap<&'static str, &'static Unit>> =
    LazyLock::new(|| UNITS.iter().flat_map(|unit| unit.aliases.iter().map(move |alias| (*alias, unit))).collect());

/// The unit's code: the well-known one for a word of any language, else the folded word itself in its shortest form,
/// so that two spellings of a tenant's own unit compare equal.
pub(super) fn code(unit: &str) -> String {
    let folded: Vec<String> = text::tokens(unit).into_iter().map(|token| token.folded).collect();
    let folded = folded.join(" ");
    known(&folded).map_or_else(|| text::shortest(&folded), str::to_owned)
}

/// The code of a well-known unit, from its folded word or words.
pub(super) fn known(folded: &str) -> Option<&'static str> {
    text::forms(folded).iter().find_map(|form| BY_ALIAS.get(form.as_str())).map(|unit| unit.code)
}

/// Whether the unit is a weight, which may describe a package (`bags of 50 kg`).
pub(super) fn is_weight(code: &str) -> bool {
    matches!(code, "kg" | "t")
}

/// The unit as shown beside a quantity.
pub(super) fn shown(unit: &str, one: bool, language: Language) -> String {
    let code = code(unit);
    let Some(known) = UNITS.iter().find(|known| known.code == code) else { return unit.to_owned() };
    let (singular, plural) = match language {
        Language::En => known.shown[0],
        Language::Pt => known.shown[1],
        Language::Es => known.shown[2],
    };
    if one { singular } else { plural }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_unit_are_one_unit() {
        for (spelling, expected) in [
            ("Bags", "bag"),
            ("sacos", "bag"),
            ("m³", "m3"),
            ("M3", "m3"),
            ("metros cúbicos", "m3"),
            ("galões", "gal"),
            ("toneladas", "t"),
            ("boxes", "box"),
            ("Feixes", "feix"),
            ("feixe", "feix"),
        ] {
            assert_eq!(code(spelling), expected, "{spelling}");
        }
    }

    #[test]
    fn no_word_names_two_units() {
        let words: Vec<_> = UNITS.iter().flat_map(|unit| unit.aliases).collect();
        assert_eq!(words.len(), BY_ALIAS.len());
    }
}
