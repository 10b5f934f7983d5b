//! What a segment is made of: `tag = vip and (city = "São Paulo", Recife or age >= 30) and not campaign = <id>`.

use rust_decimal::Decimal;
use sluice_schemas::ids::CampaignId;
use winnow::ascii::{Caseless, multispace0};
use winnow::combinator::{alt, cut_err, delimited, eof, not, opt, peek, preceded, separated, terminated};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::token::{take_till, take_while};

/// Longest expression, bytes.
const LENGTH: usize = 4_096;
/// Parentheses and `not` inside each other.
const DEPTH: usize = 32;

/// Which contacts are meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// Each of these holds.
    All(Vec<Expression>),
    /// One of these holds.
    Any(Vec<Expression>),
    /// This does not hold.
    Not(Box<Expression>),
    /// It is among those with this.
    Is(Field, Test),
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `phone`: digits; a `*` at the end stands for any.
    Phone,
    /// `tag`: one of them.
    Tag,
    /// `consent`: where it comes from.
    Consent,
    /// `campaign`: whether the contact was in its audience.
    Campaign,
    /// `last_campaign`: days since a campaign that has the contact in its audience was started.
    LastCampaign,
    /// Anything else: a column of the files that were imported.
    Attribute(String),
}

/// What it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// There is something.
    Present,
    /// It is one of these.
    In(Vec<String>),
    /// It compares so. A number is compared as a number and no text is below or above it; any other value is compared as text, which
    /// suits dates as `2026-11-27`.
    Than(Order, String),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Order {
    /// The operator, in segments and in SQL alike.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl std::str::FromStr for Expression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH {
            return Err(format!("is longer than {LENGTH} bytes"));
        }
        let nested = |c: char| text.matches(c).count();
        if nested('(') > DEPTH || text.to_lowercase().matches("not").count() > DEPTH {
            return Err(format!("has more than {DEPTH} parentheses or `not`"));
        }
        let whole = terminated(any, (multispace0, eof.context(expected("`and`, `or` or the end"))));
        let read = preceded(multispace0, whole).parse(text).map_err(|error| fault(text, error.offset(), error.inner()))?;
        check(&read)?;
        Ok(read)
    }
}

type Input<'a, T> = winnow::Result<T, ErrMode<ContextError>>;

fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

fn fault(text: &str, offset: usize, error: &ContextError) -> String {
    let rest: String = text.get(offset..).unwrap_or_default().chars().take(20).collect();
    let place = if rest.is_empty() { "at its end".to_owned() } else { format!("at `{rest}`") };
    let wanted =
        error.context().find_map(|context| if let StrContext::Expected(wanted) = context { Some(wanted.to_string()) } else { None });
    let wanted = wanted.unwrap_or_else(|| "a condition such as `tag = vip`, `city = \"São Paulo\", Recife` or `age >= 30`".to_owned());
    format!("cannot be read {place}: expected {wanted}")
}

fn any(input: &mut &str) -> Input<'static, Expression> {
    let parts: Vec<Expression> = separated(1.., all, keyword("or")).parse_next(input)?;
    Ok(one(parts, Expression::Any))
}

fn all(input: &mut &str) -> Input<'static, Expression> {
    let parts: Vec<Expression> = separated(1.., unary, keyword("and")).parse_next(input)?;
    Ok(one(parts, Expression::All))
}

fn one(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

fn unary(input: &mut &str) -> Input<'static, Expression> {
    alt((
        preceded(keyword("not"), cut_err(unary)).map(|inner| Expression::Not(Box::new(inner))),
        delimited(sign("("), cut_err(any), cut_err(sign(")")).context(expected("`and`, `or` or `)`"))),
        condition,
    ))
    .parse_next(input)
}

fn condition(input: &mut &str) -> Input<'static, Expression> {
    let field = preceded(not(reserved), word).map(|name| field(&name)).parse_next(input)?;
    let operator = opt(alt((sign("!="), sign("<="), sign(">="), sign("="), sign("<"), sign(">")))).parse_next(input)?;
    let Some(operator) = operator else { return Ok(Expression::Is(field, Test::Present)) };
    let value =
        |input: &mut &str| preceded(not(reserved), word).context(expected("a value, in \"…\" when it has spaces")).parse_next(input);
    let order = match operator {
        "<" => Order::Below,
        "<=" => Order::AtMost,
        ">" => Order::Above,
        ">=" => Order::AtLeast,
        _ => {
            let values = cut_err(separated(1.., value, sign(","))).parse_next(input)?;
            let is = Expression::Is(field, Test::In(values));
            return Ok(if operator == "!=" { Expression::Not(Box::new(is)) } else { is });
        }
    };
    Ok(Expression::Is(field, Test::Than(order, cut_err(value).parse_next(input)?)))
}

fn field(name: &str) -> Field {
    match name {
        "phone" => Field::Phone,
        "tag" => Field::Tag,
        "consent" => Field::Consent,
        "campaign" => Field::Campaign,
        "last_campaign" => Field::LastCampaign,
        other => Field::Attribute(other.to_owned()),
    }
}

const fn bare(c: char) -> bool {
    !(c.is_whitespace() || matches!(c, '(' | ')' | '=' | '!' | '<' | '>' | ',' | '"'))
}

