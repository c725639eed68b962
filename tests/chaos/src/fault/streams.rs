//! What can be wrong with the streams of events.

use std::{fs, time::Duration};

use async_nats::{
    HeaderMap,
    header::NATS_MESSAGE_ID,
    jetstream::{self, Context, stream::Stream},
};
use futures::TryStreamExt as _;
use qm_ids::{EventId, TenantId, Uuid};
use qm_messaging::{Envelope, bus::Message};
use qm_runtime::BuildError;

use super::Inflicted;
use crate::system::System;

/// Room that is left in a stream that is called full: less than an event needs.
const ROOM: u64 = 64;

async fn jetstream(system: &System) -> Result<Context, BuildError> {
    let address = system.network.address("audit", "nats");
    Ok(jetstream::new(async_nats::connect(format!("nats://{address}")).await?))
}

async fn streams(system: &System) -> Result<Vec<Stream>, BuildError> {
    let context = jetstream(system).await?;
    let names: Vec<String> = context.stream_names().try_collect().await?;
    let mut streams = Vec::new();
    for name in names {
        streams.push(context.get_stream(name).await?);
    }
    Ok(streams)
}

/// NATS dies, its data is deleted, it starts again.
pub fn wipe(system: &System) -> Result<Inflicted, BuildError> {
    system.supervisor.down("nats")?;
    fs::remove_dir_all(system.folder().join("nats"))?;
    system.supervisor.up("nats")?;
    Ok(Inflicted::DONE)
}

/// kill -9 of the server that leads order's stream. It is started again.
pub async fn kill_leader(system: &System) -> Result<Inflicted, BuildError> {
    let leads_orders = |stream: &Stream| stream.cached_info().config.name == "QM_ORDER";
    let stream = streams(system).await?.into_iter().find(leads_orders).ok_or("order has no stream")?;
    let cluster = stream.cached_info().cluster.as_ref();
    let leader = cluster.and_then(|cluster| cluster.leader.clone()).ok_or("order's stream has no leader")?;
    system.supervisor.kill(&leader)?;
    Ok(Inflicted::DONE)
}

/// Lowers each stream's limit to what it holds, again and again: its owner looks after it and raises it. Then it is as
/// before.
pub async fn fill(system: &System, lasting: Duration) -> Result<Inflicted, BuildError> {
    let context = jetstream(system).await?;
    let mut streams = streams(system).await?;
    let before: Vec<_> = streams.iter().map(|stream| stream.cached_info().config.clone()).collect();
    let ending = tokio::time::Instant::now() + lasting;
    while tokio::time::Instant::now() < ending {
        for stream in &mut streams {
            let info = stream.info().await?;
            let mut config = info.config.clone();
            config.max_bytes = i64::try_from(info.state.bytes.max(1) + ROOM)?;
            if config.max_bytes < info.config.max_bytes {
                context.update_stream(config).await?;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for config in before {
        context.update_stream(config).await?;
    }
    Ok(Inflicted::DONE)
}

/// Publishes one event with the headers of a real one and a payload that is none under the first subject of each stream
/// that somebody consumes. Each of its consumers has to set it aside.
pub async fn poison(system: &System) -> Result<Inflicted, BuildError> {
    let context = jetstream(system).await?;
    let mut dead_letters = 0;
    for stream in streams(system).await? {
        let consumers: Vec<_> = stream.consumers().try_collect().await?;
        let filters: Vec<String> = consumers.into_iter().map(|it| it.config.filter_subject).collect();
        // A consumer of everything takes payloads as they come, so it is not among those who stumble.
        let Some(subject) = filters.iter().find(|filter| !filter.contains(['*', '>'])) else { continue };
        let message = garbage(subject);
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, message.id.as_str());
        for (name, value) in &message.headers {
            headers.insert(name.as_str(), value.as_str());
        }
        context.publish_with_headers(message.subject, headers, message.payload.into()).await?.await?;
        dead_letters += filters.iter().filter(|filter| *filter == subject).count() as u64;
    }
    Ok(Inflicted::Done { dead_letters })
}

/// An event as services publish it, but for its payload.
fn garbage(subject: &str) -> Message {
    let any = || Uuid::from_u128(rand::random());
    let envelope = Envelope {
        event_id: EventId::from_uuid(any()),
        tenant: TenantId::from_uuid(any()),
        event_type: subject.trim_start_matches("qm.").to_owned(),
        source: "chaos".to_owned(),
        aggregate: any(),
        occurred_at: chrono::Utc::now(),
        trace: None,
        payload: vec![0xff; 32],
    };
    envelope.into_message()
}
