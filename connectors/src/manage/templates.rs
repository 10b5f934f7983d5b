use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, Draft, Error};
use crate::postgres::config::{self, Template};
use crate::postgres::{Transaction, audit};

impl Desk<'_> {
    /// Makes a template; Meta looks at it and tells by webhook what it thinks.
    pub async fn create_template(&self, waba: Option<&str>, draft: &Draft) -> Result<Template, Error> {
        checked(draft)?;
        let (waba, token) = self.account(waba).await?;
        let components = draft.components();
        let body = json!({
            "name": draft.name, "language": draft.language, "category": draft.category, "components": components,
            "parameter_format": format_of(draft),
        });
        let answer = self.client.change(Method::POST, &format!("{waba}/message_templates"), &[], Some(&body), &token).await?;
        let said = |field: &str, else_: &str| answer[field].as_str().unwrap_or(else_).to_uppercase();
        let made = Template {
            waba_id: waba,
            name: draft.name.clone(),
            language: draft.language.clone(),
            // Meta may file it under another category than the one asked for.
            category: said("category", &draft.category),
            status: said("status", "PENDING"),
            components,
            quality: None,
            reason: None,
        };
        self.keep("template.create", &made).await
    }

    /// Gives a template other words; it waits for Meta's look again, and what uses it waits meanwhile.
    pub async fn edit_template(&self, waba: Option<&str>, draft: &Draft) -> Result<Template, Error> {
        checked(draft)?;
        let (waba, token) = self.account(waba).await?;
        let transaction = self.pool.tenant(self.tenant).await?;
        let known = find(&transaction, &waba, &draft.name, Some(&draft.language)).await?.pop();
        transaction.commit().await?;
        let known = known.ok_or_else(|| crate::postgres::Error::not_found("template", format!("{}/{}", draft.name, draft.language)))?;
        let id = self.template_id(&waba, &draft.name, &draft.language, &token).await?;
        let mut body = json!({"components": draft.components()});
        if known.category != draft.category {
            body["category"] = draft.category.as_str().into();
        }
        self.client.change(Method::POST, &id, &[], Some(&body), &token).await?;
        let status = "PENDING".to_owned();
        let edited = Template { components: draft.components(), category: draft.category.clone(), status, reason: None, ..known };
        self.keep("template.edit", &edited).await
    }

    /// Deletes a template, in one language or in all; says in how many. One that a campaign still needs stays.
    pub async fn delete_template(&self, waba: Option<&str>, name: &str, language: Option<&str>) -> Result<usize, Error> {
        let (waba, token) = self.account(waba).await?;
        let transaction = self.pool.tenant(self.tenant).await?;
        let gone = find(&transaction, &waba, name, language).await?;
        let needed = needed(&transaction, name, language).await?;
        transaction.commit().await?;
        if gone.is_empty() {
            return Err(crate::postgres::Error::not_found("template", name).into());
        }
        if !needed.is_empty() {
            return Err(Error::Conflict(format!("campaigns still need it: {}; cancel them first", needed.join(", "))));
        }
        let id = match language {
            Some(language) => Some(self.template_id(&waba, name, language, &token).await?),
            None => None,
        };
        let query: Vec<(&str, &str)> = std::iter::once(("name", name)).chain(id.as_deref().map(|id| ("hsm_id", id))).collect();
        self.client.change(Method::DELETE, &format!("{waba}/message_templates"), &query, None, &token).await?;
        let transaction = self.pool.tenant(self.tenant).await?;
        for template in &gone {
            config::put_template(&transaction, &Template { status: "DELETED".into(), ..template.clone() }).await?;
        }
        let subject = format!("{waba}/{name}/{}", language.unwrap_or("*"));
        audit::record(&transaction, self.by, "template.delete", &subject, &json!({})).await?;
        transaction.commit().await?;
        Ok(gone.len())
    }

    async fn keep(&self, action: &str, template: &Template) -> Result<Template, Error> {
        let transaction = self.pool.tenant(self.tenant).await?;
        config::put_template(&transaction, template).await?;
        let subject = format!("{}/{}/{}", template.waba_id, template.name, template.language);
        audit::record(&transaction, self.by, action, &subject, &json!({"category": template.category})).await?;
        transaction.commit().await?;
        Ok(template.clone())
    }

    /// Meta's id of a template: its list filters by a part of the name.
    async fn template_id(&self, waba: &str, name: &str, language: &str, token: &secrecy::SecretString) -> Result<String, Error> {
        let query = [("fields", "id,name,language"), ("name", name), ("limit", "200")];
        let listed = self.client.get(&format!("{waba}/message_templates"), &query, token).await?;
        let is = |row: &&Value| row["name"] == name && row["language"].as_str().is_some_and(|own| own.replace('-', "_") == language);
        let found = listed["data"].as_array().into_iter().flatten().find(is).and_then(|row| row["id"].as_str());
        found.map(str::to_owned).ok_or_else(|| Error::Conflict(format!("Meta has no template {name} in {language} any more")))
    }
}

fn checked(draft: &Draft) -> Result<(), Error> {
    let faults = draft.check();
    if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
}

fn format_of(draft: &Draft) -> &'static str {
    let named = draft.body.variables().iter().any(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
    if named { "NAMED" } else { "POSITIONAL" }
}

async fn find(transaction: &Transaction, waba: &str, name: &str, language: Option<&str>) -> Result<Vec<Template>, Error> {
    let all = config::templates(transaction).await?;
    let is = |t: &Template| t.waba_id == waba && t.name == name && language.is_none_or(|l| t.language == l) && t.status != "DELETED";
    Ok(all.into_iter().filter(is).collect())
}

/// Names of campaigns that are not over and use it.
async fn needed(transaction: &Transaction, name: &str, language: Option<&str>) -> Result<Vec<String>, Error> {
    let sql = "select name from campaigns where tenant_id = $1 and template_name = $2 and ($3::text is null or template_language = $3)
               and state in ('scheduled', 'running', 'paused') order by name limit 5";
    let rows = transaction.query(sql, &[&transaction.tenant()?.0, &name, &language]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(crate::postgres::Error::from)?)
}
