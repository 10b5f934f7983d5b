//! The small words of English, Portuguese and Spanish that a request is made of, folded (lower case, no accents).

use std::{collections::HashMap, sync::LazyLock};

use super::Language;

/// Words that may stand between the words of a name, or between a quantity and its item, without meaning anything.
pub(super) const CONNECTIVES: &[&str] = &["of", "de", "do", "da", "dos", "das", "del", "the"];

/// Words that join two things asked for.
pub(super) const JOINERS: &[&str] = &["and", "e", "y", "plus", "mais", "mas", "tambem", "tambien", "also", "com", "with"];

/// Words after which a postal code may stand by itself.
const TOWARDS: &[&str] = &["to", "para", "pra", "p", "em", "a", "at"];

/// Words that announce a postal code.
const POSTAL: &[&str] = &["cep", "zip", "zipcode", "postcode", "postal", "cp"];

/// Words that say the customer fetches the goods.
pub(super) const PICKUP: &[&str] = &["pickup", "retirada", "retirar", "retiro", "buscar", "recoger", "recojo", "collect"];

/// Words that turn a mention into its opposite.
pub(super) const NOT: &[&str] = &["not", "without", "nao", "sem", "sin", "dont", "except", "exceto", "menos"];

/// What a number before one of these counts is never goods.
#[rustfmt::skip]
pub(super) const NOT_GOODS: &[&str] = &[
    "dia", "dias", "day", "days", "hora", "horas", "hour", "hours", "h", "hs", "hrs", "hr", "semana", "semanas",
    "week", "weeks", "mes", "meses", "month", "months", "minuto", "minutos", "minute", "minutes", "min", "am", "pm",
    "real", "reais", "brl", "usd", "eur", "dolar", "dolares", "dollar", "dollars", "euro", "euros", "peso", "pesos",
    "km", "ano", "anos", "year", "years", "pessoas", "people", "personas", "vezes", "times", "veces",
];

/// A number after one of these names something and counts nothing (`dia 15`, `number 7`).
#[rustfmt::skip]
pub(super) const NAMED_BY_NUMBER: &[&str] = &[
    "dia", "day", "numero", "number", "nro", "n", "apto", "apt", "km", "rg", "cpf", "cnpj", "tel", "telefone", "fone",
    "phone", "telefono", "pedido", "rua", "street", "calle", "av", "avenida", "avenue", "lote", "quadra",
];

/// Words that say a price is wanted.
#[rustfmt::skip]
const ASKING: &[&str] = &[
    "price", "prices", "quote", "quotation", "cost", "costs", "much", "need", "want", "order", "buy", "send",
    "deliver", "preco", "precos", "valor", "quanto", "quantos", "custa", "orcamento", "cotacao", "quero", "queria",
    "preciso", "gostaria", "comprar", "mande", "manda", "entrega", "frete", "precio", "precios", "cuanto", "cuesta",
    "cotizacion", "cotizar", "presupuesto", "quiero", "necesito", "quisiera", "pedido", "envie", "enviar",
];

