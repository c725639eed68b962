//! The other services that one calls, by name.

use std::collections::BTreeMap;

use crate::{
    config::{ConfigError, GrpcConfig, PeersConfig},
    grpc::GrpcChannel,
};

/// Channels to other services by name.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    channels: BTreeMap<String, GrpcChannel>,
}

impl Peers {
    /// No peers yet; see [`with`](Self::with).
    pub fn new() -> Self {
        Self::default()
    }

    /// Channels to the configured URLs. Nothing is connected until it is called. Must run inside a tokio runtime.
    pub fn from_config(peers: &PeersConfig, grpc: &GrpcConfig) -> Result<Self, ConfigError> {
        let connect = |(name, url): (&String, &String)| {
            GrpcChannel::connect_lazy(url, grpc.call_deadline(), grpc.connect_timeout())
                .map(|channel| (name.clone(), channel))
                .map_err(|error| ConfigError::new(format!("peers.{name}"), error.to_string()))
        };
        Ok(Self { channels: peers.urls.iter().map(connect).collect::<Result<_, _>>()? })
    }

    /// Adds a peer, or puts another channel in its place.
    #[must_use]
    pub fn with(mut self, name: &str, channel: GrpcChannel) -> Self {
        self.channels.insert(name.to_owned(), channel);
        self
    }

    /// The channel to `name`; refuses its key of the configuration if there is none.
    pub fn get(&self, name: &str) -> Result<GrpcChannel, ConfigError> {
        self.channels.get(name).cloned().ok_or_else(|| {
            ConfigError::new(format!("peers.{name}"), "expected the URL of this service, http://HOST:PORT")
        })
    }
}
