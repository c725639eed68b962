//! Everything that the harness can break.

mod clock;
mod disks;
mod network;
mod postgres;
mod processes;
mod replicas;
mod streams;

use clap::ValueEnum;
use qm_runtime::BuildError;

use crate::{
    run::Plan,
    system::{System, World},
};

/// What is broken, what is expected, and why.
///
/// Services, NATS and Redis are killed three times in a row, each time at some moment of their work.
///
/// Expected of all: no order that was answered with 201 is lost or doubled, nothing is sold or sent twice, and everything
/// comes to rest by itself. Orders may be answered late, or told to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// kill -9 of order: what it committed and had not published is published by its successor, or a replica.
    KillOrder,
    /// kill -9 of inventory: reservations stand or fall with their transaction; order asks again for what was in the air.
    KillInventory,
    /// kill -9 of routing: a request for a plan that was not answered is still unsettled in the stream and comes again.
    KillRouting,
    /// kill -9 of shipping: labels that were being bought are bought once, since the carrier knows the parcel.
    KillShipping,
    /// kill -9 of notification: mails that were being sent may be sent twice, with the same id.
    KillNotification,
    /// kill -9 of the gateway: clients lose their connections and ask again under the same key.
    KillGateway,
    /// kill -9 of PostgreSQL's postmaster: every connection breaks, commits without an answer are looked up by their keys.
    KillPostgres,
    /// kill -9 of one session's process: PostgreSQL ends all others and recovers, as after a crash.
    KillPostgresSession,
    /// kill -9 of NATS: events wait in the outboxes and travel when it is back.
    KillNats,
    /// kill -9 of Redis, which keeps nothing: it decides nothing, so orders go on.
    KillRedis,
    /// kill -9 of all services in one process on SQLite: what was committed is there at the next start.
    KillOneProcess,
    /// Order is stopped for a while, as by a machine that freezes: its callers give up in time, and it goes on where it was.
    FreezeOrder,
    /// Inventory is stopped for a while; orders are taken meanwhile.
    FreezeInventory,
    /// Routing is stopped for a while; orders are taken meanwhile.
    FreezeRouting,
    /// Shipping is stopped for a while; orders are taken meanwhile.
    FreezeShipping,
    /// Notification is stopped for a while, which is also the slow consumer: its events wait, and no others do.
    FreezeNotification,
    /// The gateway is stopped for a while: clients give up and ask again under the same key.
    FreezeGateway,
    /// All of PostgreSQL is stopped for a while: requests end at their deadlines, none waits for ever.
    FreezePostgres,
    /// NATS is stopped for a while; orders are taken meanwhile.
    FreezeNats,
    /// NATS loses all its data and comes back empty: each service declares its stream anew and publishes from its history.
    NatsWiped,
    /// The streams hold no more bytes: what is published is refused and waits in the outboxes, nothing is dropped.
    StreamsFull,
    /// Garbage under the right headers in every service's stream: it is set aside as a dead letter, what is behind it goes on.
    Poison,
    /// PostgreSQL is restarted in order, as for an update: open transactions end with an error.
    RestartPostgres,
    /// A guest takes all connections of PostgreSQL, and the services' own are ended: they get theirs back when it leaves.
    NoConnections,
    /// PostgreSQL is read-only for a while, as a standby is: nothing is written and nothing is set aside for that.
    ReadOnly,
    /// Inventory's database is restored to an earlier point, under load: it learns again what the streams hold.
    RestoreInventory,
    /// Routing's database is restored to an earlier point, under load.
    RestoreRouting,
    /// Shipping's database is restored to an earlier point, under load: no parcel is sent twice.
    RestoreShipping,
    /// Notification's database is restored to an earlier point, under load: mails may be sent twice, with the same id.
    RestoreNotification,
    /// All ways to PostgreSQL are cut for a while, both ways: what was under way arrives late.
    CutPostgres,
    /// Questions reach PostgreSQL and answers do not come back: commits stand without their callers knowing.
    DeafPostgres,
    /// All ways to PostgreSQL forget their connections: the old ones are silent for ever, new ones work. Nobody may wait for
    /// the old ones, and what they hold in the database must be let go.
    ForgottenPostgres,
    /// All ways to NATS are cut for a while, both ways.
    CutNats,
    /// What is published reaches NATS, and acknowledgements do not come back: it is published twice and applied once.
    DeafNats,
    /// All ways to NATS forget their connections.
    ForgottenNats,
    /// Nobody reaches inventory for a while: plans and orders wait.
    CutInventory,
    /// The gateway hears no answers of the others: clients ask again under the same key.
    DeafGateway,
    /// All ways between services forget their connections.
    ForgottenPeers,
    /// Redis is cut off for a while: limits are not kept meanwhile, orders go on.
    CutRedis,
    /// Each way takes 50 ms longer.
    SlowNetwork,
    /// Ways to PostgreSQL and NATS carry 25 KB a second.
    Trickle,
    /// Connections are reset in the middle, everywhere, all the time.
    Resets,
    /// The mail server takes connections and says nothing: mails wait, orders do not.
    MailsHang,
    /// The mail server is down.
    MailsFail,
    /// Mails go through drop by drop.
    MailsTrickle,
    /// The webhook receiver takes connections and says nothing: webhooks wait, orders do not.
    WebhooksHang,
    /// The webhook receiver is down.
    WebhooksFail,
    /// Two processes of every service, with two relays each and shared consumers; then the second of each is killed.
    TwoOfEach,
    /// Every service gets a second process and ends the first by SIGTERM, one service after another: nobody is refused.
    RollingRestart,
    /// Order's clock goes ahead an hour and back two.
    ClockOfOrder,
    /// Inventory's clock goes ahead an hour and back two.
    ClockOfInventory,
    /// Shipping's clock goes ahead 20 seconds and back 40: what a simulated carrier planned meanwhile comes when its time has come.
    ClockOfShipping,
    /// In a cluster of three NATS servers that sync always, the one that leads order's stream is killed.
    KillNatsLeader,
    /// PostgreSQL's disk is full: orders are told to come again, what is committed stays.
    FullDiskPostgres,
    /// NATS's disk is full: events wait in the outboxes.
    FullDiskNats,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inflicted {
    /// Its cause has ended; so many dead letters are right.
    Done {
        /// Events that had to be set aside.
        dead_letters: u64,
    },
    /// It is not possible here, for this reason.
    Skipped(String),
}