#[rustfmt::skip]
const ENGLISH: &[&str] = &[
    "the", "of", "some", "any", "please", "pls", "thanks", "thank", "you", "hi", "hello", "hey", "good", "morning",
    "afternoon", "evening", "i", "im", "id", "we", "need", "want", "would", "like", "can", "could", "me", "us", "my",
    "our", "have", "has", "is", "are", "do", "does", "how", "much", "many", "price", "prices", "quote", "quotation",
    "cost", "costs", "for", "in", "on", "at", "with", "send", "deliver", "delivery", "delivered", "ship", "shipping",
    "today", "tomorrow", "now", "asap", "urgent", "urgently", "and", "also", "plus", "more", "order", "buy", "get",
    "give", "what", "whats", "about", "total", "it", "this", "that", "to", "from", "by", "address", "street", "a",
    "an", "or", "zip", "code", "postal", "your", "if", "possible", "there", "be", "will", "each", "x", "freight",
    "make", "looking", "pick", "up", "pickup", "collect", "only", "just", "not", "without", "dont", "except", "no",
    "yes", "ok", "long", "available", "stock", "still", "sir", "friend", "question", "regards", "were", "house",
    "home", "site",
];
#[rustfmt::skip]
const PORTUGUESE: &[&str] = &[
    "o", "a", "os", "as", "de", "do", "da", "dos", "das", "em", "no", "na", "nos", "nas", "por", "favor", "obrigado",
    "obrigada", "obg", "oi", "ola", "bom", "boa", "dia", "tarde", "noite", "eu", "quero", "queria", "preciso",
    "gostaria", "voce", "voces", "vc", "vcs", "tem", "teria", "entrega", "entregar", "entregam", "frete", "quanto",
    "quantos", "custa", "custam", "fica", "sai", "preco", "precos", "valor", "orcamento", "cotacao", "hoje", "amanha",
    "urgente", "tambem", "mais", "para", "pra", "pro", "p", "com", "me", "manda", "mande", "mandar", "enviar",
    "comprar", "pedido", "fazer", "faz", "qual", "quais", "pf", "pfv", "tudo", "bem", "esse", "essa", "este", "esta",
    "isso", "meu", "minha", "endereco", "rua", "ate", "e", "um", "uma", "cep", "ou", "que", "cada", "uns", "umas",
    "algum", "so", "seria", "vou", "precisando", "ai", "gente", "amigo", "amiga", "retirar", "retirada", "buscar",
    "loja", "ao", "aos", "nao", "sem", "exceto", "menos", "abraco", "duvida", "obra", "casa", "codigo", "postal",
    "poderia", "pode", "ainda", "disponivel", "estoque", "sim", "se", "possivel", "estou", "material", "materiais",
];
#[rustfmt::skip]
const SPANISH: &[&str] = &[
    "el", "la", "los", "las", "de", "del", "en", "por", "favor", "gracias", "hola", "buenos", "buenas", "dias",
    "tardes", "noches", "yo", "quiero", "necesito", "quisiera", "usted", "ustedes", "tiene", "tienen", "cuanto",
    "cuantos", "cuesta", "cuestan", "precio", "precios", "cotizacion", "cotizar", "presupuesto", "enviar", "envie",
    "envio", "entrega", "hoy", "manana", "urgente", "tambien", "mas", "para", "con", "me", "pedido", "comprar", "un",
    "una", "y", "o", "a", "que", "cada", "cual", "cuales", "mi", "direccion", "calle", "es", "son", "hacer", "se",
    "al", "recoger", "recojo", "retiro", "tienda", "no", "sin", "menos", "codigo", "postal", "si", "esta", "este",
    "eso", "puede", "podria", "hay", "disponible", "obra", "casa", "material", "materiales",
];

#[rustfmt::skip]
const NUMBERS: &[(&str, u32)] = &[
    ("one", 1), ("two", 2), ("three", 3), ("four", 4), ("five", 5), ("six", 6), ("seven", 7), ("eight", 8),
    ("nine", 9), ("ten", 10), ("eleven", 11), ("twelve", 12), ("thirteen", 13), ("fourteen", 14), ("fifteen", 15),
    ("sixteen", 16), ("seventeen", 17), ("eighteen", 18), ("nineteen", 19), ("twenty", 20), ("thirty", 30),
    ("forty", 40), ("fifty", 50), ("sixty", 60), ("seventy", 70), ("eighty", 80), ("ninety", 90), ("um", 1),
    ("uma", 1), ("dois", 2), ("duas", 2), ("tres", 3), ("quatro", 4), ("cinco", 5), ("seis", 6), ("sete", 7),
    ("oito", 8), ("nove", 9), ("dez", 10), ("onze", 11), ("doze", 12), ("treze", 13), ("quatorze", 14),
    ("catorze", 14), ("quinze", 15), ("dezesseis", 16), ("dezessete", 17), ("dezoito", 18), ("dezenove", 19),
    ("vinte", 20), ("trinta", 30), ("quarenta", 40), ("cinquenta", 50), ("sessenta", 60), ("setenta", 70),
    ("oitenta", 80), ("noventa", 90), ("cem", 100), ("cento", 100), ("duzentos", 200), ("duzentas", 200),
    ("trezentos", 300), ("trezentas", 300), ("quatrocentos", 400), ("quatrocentas", 400), ("quinhentos", 500),
    ("quinhentas", 500), ("seiscentos", 600), ("seiscentas", 600), ("setecentos", 700), ("setecentas", 700),
    ("oitocentos", 800), ("oitocentas", 800), ("novecentos", 900), ("novecentas", 900), ("un", 1), ("una", 1),
    ("uno", 1), ("dos", 2), ("cuatro", 4), ("siete", 7), ("ocho", 8), ("nueve", 9), ("diez", 10), ("once", 11),
    ("doce", 12), ("trece", 13), ("quince", 15), ("dieciseis", 16), ("diecisiete", 17), ("dieciocho", 18),
    ("diecinueve", 19), ("veinte", 20), ("veintiuno", 21), ("veintiun", 21), ("veintidos", 22), ("veintitres", 23),
    ("veinticuatro", 24), ("veinticinco", 25), ("veintiseis", 26), ("veintisiete", 27), ("veintiocho", 28),
    ("veintinueve", 29), ("treinta", 30), ("cuarenta", 40), ("cincuenta", 50), ("sesenta", 60), ("setenta", 70),
    ("ochenta", 80), ("noventa", 90), ("cien", 100), ("ciento", 100), ("doscientos", 200), ("doscientas", 200),
    ("trescientos", 300), ("trescientas", 300), ("cuatrocientos", 400), ("cuatrocientas", 400), ("quinientos", 500),
    ("quinientas", 500), ("seiscientos", 600), ("setecientos", 700), ("ochocientos", 800), ("novecientos", 900),
];

