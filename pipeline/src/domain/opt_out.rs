//! Words by which a person leaves the offers or comes back: the whole message, in any case, with or without accents and marks.
//!
//! Words that an order may be about, such as "cancel", are left out: who means the offers is told of STOP by the offers themselves.

use super::quote::{Language, fold};

/// What a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// No offers any more.
    Stop,
    /// Offers again.
    Start,
}

const STOP: [&str; 22] = [
    "stop",
    "stop all",
    "stopall",
    "unsubscribe",
    "opt out",
    "optout", // English
    "sair",
    "parar",
    "pare",
    "descadastrar",
    "me descadastre",
    "cancelar inscricao", // Portuguese
    "baja",
    "darme de baja",
    "dar de baja",
    "no mas mensajes", // Spanish
    "arret",
    "desabonner", // French
    "stopp",
    "abmelden",
    "abbestellen",  // German
    "disiscrivimi", // Italian
];
const START: [&str; 11] = [
    "start",
    "unstop",
    "subscribe",
    "opt in", // English
    "voltar a receber",
    "inscrever", // Portuguese
    "alta",
    "darme de alta", // Spanish
    "abonner",       // French
    "anmelden",      // German
    "iscrivimi",     // Italian
];
/// A longer message is about something.
const LONGEST: usize = 40;

/// The wish that a message is, if it is one.
pub fn wish(text: &str) -> Option<Wish> {
    if text.len() > LONGEST {
        return None;
    }
    let folded = fold(text);
    let words: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let said = words.join(" ");
    if STOP.contains(&said.as_str()) {
        return Some(Wish::Stop);
    }
    START.contains(&said.as_str()).then_some(Wish::Start)
}

/// What the person is answered, so that they know it worked and how to undo it.
pub const fn confirmation(wish: Wish, language: Language) -> &'static str {
    match (wish, language) {
        (Wish::Stop, Language::En) => "You will get no more offers from us. Write START to get them again.",
        (Wish::Stop, Language::Pt) => "Você não receberá mais ofertas nossas. Escreva START para voltar a recebê-las.",
        (Wish::Stop, Language::Es) => "No recibirá más ofertas nuestras. Escriba START para volver a recibirlas.",
        (Wish::Start, Language::En) => "You will get our offers again. Write STOP to end them.",
        (Wish::Start, Language::Pt) => "Você voltará a receber nossas ofertas. Escreva STOP para não recebê-las mais.",
        (Wish::Start, Language::Es) => "Volverá a recibir nuestras ofertas. Escriba STOP para no recibirlas más.",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_is_known_in_any_dress_and_only_alone() {
        for text in ["STOP", " stop. ", "Stop!", "SAIR", "Parar", "«Arrêt»", "DARME DE BAJA", "stop-all", "ＳＴＯＰ"] {
            assert_eq!(wish(text), Some(Wish::Stop), "{text}");
        }
        for text in ["start", "Voltar a receber", "¡ALTA!"] {
            assert_eq!(wish(text), Some(Wish::Start), "{text}");
        }
        for text in ["", "!", "stop by at noon?", "3 sacos, pode parar em casa", "cancel", "non-stop", "baja el precio"] {
            assert_eq!(wish(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic_and_a_long_one_is_no_wish(text in ".{0,80}") {
            let wished = wish(&text);
            prop_assert!(wished.is_none() || text.len() <= LONGEST);
        }
    }
}