impl Inflicted {
    /// Its cause has ended, and nothing had to be set aside.
    pub const DONE: Self = Self::Done { dead_letters: 0 };
}

impl Fault {
    /// The faults of a short run.
    pub const SHORT: [Self; 5] =
        [Self::KillOrder, Self::KillInventory, Self::KillPostgres, Self::NatsWiped, Self::CutInventory];

    /// As it is called on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What it does and what is expected.
    pub fn about(self) -> String {
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }

    /// What it is inflicted on.
    pub fn world(self) -> World {
        match self {
            Self::KillOneProcess => World::OneProcess,
            Self::KillNatsLeader => World::Cluster,
            Self::FullDiskPostgres | Self::FullDiskNats => World::SmallDisks,
            _ => World::Services,
        }
    }

    /// Whether it may come among others: it needs no system of its own, and does not wait for all to be well.
    pub fn may_be_mixed(self) -> bool {
        let waits = [Self::TwoOfEach, Self::RollingRestart, Self::Poison, Self::StreamsFull];
        let of_clocks = [Self::ClockOfOrder, Self::ClockOfInventory, Self::ClockOfShipping];
        self.world() == World::Services && !waits.contains(&self) && !of_clocks.contains(&self)
    }

    /// Whether nobody may be refused meanwhile: with a second process there is always one that serves.
    pub fn is_seamless(self) -> bool {
        self == Self::RollingRestart
    }

    /// Breaks something, and returns when its cause has ended.
    pub async fn inflict(self, system: &System, plan: &Plan) -> Result<Inflicted, BuildError> {
        match self {
            Self::KillOrder => processes::kill(system, "order").await,
            Self::KillInventory => processes::kill(system, "inventory").await,
            Self::KillRouting => processes::kill(system, "routing").await,
            Self::KillShipping => processes::kill(system, "shipping").await,
            Self::KillNotification => processes::kill(system, "notification").await,
            Self::KillGateway => processes::kill(system, "gateway").await,
            Self::KillPostgres => processes::kill_postgres(system).await,
            Self::KillPostgresSession => postgres::kill_session(system).await,
            Self::KillNats => processes::kill(system, "nats").await,
            Self::KillRedis => processes::kill(system, "redis").await,
            Self::KillOneProcess => processes::kill(system, "quartermaster").await,
            Self::FreezeOrder => processes::freeze(system, "order", plan.lasting).await,
            Self::FreezeInventory => processes::freeze(system, "inventory", plan.lasting).await,
            Self::FreezeRouting => processes::freeze(system, "routing", plan.lasting).await,
            Self::FreezeShipping => processes::freeze(system, "shipping", plan.lasting).await,
            Self::FreezeNotification => processes::freeze(system, "notification", plan.lasting).await,
            Self::FreezeGateway => processes::freeze(system, "gateway", plan.lasting).await,
            Self::FreezePostgres => processes::freeze(system, "postgres", plan.lasting).await,
            Self::FreezeNats => processes::freeze(system, "nats", plan.lasting).await,
            Self::NatsWiped => streams::wipe(system),
            Self::StreamsFull => streams::fill(system, plan.lasting).await,
            Self::Poison => streams::poison(system).await,
            Self::RestartPostgres => postgres::restart(system).await,
            Self::NoConnections => postgres::take_connections(system, plan.lasting).await,
            Self::RestoreInventory => postgres::go_back(system, "inventory", plan.lasting).await,
            Self::RestoreRouting => postgres::go_back(system, "routing", plan.lasting).await,
            Self::RestoreShipping => postgres::go_back(system, "shipping", plan.lasting).await,
            Self::RestoreNotification => postgres::go_back(system, "notification", plan.lasting).await,
            Self::TwoOfEach => replicas::two_of_each(system, plan.lasting).await,
            Self::RollingRestart => replicas::roll(system).await,
            Self::ClockOfOrder => clock::jump(system, "order", clock::HOUR, plan.lasting).await,
            Self::ClockOfInventory => clock::jump(system, "inventory", clock::HOUR, plan.lasting).await,
            Self::ClockOfShipping => clock::jump(system, "shipping", clock::MOMENT, plan.lasting).await,
            Self::KillNatsLeader => streams::kill_leader(system).await,
            Self::FullDiskPostgres => disks::fill(system, "postgres", plan.lasting).await,
            Self::FullDiskNats => disks::fill(system, "nats", plan.lasting).await,
            Self::ReadOnly => postgres::read_only(system, plan.lasting).await,
            _ => network::spoil(self, system, plan.lasting).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_says_what_it_does() {
        for fault in Fault::value_variants() {
            assert!(fault.about().len() > 20, "{}", fault.name());
        }
    }
}
