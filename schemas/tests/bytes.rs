//! What other processes wrote is not trusted either: any framed bytes are a record or an error.

use std::sync::LazyLock;

use proptest::prelude::*;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{TenantId, TraceId};
use sluice_schemas::record::{
    Claim, Command, Config, Control, Conversation, DeadLetter, Demand, Event, Hold, Journal, LedgerEntry, Message, OptOut, Outbound, Quote,
    RawEvent, Record, SCHEMAS, SendResult, StateCampaign, StateEarly, StateMessage, StateSend,
};

static CODECS: LazyLock<Codecs> = LazyLock::new(Codecs::unregistered);

/// Reads the bytes as a record of this type, whatever schema their frame names; what is read can be written again.
fn read<T: Record>(bytes: &[u8]) {
    let codec = CODECS.of::<T>();
    if let Ok(record) = codec.decode(bytes) {
        codec.encode(&record).expect("what was read can be written");
    }
}

fn read_as_everything(bytes: &[u8]) {
    macro_rules! each {
        ($($type:ty),+) => {{ $(read::<$type>(bytes);)+ [$(<$type>::NAME),+] }};
    }
    let read = each!(
        RawEvent,
        Event,
        DeadLetter,
        Conversation,
        Quote,
        Command,
        Outbound,
        Claim,
        SendResult,
        LedgerEntry,
        Message,
        Control,
        Demand,
        Hold,
        OptOut,
        Config,
        Journal,
        StateSend,
        StateCampaign,
        StateMessage,
        StateEarly
    );
    assert_eq!(read.len(), SCHEMAS.len(), "a record type is not read here");
}

fn raw() -> RawEvent {
    RawEvent {
        tenant: TenantId::from_bytes([1; 16]),
        channel: "whatsapp".into(),
        object: "whatsapp_business_account".into(),
        entry_id: "1".into(),
        entry_time: Some(1),
        field: "messages".into(),
        shape: "message".into(),
        account: "15550100001".into(),
        display_phone_number: None,
        position: 0,
        body_sha256: vec![7; 32],
        received_ms: 1,
        trace: TraceId::default(),
        contact: Some(b"{}".to_vec()),
        raw: b"{\"id\":\"wamid.1\"}".to_vec(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// A length that the bytes announce must not be believed: it would be asked of the allocator.
    #[test]
    fn any_datum_under_any_schema_is_a_record_or_an_error(
        id in 0..=SCHEMAS.len() as u8 + 1,
        datum in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>(), Just(0xff)], 0..200),
    ) {
        let bytes = [&[0, 0, 0, 0, id], datum.as_slice()].concat();
        read_as_everything(&bytes);
    }

    #[test]
    fn a_record_with_changed_bytes_is_a_record_or_an_error(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let mut bytes = CODECS.of().encode(&raw()).expect("encodes");
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_as_everything(&bytes);
    }
}