/// Words that multiply the number before them, or stand for themselves.
const MULTIPLIERS: &[(&str, u32)] = &[
    ("hundred", 100),
    ("hundreds", 100),
    ("thousand", 1000),
    ("thousands", 1000),
    ("mil", 1000),
    ("milheiro", 1000),
    ("milheiros", 1000),
    ("millar", 1000),
    ("millares", 1000),
    ("dozen", 12),
    ("dozens", 12),
    ("duzia", 12),
    ("duzias", 12),
    ("docena", 12),
    ("docenas", 12),
    ("pair", 2),
    ("pairs", 2),
    ("couple", 2),
    ("par", 2),
    ("pares", 2),
];

static NUMBER: LazyLock<HashMap<&'static str, u32>> = LazyLock::new(|| NUMBERS.iter().copied().collect());
static MULTIPLIER: LazyLock<HashMap<&'static str, u32>> = LazyLock::new(|| MULTIPLIERS.iter().copied().collect());
static FILLER: LazyLock<HashMap<&'static str, [bool; 3]>> = LazyLock::new(|| {
    let mut languages = HashMap::<&str, [bool; 3]>::new();
    for (index, list) in [ENGLISH, PORTUGUESE, SPANISH].into_iter().enumerate() {
        for word in list {
            languages.entry(word).or_default()[index] = true;
        }
    }
    languages
});

/// The value of a number word.
pub(super) fn number(word: &str) -> Option<u32> {
    NUMBER.get(word).copied()
}

/// The factor of a multiplying word.
pub(super) fn multiplier(word: &str) -> Option<u32> {
    MULTIPLIER.get(word).copied()
}

/// Whether the word means a half.
pub(super) fn half(word: &str) -> bool {
    matches!(word, "half" | "meio" | "meia" | "medio" | "media")
}

/// An article that is also a number: by itself it does not say that goods are counted.
pub(super) fn article(word: &str) -> bool {
    matches!(word, "a" | "an" | "one" | "um" | "uma" | "un" | "una")
}

/// Whether the word offers a choice between what stands before and after it. Spanish `o` is an article in Portuguese.
pub(super) fn alternative(word: &str, language: Option<Language>) -> bool {
    matches!(word, "or" | "ou" | "u") || word == "o" && language == Some(Language::Es)
}

/// A word of ordinary talk, which asks for no goods.
pub(super) fn filler(word: &str) -> bool {
    FILLER.contains_key(word) || asking(word)
}

/// Whether the word says that a price is wanted.
pub(super) fn asking(word: &str) -> bool {
    ASKING.contains(&word)
}

/// Whether the word, by itself, announces a postal code.
pub(super) fn announces_postal(word: &str) -> bool {
    POSTAL.contains(&word)
}

/// Whether a bare code may follow the word.
pub(super) fn towards(word: &str) -> bool {
    TOWARDS.contains(&word)
}

/// Which language the words are in, by counting the small words only one or two of the languages have. `None` when
/// none prevails.
pub(super) fn language<'a>(words: impl Iterator<Item = &'a str>) -> Option<Language> {
    let mut score = [0_u32; 3];
    for word in words.take(200) {
        if let Some(languages) = FILLER.get(word) {
            let shared = languages.iter().filter(|in_it| **in_it).count();
            for (index, _) in languages.iter().enumerate().filter(|(_, in_it)| **in_it) {
                score[index] += if shared == 1 { 3 } else { 1 };
            }
        }
    }
    let best = score.into_iter().max().filter(|best| *best > 0)?;
    let mut winners = [Language::En, Language::Pt, Language::Es].into_iter().zip(score).filter(|(_, s)| *s == best);
    let (language, _) = winners.next()?;
    winners.next().is_none().then_some(language)
}
