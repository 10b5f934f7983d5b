//! What messages cost: prices by country and category, as the tenant's contract with Meta says.

use std::collections::BTreeMap;
use std::io::Read;

use rust_decimal::Decimal;

use super::{Error, Result, Transaction};

/// Every country that has no price of its own.
const OTHERS: &str = "*";
/// Rows of a table of prices: some 240 countries by a handful of categories.
const ROWS: usize = 5_000;

/// The price of one message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rate {
    /// ISO 3166, two letters; `*` for every other country.
    pub country: String,
    /// `MARKETING`, `UTILITY`, `AUTHENTICATION`.
    pub category: String,
    /// Of one message.
    pub price: Decimal,
    /// ISO 4217.
    pub currency: String,
}

/// The prices of a file: CSV with the columns country, category, price, currency. The first wrong line is named.
pub fn read(source: impl Read) -> Result<Vec<Rate>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source);
    let mut rates: Vec<Rate> = Vec::new();
    for (n, row) in reader.deserialize::<Rate>().enumerate() {
        let line = n + 2;
        let wrong = |reason: &str| Error::invalid("rates", format!("line {line}: {reason}"));
        let mut rate = row.map_err(|error| wrong(&format!("needs country, category, price, currency: {error}")))?;
        rate.country = rate.country.to_uppercase();
        rate.category = rate.category.to_uppercase();
        rate.currency = rate.currency.to_uppercase();
        let letters = |text: &str, n: usize| text.len() == n && text.bytes().all(|byte| byte.is_ascii_uppercase());
        if rate.country != OTHERS && !letters(&rate.country, 2) {
            return Err(wrong("the country is two letters, or * for every other one"));
        }
        if !letters(&rate.currency, 3) {
            return Err(wrong("the currency is three letters"));
        }
        if !["MARKETING", "UTILITY", "AUTHENTICATION"].contains(&rate.category.as_str()) {
            return Err(wrong("the category is MARKETING, UTILITY or AUTHENTICATION"));
        }
        if rate.price.is_sign_negative() {
            return Err(wrong("the price is below zero"));
        }
        if rates.iter().any(|other| (&other.country, &other.category) == (&rate.country, &rate.category)) {
            return Err(wrong("the country has a price for this category already"));
        }
        rates.push(rate);
        if rates.len() > ROWS {
            return Err(wrong("there are more lines than countries and categories"));
        }
    }
    if rates.is_empty() { Err(Error::invalid("rates", "has no line with a price")) } else { Ok(rates) }
}

/// These prices, and no others.
pub async fn replace(transaction: &Transaction, rates: &[Rate]) -> Result<()> {
    let tenant = transaction.tenant()?;
    transaction.execute("delete from rates where tenant_id = $1", &[&tenant.0]).await?;
    let sql = "insert into rates (tenant_id, country, category, price, currency)
               select $1, country, category, price::numeric, currency from unnest($2::text[], $3::text[], $4::text[], $5::text[])
               as r (country, category, price, currency)";
    let column = |of: fn(&Rate) -> String| rates.iter().map(of).collect::<Vec<_>>();
    let (countries, categories) = (column(|rate| rate.country.clone()), column(|rate| rate.category.clone()));
    let (prices, currencies) = (column(|rate| rate.price.to_string()), column(|rate| rate.currency.clone()));
    transaction.execute(sql, &[&tenant.0, &countries, &categories, &prices, &currencies]).await?;
    Ok(())
}

/// Every price, by category and country.
pub async fn list(transaction: &Transaction) -> Result<Vec<Rate>> {
    let sql = "select country, category, price::text, currency from rates where tenant_id = $1 order by category, country";
    let rows = transaction.query(sql, &[&transaction.tenant()?.0]).await?;
    rows.iter()
        .map(|row| {
            let price: String = row.try_get(2)?;
            let price = price.parse().map_err(|_| Error::invalid("rates", format!("{price} is no price")))?;
            Ok(Rate { country: row.try_get(0)?, category: row.try_get(1)?, price, currency: row.try_get(3)? })
        })
        .collect()
}

/// What messages to one country cost.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// ISO 3166, or `unknown` where a recipient's number does not tell.
    pub country: String,
    /// Messages.
    pub messages: i64,
    /// All of them; none without a price.
    pub amount: Option<Decimal>,
    /// ISO 4217.
    pub currency: Option<String>,
}

/// What so many messages of a category to each country cost, the dearest first.
pub fn costs(messages: &BTreeMap<String, i64>, category: &str, rates: &[Rate]) -> Vec<Cost> {
    let of = |country: &str| rates.iter().find(|rate| rate.category == category && rate.country == country);
    let cost = |(country, n): (&String, &i64)| {
        let rate = of(country).or_else(|| of(OTHERS));
        Cost {
            country: country.clone(),
            messages: *n,
            amount: rate.map(|rate| (rate.price * Decimal::from(*n)).normalize()),
            currency: rate.map(|rate| rate.currency.clone()),
        }
    };
    let mut costs: Vec<Cost> = messages.iter().map(cost).collect();
    costs.sort_by_key(|cost| std::cmp::Reverse((cost.amount, cost.messages)));
    costs
}

/// The sum in each currency.
pub fn sums(costs: &[Cost]) -> BTreeMap<String, Decimal> {
    let mut sums = BTreeMap::new();
    for cost in costs {
        if let (Some(currency), Some(amount)) = (&cost.currency, cost.amount) {
            *sums.entry(currency.clone()).or_default() += amount;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "country,category,price,currency\nbr, marketing,0.0625,USD\n*,MARKETING,0.1,USD\nBR,UTILITY,0.008,USD\n";

    #[test]
    fn a_country_without_a_price_of_its_own_costs_what_the_others_do() {
        let rates = read(FILE.as_bytes()).unwrap();
        let messages = [("BR".to_owned(), 1_000), ("DE".to_owned(), 10), ("unknown".to_owned(), 1)].into();
        let found = costs(&messages, "MARKETING", &rates);
        let seen: Vec<_> = found.iter().map(|cost| (cost.country.as_str(), cost.amount.unwrap().to_string())).collect();
        assert_eq!(seen, [("BR", "62.5".to_owned()), ("DE", "1".to_owned()), ("unknown", "0.1".to_owned())]);
        assert_eq!(sums(&found)["USD"].to_string(), "63.6");
        assert_eq!(costs(&messages, "AUTHENTICATION", &rates)[0].amount, None, "no price is not a price of zero");
    }

    #[test]
    fn the_first_wrong_line_is_named() {
        let fault = |line: &str| read(format!("country,category,price,currency\n{line}\n").as_bytes()).unwrap_err().to_string();
        assert_eq!(fault("Brazil,MARKETING,1,USD"), "rates: line 2: the country is two letters, or * for every other one");
        assert_eq!(fault("BR,OFFER,1,USD"), "rates: line 2: the category is MARKETING, UTILITY or AUTHENTICATION");
        assert!(fault("BR,MARKETING,dear,USD").contains("line 2: needs country"));
        assert!(fault("BR,MARKETING,-1,USD").contains("below zero"));
        assert!(fault("BR,MARKETING,1,USD\nbr,marketing,2,USD").contains("line 3: the country has a price"));
        assert!(read("".as_bytes()).unwrap_err().to_string().contains("no line with a price"));
    }
}
