//! Several events in one message: the batch of CloudEvents' Protobuf format
//! (`io.cloudevents.v1`, <https://github.com/cloudevents/spec/blob/main/cloudevents/formats/protobuf-format.md>).

use std::{collections::BTreeMap, fmt::Write as _};

use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::bus::Message;

/// The media type that says that a message is a batch.
const BATCH: &str = "application/cloudevents-batch+protobuf";
const CONTENT_TYPE: &str = "content-type";
/// Headers of CloudEvents begin with this in binary mode.
const PREFIX: &str = "ce-";

/// `io.cloudevents.v1.CloudEventBatch`
#[derive(Clone, PartialEq, prost::Message)]
struct CloudEventBatch {
    #[prost(message, repeated, tag = "1")]
    events: Vec<CloudEvent>,
}

/// `io.cloudevents.v1.CloudEvent`. Of its kinds of data, ours is always binary.
#[derive(Clone, PartialEq, prost::Message)]
struct CloudEvent {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    source: String,
    #[prost(string, tag = "3")]
    spec_version: String,
    #[prost(string, tag = "4")]
    r#type: String,
    #[prost(btree_map = "string, message", tag = "5")]
    attributes: BTreeMap<String, AttributeValue>,
    #[prost(bytes = "vec", tag = "6")]
    binary_data: Vec<u8>,
}

/// `io.cloudevents.v1.CloudEvent.CloudEventAttributeValue`. Of its types, ours are strings.
#[derive(Clone, PartialEq, prost::Message)]
struct AttributeValue {
    #[prost(string, tag = "3")]
    ce_string: String,
}

/// Packs events of one subject, at least one, into one message.
///
/// Its id is a digest of theirs: the same events again make the same id, and other events never do, since the bus may take a
/// second message with an id that it knows for a repeat and drop it.
pub(super) fn pack(events: &[&Message]) -> Message {
    let mut ids = Sha256::new();
    for event in events {
        ids.update(event.id.as_bytes());
        ids.update([0]);
    }
    let mut id = String::with_capacity(64);
    for byte in ids.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    let batch = CloudEventBatch { events: events.iter().map(|event| cloud_event(event)).collect() };
    Message {
        subject: events.first().map(|event| event.subject.clone()).unwrap_or_default(),
        id,
        headers: vec![(CONTENT_TYPE.to_owned(), BATCH.to_owned())],
        payload: batch.encode_to_vec(),
    }
}

/// The events of a message that is a batch; none when it is not, or not a readable one.
pub(super) fn unpack(message: &Message) -> Option<Vec<Message>> {
    let is_batch = message.headers.iter().any(|(name, value)| name == CONTENT_TYPE && value == BATCH);
    if !is_batch {
        return None;
    }
    let batch = CloudEventBatch::decode(message.payload.as_slice()).ok()?;
    if batch.events.is_empty() {
        return None;
    }
    Some(batch.events.into_iter().map(|event| event_message(event, &message.subject)).collect())
}

/// What an event adds to a batch, about.
pub(super) fn size(event: &Message) -> usize {
    let headers: usize = event.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
    event.payload.len() + headers
}

fn cloud_event(message: &Message) -> CloudEvent {
    let mut event = CloudEvent { binary_data: message.payload.clone(), ..CloudEvent::default() };
    for (name, value) in &message.headers {
        match name.as_str() {
            "ce-id" => event.id.clone_from(value),
            "ce-source" => event.source.clone_from(value),
            "ce-specversion" => event.spec_version.clone_from(value),
            "ce-type" => event.r#type.clone_from(value),
            // As headers of NATS are, names that CloudEvents does not know are told as they stand.
            name => {
                let name = match name {
                    CONTENT_TYPE => "datacontenttype",
                    name => name.strip_prefix(PREFIX).unwrap_or(name),
                };
                event.attributes.insert(name.to_owned(), AttributeValue { ce_string: value.clone() });
            }
        }
    }
    event
}

/// The message as it would have come by itself.
fn event_message(event: CloudEvent, subject: &str) -> Message {
    let header = |name: &str, value: String| (name.to_owned(), value);
    let mut headers = vec![
        header("ce-specversion", event.spec_version),
        header("ce-id", event.id.clone()),
        header("ce-source", event.source),
        header("ce-type", event.r#type),
    ];
    for (name, value) in event.attributes {
        let name = match name.as_str() {
            "datacontenttype" => CONTENT_TYPE.to_owned(),
            "subject" | "time" => format!("{PREFIX}{name}"),
            _ => name,
        };
        headers.push((name, value.ce_string));
    }
    Message { subject: subject.to_owned(), id: event.id, headers, payload: event.binary_data }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use qm_ids::{EventId, TenantId};
    use uuid::Uuid;

    use super::*;
    use crate::Envelope;

    fn envelope(id: u128, trace: Option<&str>) -> Envelope {
        Envelope {
            event_id: EventId::from_uuid(Uuid::from_u128(id)),
            tenant: TenantId::from_uuid(Uuid::from_u128(8)),
            event_type: "order.placed".to_owned(),
            source: "order".to_owned(),
            aggregate: Uuid::from_u128(9),
            occurred_at: DateTime::<Utc>::UNIX_EPOCH,
            trace: trace.map(str::to_owned),
            payload: vec![1, 2, id as u8],
        }
    }

    #[test]
    fn events_come_out_as_they_went_in() {
        let envelopes = [envelope(1, None), envelope(2, Some("00-0af7-b7ad-01"))];
        let messages: Vec<Message> = envelopes.iter().cloned().map(Envelope::into_message).collect();
        let packed = pack(&messages.iter().collect::<Vec<_>>());
        assert_eq!(packed.subject, "qm.order.placed");
        let unpacked = unpack(&packed).unwrap();
        for ((message, envelope), sent) in unpacked.iter().zip(&envelopes).zip(&messages) {
            assert_eq!(Envelope::from_message(message).unwrap(), *envelope);
            assert_eq!((&message.id, &message.subject), (&sent.id, &sent.subject));
        }
        assert_eq!(unpacked.len(), 2);
    }

    #[test]
    fn other_events_make_another_id() {
        let messages: Vec<Message> = (1..=3).map(|id| envelope(id, None).into_message()).collect();
        let id = |of: &[usize]| pack(&of.iter().map(|at| &messages[*at]).collect::<Vec<_>>()).id;
        assert_eq!(id(&[0, 1]), id(&[0, 1]));
        let distinct =
            std::collections::BTreeSet::from([id(&[0, 1]), id(&[0, 2]), id(&[1, 2]), id(&[0, 1, 2])]);
        assert_eq!(distinct.len(), 4);
    }

    #[test]
    fn what_is_no_batch_is_left_as_it_is() {
        let message = envelope(1, None).into_message();
        assert_eq!(unpack(&message), None);
        let mut broken = pack(&[&message, &message]);
        broken.payload.truncate(5);
        assert_eq!(unpack(&broken), None);
        broken.payload.clear();
        assert_eq!(
            unpack(&broken),
            None,
            "a batch of nothing would be settled without anybody having seen it"
        );
    }
}
