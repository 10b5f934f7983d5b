use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::expression::{Expression, Field, Order, Test, number};

/// A condition on a row `c` of `contacts`, `$1` being the tenant. What people wrote is in parameters alone.
pub(super) struct Sql {
    pub text: String,
    pub parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Sql {
    /// `expression` as a condition whose parameters follow the first `before` ones.
    pub fn of(expression: &Expression, before: usize) -> Self {
        let mut sql = Self { text: String::new(), parameters: Vec::new() };
        sql.write(expression, before);
        sql
    }

    fn parameter(&mut self, before: usize, value: impl ToSql + Sync + Send + 'static) -> String {
        self.parameters.push(Box::new(value));
        format!("${}", before + self.parameters.len())
    }

    fn write(&mut self, expression: &Expression, before: usize) {
        match expression {
            Expression::All(parts) => self.join(parts, " and ", before),
            Expression::Any(parts) => self.join(parts, " or ", before),
            // A condition on something that is not there is no condition fulfilled, and its contrary is.
            Expression::Not(inner) => {
                self.text.push_str("not coalesce(");
                self.write(inner, before);
                self.text.push_str(", false)");
            }
            Expression::Is(field, test) => {
                let condition = self.condition(field, test, before);
                self.text.push_str(&condition);
            }
        }
    }

    fn join(&mut self, parts: &[Expression], with: &str, before: usize) {
        self.text.push('(');
        for (n, part) in parts.iter().enumerate() {
            if n > 0 {
                self.text.push_str(with);
            }
            self.write(part, before);
        }
        self.text.push(')');
    }

    fn condition(&mut self, field: &Field, test: &Test, before: usize) -> String {
        match (field, test) {
            (Field::Phone, Test::In(values)) => {
                // Digits with an optional star: no other sign means anything to `like`.
                let pattern = |value: &String| {
                    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
                    if value.ends_with('*') { digits + "%" } else { digits }
                };
                let patterns: Vec<String> = values.iter().map(pattern).collect();
                format!("c.phone like any({}::text[])", self.parameter(before, patterns))
            }
            (Field::Phone, _) => "true".into(),
            (Field::Tag, Test::In(values)) => format!("c.tags && {}::text[]", self.parameter(before, values.clone())),
            (Field::Tag, _) => "c.tags <> '{}'".into(),
            (Field::Consent, Test::In(values)) => {
                format!("c.consent ->> 'source' = any({}::text[])", self.parameter(before, values.clone()))
            }
            (Field::Consent, _) => "c.consent is not null".into(),
            (Field::Campaign, Test::In(ids)) => {
                let ids: Vec<Uuid> = ids.iter().filter_map(|id| id.parse().ok()).collect();
                let ids = self.parameter(before, ids);
                format!("c.phone in (select recipient from audience where tenant_id = $1 and campaign_id = any({ids}::uuid[]))")
            }
            // The parser lets none through.
            (Field::Campaign, _) => "false".into(),
            (Field::LastCampaign, test) => self.last_campaign(test, before),
            (Field::Attribute(name), test) => {
                let name = self.parameter(before, name.clone());
                self.attribute(&name, test, before)
            }
        }
    }

    /// Whether a campaign to the contact was started within so many days. One that was never written to was written to long ago.
    fn last_campaign(&mut self, test: &Test, before: usize) -> String {
        let (since, order) = match test {
            Test::Than(order, days) => {
                let days = days.parse::<u16>().map_or(0, i32::from);
                (format!("now() - make_interval(days => {}::int)", self.parameter(before, days)), *order)
            }
            _ => ("'-infinity'::timestamptz".into(), Order::Below),
        };
        let within = format!(
            "c.phone in (select a.recipient from audience a join campaigns k on k.tenant_id = a.tenant_id and k.id = a.campaign_id
             where a.tenant_id = $1 and k.started_at > {since})"
        );
        if matches!(order, Order::Below | Order::AtMost) { within } else { format!("not ({within})") }
    }

    fn attribute(&mut self, name: &str, test: &Test, before: usize) -> String {
        let value = format!("c.attributes ->> {name}");
        match test {
            Test::Present => format!("{value} is not null"),
            Test::In(values) => format!("{value} = any({}::text[])", self.parameter(before, values.clone())),
            Test::Than(order, than) => {
                let than = than.clone();
                let sign = order.sign();
                if number(&than).is_some() {
                    let than = self.parameter(before, than);
                    // The case guards the cast: Postgres may otherwise try it on text.
                    format!(
                        "case when {value} ~ '^-?[0-9]{{1,30}}([.][0-9]{{1,30}})?$' then ({value})::numeric {sign} {than}::text::numeric else false end"
                    )
                } else {
                    format!("({value}) collate \"C\" {sign} {}::text", self.parameter(before, than))
                }
            }
        }
    }
}