/// A bare word, or anything in quotation marks, of which two stand for one.
fn word(input: &mut &str) -> Input<'static, String> {
    let quoted = |input: &mut &str| -> Input<'static, String> {
        let mut text = String::new();
        '"'.parse_next(input)?;
        loop {
            text.push_str(cut_err(take_till(0.., '"')).parse_next(input)?);
            cut_err('"').context(expected("a closing quotation mark")).parse_next(input)?;
            if opt('"').parse_next(input)?.is_none() {
                return Ok(text);
            }
            text.push('"');
        }
    };
    terminated(alt((quoted, take_while(1.., bare).map(str::to_owned))), multispace0).parse_next(input)
}

fn keyword<'a>(word: &'static str) -> impl Parser<&'a str, &'a str, ErrMode<ContextError>> {
    delimited(multispace0, terminated(Caseless(word), peek(not(take_while(1.., bare)))), multispace0)
}

fn reserved<'a>(input: &mut &'a str) -> winnow::Result<&'a str, ErrMode<ContextError>> {
    alt((keyword("and"), keyword("or"), keyword("not"))).parse_next(input)
}

fn sign<'a>(text: &'static str) -> impl Parser<&'a str, &'a str, ErrMode<ContextError>> {
    delimited(multispace0, text, multispace0)
}

/// What reads well and means nothing.
fn check(expression: &Expression) -> Result<(), String> {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => parts.iter().try_for_each(check),
        Expression::Not(inner) => check(inner),
        Expression::Is(Field::Campaign, Test::In(ids)) => {
            let wrong = ids.iter().find(|id| id.parse::<CampaignId>().is_err());
            wrong.map_or(Ok(()), |id| Err(format!("`{id}` is not the identifier of a campaign")))
        }
        Expression::Is(Field::Campaign, _) => Err("`campaign` takes `=` or `!=` and the identifier of a campaign".into()),
        Expression::Is(Field::LastCampaign, Test::Than(_, days)) if days.parse::<u16>().is_ok() => Ok(()),
        Expression::Is(Field::LastCampaign, Test::Present) => Ok(()),
        Expression::Is(Field::LastCampaign, _) => {
            Err("`last_campaign` takes `<` or `>=` and a number of days, as in `last_campaign >= 7`".into())
        }
        Expression::Is(field @ (Field::Phone | Field::Tag | Field::Consent), Test::Than(order, _)) => {
            let name = if *field == Field::Phone {
                "phone"
            } else if *field == Field::Tag {
                "tag"
            } else {
                "consent"
            };
            Err(format!("`{name}` takes `=` or `!=`, not `{}`", order.sign()))
        }
        Expression::Is(..) => Ok(()),
    }
}

/// The value as a number.
pub fn number(value: &str) -> Option<Decimal> {
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Expression {
        text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    fn is(field: &str, values: &[&str]) -> Expression {
        Expression::Is(super::field(field), Test::In(values.iter().map(|value| (*value).to_owned()).collect()))
    }

    #[test]
    fn and_binds_closer_than_or_and_parentheses_closer_than_both() {
        let (a, b, c) = (is("a", &["1"]), is("b", &["2"]), is("c", &["3"]));
        assert_eq!(read("a = 1 or b=2 AND c = 3"), Expression::Any(vec![a.clone(), Expression::All(vec![b.clone(), c.clone()])]));
        assert_eq!(read("(a=1 or b=2) and c=3"), Expression::All(vec![Expression::Any(vec![a.clone(), b]), c]));
        assert_eq!(read(" not ( a = 1 ) "), Expression::Not(Box::new(a.clone())));
        assert_eq!(read("a != 1"), Expression::Not(Box::new(a)));
    }

    #[test]
    fn values_are_words_or_in_quotation_marks() {
        assert_eq!(read("city = \"São Paulo\", Recife"), is("city", &["São Paulo", "Recife"]));
        assert_eq!(read("note = \"she said \"\"and\"\"\""), is("note", &["she said \"and\""]));
        assert_eq!(read("\"first name\" = Ana"), is("first name", &["Ana"]));
        assert_eq!(read("tag = android"), is("tag", &["android"]), "a word may begin as a keyword does");
        assert_eq!(read("age >= 30"), Expression::Is(super::field("age"), Test::Than(Order::AtLeast, "30".into())));
        assert_eq!(read("consent"), Expression::Is(Field::Consent, Test::Present));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        let fault = |text: &str| text.parse::<Expression>().unwrap_err();
        assert_eq!(fault("tag = vip city = Recife"), "cannot be read at `city = Recife`: expected `and`, `or` or the end");
        assert_eq!(fault("tag = "), "cannot be read at its end: expected a value, in \"…\" when it has spaces");
        assert_eq!(fault("(tag = vip"), "cannot be read at its end: expected `and`, `or` or `)`");
        assert_eq!(fault("tag = \"vip"), "cannot be read at its end: expected a closing quotation mark");
        assert!(fault("").starts_with("cannot be read at its end: expected a condition"));
        assert_eq!(fault("campaign = spring"), "`spring` is not the identifier of a campaign");
        assert!(fault("last_campaign = 7").contains("a number of days") && fault("last_campaign < soon").contains("a number of days"));
        assert_eq!(fault("tag > 3"), "`tag` takes `=` or `!=`, not `>`");
        assert!(fault(&"(".repeat(100)).contains("parentheses"));
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_panics(text in "[a-z0-9 =!<>,\"()ã]{0,60}") {
            let _ = text.parse::<Expression>();
        }
    }
}
