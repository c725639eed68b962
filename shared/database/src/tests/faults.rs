//! Commits that go wrong as somebody else decides.

use std::sync::{Arc, Mutex};

use super::*;
use crate::{CommitFault, CommitUnknown, Faults};

/// Faults of the next commits, last first.
#[derive(Debug, Default)]
struct Planned(Mutex<Vec<CommitFault>>);

impl Faults for Planned {
    fn at_commit(&self) -> Option<CommitFault> {
        self.0.lock().unwrap().pop()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_tried_again_and_a_lost_commit_stands_only_if_it_arrived() {
    for world in worlds().await {
        let ours = TenantSet::one(world.ours);
        let add = async |id: u128, faults: Vec<CommitFault>| {
            let database = world.database.clone().with_faults(Arc::new(Planned(Mutex::new(faults))));
            let rows = things(world.ours, id..id + 1);
            let rows = &rows;
            database
                .write(&ours, |attempt| {
                    Box::pin(async move { attempt.tx().insert_many::<Things>(rows.clone()).await })
                })
                .await
        };
        add(0, vec![]).await.unwrap();
        add(1, vec![CommitFault::Conflict, CommitFault::Conflict]).await.unwrap();
        for (id, fault) in [(2, CommitFault::LostBefore), (3, CommitFault::LostAfter)] {
            let lost = add(id, vec![fault]).await;
            assert!(matches!(lost, Err(Error::CommitUnknown(CommitUnknown { .. }))), "{lost:?}");
        }
        let tx = world.database.read(&ours).await.unwrap();
        let mut found: Vec<_> = tx.find::<Things>().all(tx.conn()).await.unwrap();
        found.sort_by_key(|row| row.thing_id);
        let ids: Vec<u128> = found.iter().map(|row| row.thing_id.as_u128()).collect();
        assert_eq!(ids, [0, 1, 3]);
    }
}
