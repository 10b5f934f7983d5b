use aws_lc_rs::digest;
use sluice_connectors::kafka::producer::Out;
use sluice_schemas::codec::{self, Codec};
use sluice_schemas::ids::{TenantId, TraceId};
use sluice_schemas::meta::Update;
use sluice_schemas::record::RawEvent;
use sluice_schemas::time::Millis;
use sluice_schemas::topics;

use super::routes::{Table, subject};

/// One record per update: on the home partition of its owner in `events.raw`, or in `events.unrouted`.
pub(super) fn records(
    body: &[u8],
    updates: &[Update<'_>],
    received: Millis,
    routes: &Table,
    codec: &Codec<RawEvent>,
) -> Result<Vec<Out>, codec::Error> {
    let sha256 = digest::digest(&digest::SHA256, body);
    updates
        .iter()
        .map(|update| {
            let (topic, tenant, partition) = match routes.of(update) {
                Some(route) => (topics::EVENTS_RAW, route.tenant, route.home),
                None => (topics::EVENTS_UNROUTED, TenantId::UNKNOWN, routes.spread(update)),
            };
            let payload = codec.encode(&raw_event(update, tenant, sha256.as_ref(), received))?;
            let key = topics::key(tenant, &subject(update)).into_bytes();
            Ok(Out { topic, partition, key, payload: Some(payload), headers: Vec::new() })
        })
        .collect()
}

fn raw_event(update: &Update<'_>, tenant: TenantId, sha256: &[u8], received: Millis) -> RawEvent {
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().unwrap_or_default().to_owned();
    RawEvent {
        tenant,
        channel: update.channel.map_or(&*update.object, |channel| channel.as_str()).to_owned(),
        object: update.object.to_string(),
        entry_id: text(&update.entry_id),
        entry_time: update.entry_time,
        field: text(&update.field),
        shape: <&str>::from(update.shape).to_owned(),
        account: text(&update.account),
        display_phone_number: update.display_phone_number.as_deref().map(str::to_owned),
        position: update.position.cast_signed(),
        body_sha256: sha256.to_vec(),
        received_ms: received.0,
        trace: TraceId::of(sha256, update.position),
        contact: update.contact.as_deref().map(|contact| contact.as_bytes().to_vec()),
        raw: update.slice.to_vec(),
    }
}
