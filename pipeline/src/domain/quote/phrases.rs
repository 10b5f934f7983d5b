//! What a quote says, in each language. One table, so that a missing translation does not compile.

use super::Language;

/// The fixed words of a message. `{}` stands for what is filled in.
pub(super) struct Phrases {
    pub title: &'static str,
    pub each: &'static str,
    pub more_item: &'static str,
    pub more_items: &'static str,
    pub subtotal: &'static str,
    pub discount: &'static str,
    pub other_discounts: &'static str,
    pub freight: &'static str,
    pub free: &'static str,
    pub pickup: &'static str,
    pub freight_later: &'static str,
    pub adjustment: &'static str,
    pub total: &'static str,
    pub total_without_freight: &'static str,
    pub valid_until: &'static str,
    pub ask_items: &'static str,
    pub ask_quantity: &'static str,
    pub ask_unit: &'static str,
    pub ask_choice: &'static str,
    pub ask_postal: &'static str,
    pub more_questions: &'static str,
    pub waiting: &'static str,
    pub rejected: &'static str,
    pub converted: &'static str,
    pub rounded_up: &'static str,
    pub tier: &'static str,
    pub group: &'static str,
    pub list: &'static str,
    pub valid_to: &'static str,
    pub not_valid: &'static str,
    pub or: &'static str,
}

pub(super) fn of(language: Language) -> &'static Phrases {
    match language {
        Language::En => &ENGLISH,
        Language::Pt => &PORTUGUESE,
        Language::Es => &SPANISH,
    }
}

const ENGLISH: Phrases = Phrases {
    title: "Quote {}",
    each: "{} each",
    more_item: "…and 1 more item: {}",
    more_items: "…and {} more items: {}",
    subtotal: "Subtotal",
    discount: "Discount",
    other_discounts: "Other discounts",
    freight: "Freight",
    free: "free",
    pickup: "Freight: none, you collect",
    freight_later: "Freight: to be confirmed",
    adjustment: "Adjustment",
    total: "Total",
    total_without_freight: "Total without freight",
    valid_until: "Valid until {}",
    ask_items: "What would you like a quote for? Tell us the items and quantities.",
    ask_quantity: "How many ({}) of {} would you like? {} each.",
    ask_unit: "We do not sell {} by \"{}\". How many, in {}?",
    ask_choice: "Which one do you mean by \"{}\": {}?",
    ask_postal: "What is the postal code for the delivery?",
    more_questions: "We will ask about the other items next.",
    waiting: "Thank you! We are checking your quote and will send it shortly.",
    rejected: "We are sorry, we cannot offer this quote. One of our team will contact you.",
    converted: "{} {} = {} {}",
    rounded_up: "rounded up from {}",
    tier: "price from {} on (list {})",
    group: "price for {} (list {})",
    list: "list price",
    valid_to: "price until {}",
    not_valid: "price to be confirmed",
    or: "or",
};

const PORTUGUESE: Phrases = Phrases {
    title: "Orçamento {}",
    each: "{} cada",
    more_item: "…e mais 1 item: {}",
    more_items: "…e mais {} itens: {}",
    subtotal: "Subtotal",
    discount: "Desconto",
    other_discounts: "Outros descontos",
    freight: "Frete",
    free: "grátis",
    pickup: "Frete: nenhum, retirada na loja",
    freight_later: "Frete: a confirmar",
    adjustment: "Ajuste",
    total: "Total",
    total_without_freight: "Total sem frete",
    valid_until: "Válido até {}",
    ask_items: "O que você gostaria de orçar? Diga os itens e as quantidades.",
    ask_quantity: "Qual a quantidade ({}) de {}? {} cada.",
    ask_unit: "Não vendemos {} por \"{}\". Qual a quantidade, em {}?",
    ask_choice: "Qual deles você quer dizer com \"{}\": {}?",
    ask_postal: "Qual é o CEP da entrega?",
    more_questions: "Em seguida perguntamos sobre os outros itens.",
    waiting: "Obrigado! Estamos conferindo o seu orçamento e já enviamos.",
    rejected: "Desculpe, não podemos oferecer este orçamento. Alguém da equipe vai falar com você.",
    converted: "{} {} = {} {}",
    rounded_up: "arredondado de {}",
    tier: "preço a partir de {} (tabela {})",
    group: "preço para {} (tabela {})",
    list: "preço de tabela",
    valid_to: "preço até {}",
    not_valid: "preço a confirmar",
    or: "ou",
};

const SPANISH: Phrases = Phrases {
    title: "Presupuesto {}",
    each: "{} cada uno",
    more_item: "…y 1 artículo más: {}",
    more_items: "…y {} artículos más: {}",
    subtotal: "Subtotal",
    discount: "Descuento",
    other_discounts: "Otros descuentos",
    freight: "Flete",
    free: "gratis",
    pickup: "Flete: ninguno, retiro en tienda",
    freight_later: "Flete: por confirmar",
    adjustment: "Ajuste",
    total: "Total",
    total_without_freight: "Total sin flete",
    valid_until: "Válido hasta {}",
    ask_items: "¿Qué desea cotizar? Díganos los artículos y las cantidades.",
    ask_quantity: "¿Qué cantidad ({}) de {}? {} cada uno.",
    ask_unit: "No vendemos {} por «{}». ¿Qué cantidad, en {}?",
    ask_choice: "¿Cuál quiere decir con «{}»: {}?",
    ask_postal: "¿Cuál es el código postal de la entrega?",
    more_questions: "Enseguida preguntamos por los otros artículos.",
    waiting: "¡Gracias! Estamos revisando su presupuesto y lo enviamos enseguida.",
    rejected: "Lo sentimos, no podemos ofrecer este presupuesto. Alguien del equipo le contactará.",
    converted: "{} {} = {} {}",
    rounded_up: "redondeado de {}",
    tier: "precio desde {} (lista {})",
    group: "precio para {} (lista {})",
    list: "precio de lista",
    valid_to: "precio hasta {}",
    not_valid: "precio por confirmar",
    or: "o",
};

/// Fills the `{}` of a phrase in order.
pub(super) fn fill(phrase: &str, values: &[&str]) -> String {
    let mut values = values.iter();
    let mut parts = phrase.split("{}");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        filled.push_str(values.next().copied().unwrap_or_default());
        filled.push_str(part);
    }
    filled
}
