//! What may go wrong at a commit, as somebody else decides: for simulations. A service in production has none of it.

use std::{fmt::Debug, sync::Arc};

use sea_orm::{DbErr, RuntimeErr, sqlx};

use crate::{CommitUnknown, Error};

/// Faults that the parts of a process share.
pub type SharedFaults = Arc<dyn Faults>;

/// Decides what goes wrong.
pub trait Faults: Send + Sync + Debug {
    /// A transaction is about to commit.
    fn at_commit(&self) -> Option<CommitFault>;
}

/// How a commit goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// Another transaction is in the way: nothing stands, and whoever tries again may succeed.
    Conflict,
    /// The connection is lost before the commit arrives: nothing stands, and nobody is told so.
    LostBefore,
    /// The connection is lost after the commit: it stands, and nobody is told so.
    LostAfter,
}

impl CommitFault {
    /// True when the commit stands all the same.
    pub(crate) fn stands(self) -> bool {
        self == Self::LostAfter
    }
}

impl From<CommitFault> for Error {
    fn from(fault: CommitFault) -> Self {
        let source = |error| DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)));
        match fault {
            CommitFault::Conflict => Self::Conflict(source(sqlx::Error::WorkerCrashed)),
            CommitFault::LostBefore | CommitFault::LostAfter => {
                CommitUnknown { source: source(sqlx::Error::WorkerCrashed) }.into()
            }
        }
    }
}
