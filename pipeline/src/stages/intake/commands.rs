//! Decisions of people: approve, change, reject, reply, send, resolve, reopen, assign. A repeat of a command changes nothing.

use sluice_schemas::command;
use sluice_schemas::ids::{QuoteId, TenantId};
use sluice_schemas::record::{Command, Conversation};

use super::super::conversation::{self, OPEN, RESOLVED};
use super::super::quoting::{self, Kept};
use super::{Intake, KEPT, QUOTE, dedup, poison};
use crate::chain::{Context, Poison};

impl Intake {
    pub(super) fn decide(&mut self, cx: &mut Context<'_>, command: &Command) -> Result<(), Poison> {
        if !dedup::is_new(cx, command.tenant, &format!("command:{}", command.id)) {
            return Ok(());
        }
        let refuse = |detail: String| Poison { stage: "conversation", kind: "command", detail, tenant: command.tenant };
        let about = self
            .fetch(cx, command.tenant, command.conversation)?
            .filter(|conversation| conversation.tenant == command.tenant)
            .ok_or_else(|| refuse(format!("conversation {} does not exist", command.conversation)))?;
        let moved = match command.action.as_str() {
            "approve" | "change" | "reject" => self.decide_quote(cx, command, about)?,
            "reply" => {
                let said = command::Command::text(command.argument.clone().unwrap_or_default());
                self.say(cx, command, about, &said)?
            }
            "send" => {
                let said = command::Command::from_json(command.argument.as_deref().unwrap_or_default())
                    .map_err(|faults| refuse(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
                self.say(cx, command, about, &said)?
            }
            "resolve" => conversation::touched(Conversation { status: RESOLVED.into(), unread: 0, ..about }, cx.now),
            "reopen" => conversation::touched(Conversation { status: OPEN.into(), ..about }, cx.now),
            "assign" => {
                let assignee = command.argument.clone().filter(|name| !name.is_empty());
                conversation::touched(Conversation { assignee, ..about }, cx.now)
            }
            other => return Err(refuse(format!("action `{other}` is not known"))),
        };
        self.save(cx, &moved)
    }

    fn decide_quote(&mut self, cx: &mut Context<'_>, command: &Command, about: Conversation) -> Result<Conversation, Poison> {
        let refuse = |detail: String| Poison { stage: "quote", kind: "decision", detail, tenant: command.tenant };
        let id = command.quote.or(about.quote).ok_or_else(|| refuse("the command names no quote".into()))?;
        let (record, kept) = self.kept(cx, command.tenant, id)?;
        if record.tenant != command.tenant || record.conversation != about.conversation {
            return Err(refuse(format!("quote {id} belongs to another conversation")));
        }
        let verdict = quoting::verdict(&command.action, command.argument.as_deref()).map_err(&refuse)?;
        let (record, kept, text) = quoting::decide(record, kept, verdict, &command.actor, cx.now).map_err(&refuse)?;
        let trace = record.trace;
        self.keep(cx, &about, Some(record), Some(&kept), trace)?;
        self.send(cx, command, &about, &command::Command::text(text.as_str()))?;
        let stage = if command.action == "reject" { "idle" } else { "quoted" };
        Ok(conversation::answered(Conversation { stage: stage.into(), ..about }, &text, cx.now))
    }

    /// Ends a quote that nobody decided on; the conversation is a person's again.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>, id: QuoteId) -> Result<(), Poison> {
        let (record, kept) = self.kept(cx, TenantId::UNKNOWN, id)?;
        let (tenant, conversation, trace) = (record.tenant, record.conversation, record.trace);
        let (record, kept) = quoting::expire(record, kept, cx.now);
        let Some(about) = self.fetch(cx, tenant, conversation)? else { return Ok(()) };
        self.keep(cx, &about, Some(record), Some(&kept), trace)?;
        self.save(cx, &conversation::touched(Conversation { stage: "idle".into(), ..about }, cx.now))
    }

    fn kept(&self, cx: &mut Context<'_>, tenant: TenantId, id: QuoteId) -> Result<(sluice_schemas::record::Quote, Kept), Poison> {
        let missing = || Poison { stage: "quote", kind: "decision", detail: format!("quote {id} does not exist"), tenant };
        let record = cx.state.get(QUOTE, id.as_bytes()).ok_or_else(missing)?;
        let record = self.quote.decode(&record).map_err(poison("quote", tenant))?;
        let kept = cx.state.get(KEPT, id.as_bytes()).and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(missing)?;
        Ok((record, kept))
    }

    /// Sends what a person wrote; a mark or a reaction is no answer.
    fn say(&self, cx: &mut Context<'_>, command: &Command, about: Conversation, said: &command::Command) -> Result<Conversation, Poison> {
        self.send(cx, command, &about, said)?;
        Ok(if said.content.is_message() {
            conversation::answered(about, &said.content.summary(), cx.now)
        } else {
            conversation::touched(about, cx.now)
        })
    }

    fn send(&self, cx: &mut Context<'_>, command: &Command, about: &Conversation, said: &command::Command) -> Result<(), Poison> {
        let to = about.phone.as_deref().or(about.user_id.as_deref()).unwrap_or_default();
        self.reply(cx, about, to, &Command::cause(&command.id), said, command.trace)
    }
}
