//! `sluice send`: the API's door from the command line, so that what is refused there is refused here.

mod message;

use std::path::PathBuf;

use anyhow::anyhow;
use serde_json::Value;

use super::input;
use super::output::{Form, notice};
use crate::exit::{DATA, FAILED, Failure, UNAVAILABLE};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    form: Form,
    /// Phone number with country code, business-scoped user id, or scoped id
    #[arg(long, required_unless_present_any = ["conversation", "json_file"], conflicts_with = "conversation")]
    to: Option<String>,
    /// Conversation to answer in
    #[arg(long)]
    conversation: Option<String>,
    /// Phone number id, Instagram account or page; needed where there are several
    #[arg(long, value_parser = input::digits)]
    account: Option<String>,
    /// Where it travels [default: whatsapp]
    #[arg(long)]
    channel: Option<String>,
    #[command(flatten)]
    message: message::Args,
    /// The whole message as JSON, as Meta writes it; `-` is standard input
    #[arg(long = "message", value_name = "FILE", group = "what")]
    json_file: Option<PathBuf>,
    /// One per intended message: a repeat with the same key is the same send [default: a new one]
    #[arg(long)]
    key: Option<String>,
    /// Shows what the customer would see of a template, and sends nothing
    #[arg(long)]
    preview: bool,
    /// Base address of the API
    #[arg(long, env = "SLUICE_API_URL", default_value = "http://127.0.0.1:8080")]
    api: String,
    /// Variable that holds the API token
    #[arg(long, value_name = "VAR", default_value = "SLUICE_API_TOKEN")]
    token_env: String,
}

/// Runs the verb.
pub async fn run(args: Args) -> Result<(), Failure> {
    let token = std::env::var(&args.token_env)
        .map_err(|_| anyhow!("--token-env: the variable {} is not set; `sluice token create` makes a token", args.token_env))?;
    let body = body(&args)?;
    let path = if args.preview { "/api/v1/messages/preview" } else { "/api/v1/messages" };
    let key = args.key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let request = reqwest::Client::new().post(format!("{}{path}", args.api.trim_end_matches('/'))).bearer_auth(token);
    let answer = request.header("idempotency-key", &key).json(&body).send().await.map_err(|e| Failure {
        code: UNAVAILABLE,
        error: anyhow::Error::new(e).context(format!("{} does not answer; the same --key {key} makes a repeat safe", args.api)),
    })?;
    let status = answer.status();
    let value: Value = answer.json().await.map_err(|e| anyhow!("the answer of {} is not JSON: {e}", args.api))?;
    if !status.is_success() {
        return Err(refused(status.as_u16(), &value));
    }
    let text = if args.preview { shown(&value) } else { value["id"].as_str().unwrap_or_default().to_owned() };
    args.form.one(&value, &text)
}

fn body(args: &Args) -> Result<Value, Failure> {
    let mut body = match &args.json_file {
        Some(file) => input::json::<Value>(file, &input::read(file)?)?,
        None => args.message.build().map_err(Failure::data)?,
    };
    let map = body.as_object_mut().ok_or_else(|| Failure::data(anyhow!("--message: give a JSON object, as Meta writes a message")))?;
    for (key, value) in [("to", &args.to), ("conversation", &args.conversation), ("account", &args.account), ("channel", &args.channel)] {
        if let Some(value) = value {
            map.insert(key.into(), value.as_str().into());
        }
    }
    Ok(body)
}

/// Each wrong field on a line of its own; wrong data is 65, all else 1, an outage 69.
fn refused(status: u16, problem: &Value) -> Failure {
    for error in problem["errors"].as_array().into_iter().flatten() {
        notice(&format!("{}: {}", error["field"].as_str().unwrap_or_default(), error["detail"].as_str().unwrap_or_default()));
    }
    let detail = problem["detail"].as_str().unwrap_or("the API gave no reason");
    let code = match status {
        422 => DATA,
        503 => UNAVAILABLE,
        _ => FAILED,
    };
    Failure { code, error: anyhow!("not sent: {detail}") }
}

fn shown(preview: &Value) -> String {
    let buttons = preview["buttons"].as_array().into_iter().flatten().filter_map(Value::as_str).map(|label| format!("[{label}]"));
    let parts = ["header", "body", "footer"].into_iter().filter_map(|part| preview[part].as_str()).map(str::to_owned);
    parts.chain(buttons).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn exit_codes_tell_wrong_data_from_the_rest() {
        let problem = json!({"detail": "no", "errors": [{"field": "to", "detail": "`to` is missing"}]});
        for (status, code) in [(422, DATA), (409, FAILED), (503, UNAVAILABLE), (401, FAILED)] {
            assert_eq!(refused(status, &problem).code, code);
        }
    }

    #[test]
    fn a_preview_is_read_from_top_to_bottom() {
        let preview = json!({"header": "For Ana", "body": "Hello", "footer": "Acme", "buttons": ["Open"]});
        assert_eq!(shown(&preview), "For Ana\nHello\nAcme\n[Open]");
    }
}
