//! A process of a service: it dies when chance says so, and from then on changes nothing any more.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use qm_database::{CommitFault, Faults};

use crate::chance::{Chance, Fault};

/// A process.
#[derive(Debug)]
pub struct Process {
    /// The service, and a number that no other process of the life has.
    pub name: String,
    dead: AtomicBool,
    chance: Arc<Chance>,
}

impl Process {
    /// A process that lives.
    pub fn new(name: String, chance: Arc<Chance>) -> Self {
        Self { name, dead: AtomicBool::new(false), chance }
    }

    /// Whether it has died.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    fn die(&self, when: &str) {
        self.chance.note(format!("{} dies {when}", self.name));
        self.dead.store(true, Ordering::Relaxed);
    }
}

impl Faults for Process {
    fn at_commit(&self) -> Option<CommitFault> {
        let chance = &self.chance;
        if self.is_dead() {
            // What the rest of its turn does is done by nobody.
            Some(CommitFault::LostBefore)
        } else if chance.happens(Fault::DeathBeforeCommit) {
            self.die("before a commit");
            Some(CommitFault::LostBefore)
        } else if chance.happens(Fault::DeathAfterCommit) {
            self.die("after a commit");
            Some(CommitFault::LostAfter)
        } else if chance.happens(Fault::CommitConflict) {
            chance.note("commit in the way of another");
            Some(CommitFault::Conflict)
        } else if chance.happens(Fault::CommitLost) {
            chance.note("commit lost");
            Some(CommitFault::LostBefore)
        } else if chance.happens(Fault::CommitUnheard) {
            chance.note("commit stands unheard");
            Some(CommitFault::LostAfter)
        } else {
            None
        }
    }
}
