//! All ways between the programs of a system.

use std::{collections::BTreeMap, net::SocketAddr};

use qm_runtime::BuildError;

use crate::{
    link::{Link, Target, Weather},
    services::{BOOKKEEPERS, PEERS, SERVICES},
};

/// Ways by who calls and who is called.
#[derive(Debug, Default)]
pub struct Network {
    links: BTreeMap<(String, String), Link>,
    targets: BTreeMap<String, Target>,
}

impl Network {
    /// A way for each pair that talks to each other. Where the called are is said later, by [`target`](Self::target).
    pub async fn new() -> Result<Self, BuildError> {
        let mut network = Self::default();
        for service in SERVICES {
            network.open(service, "postgres").await?;
            network.open(service, "nats").await?;
        }
        for (service, peers) in PEERS {
            for peer in peers {
                network.open(service, peer).await?;
            }
        }
        for (from, to) in [
            ("gateway", "redis"),
            ("notification", "mails"),
            ("notification", "webhooks"),
            ("public", "gateway"),
            ("audit", "nats"),
        ] {
            network.open(from, to).await?;
        }
        for service in BOOKKEEPERS {
            network.open("audit", service).await?;
        }
        Ok(network)
    }

    async fn open(&mut self, from: &str, to: &str) -> Result<(), BuildError> {
        let target = self.targets.entry(to.to_owned()).or_default().clone();
        self.links.insert((from.to_owned(), to.to_owned()), Link::open(target).await?);
        Ok(())
    }

    /// Where the processes of a program listen.
    pub fn target(&self, name: &str) -> Target {
        self.targets.get(name).cloned().unwrap_or_default()
    }

    /// Where `from` reaches `to`.
    pub fn address(&self, from: &str, to: &str) -> SocketAddr {
        let link = self.links.get(&(from.to_owned(), to.to_owned()));
        // A way that was not foreseen leads nowhere.
        link.map_or(SocketAddr::from(([127, 0, 0, 1], 0)), Link::address)
    }

    /// Changes the weather on some ways.
    pub fn set(&self, weather: Weather, which: impl Fn(&str, &str) -> bool) {
        self.links.iter().filter(|((from, to), _)| which(from, to)).for_each(|(_, link)| link.set(weather));
    }

    /// Forgets the connections that are open on some ways.
    pub fn forget(&self, which: impl Fn(&str, &str) -> bool) {
        self.links.iter().filter(|((from, to), _)| which(from, to)).for_each(|(_, link)| link.forget());
    }
}
