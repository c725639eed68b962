//! Ids that are computed instead of drawn.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::Id;

/// The id of the `n`th thing called `label` that the step caused by `cause` creates.
///
/// Messages arrive more than once, and a process may die between committing and acknowledging. A step that drew fresh
/// ids would create its fulfilments or reservations again on the second run. With derived ids the second run meets the
/// first one's rows by primary key and finds its work done. So `cause` must be what triggered the step (an event id, or
/// an id that already includes the attempt), and `label` and `n` must be the same on every run.
///
/// The result is a well-formed UUIDv7: the 48 bits of time are the cause's, so that derived ids stand beside drawn
/// ones in time order and in the same part of an index; the 74 bits of rand_a and rand_b come from
/// SHA-256(cause ‖ label ‖ n), with `n` as 8 bytes, most significant first. Cause and `n` have fixed widths, so
/// different inputs never run together into the same bytes. Derived ids cannot be told from drawn ones, but whoever knows the
/// cause can compute them: they are names, not secrets.
pub fn derive<T: Id>(cause: Uuid, label: &str, n: u64) -> T {
    let hash = Sha256::new()
        .chain_update(cause.as_bytes())
        .chain_update(label.as_bytes())
        .chain_update(n.to_be_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&cause.as_bytes()[..6]);
    bytes[6..].copy_from_slice(&hash[..10]);
    T::from_uuid(
        Builder::from_bytes(bytes)
            .with_version(uuid::Version::SortRand)
            .with_variant(uuid::Variant::RFC4122)
            .into_uuid(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{FulfilmentId, PieceId};

    #[test]
    fn a_derived_id_never_changes_between_releases() {
        let cause = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert_eq!(
            derive::<PieceId>(cause, "piece", 3).as_uuid().to_string(),
            "01890a5d-ac96-79d6-b135-93d704fe9859"
        );
    }

    proptest! {
        #[test]
        fn a_replay_meets_its_own_ids_and_no_others(
            cause: u128, label in "[a-z/]{0,12}", n: u64, other_cause: u128, other_label in "[a-z/]{0,12}", other_n: u64
        ) {
            let (cause, other_cause) = (Uuid::from_u128(cause), Uuid::from_u128(other_cause));
            let id = derive::<FulfilmentId>(cause, &label, n);
            prop_assert_eq!(id, derive(cause, &label, n));
            for (cause, label, n) in
                [(other_cause, &label, n), (cause, &other_label, n), (cause, &label, other_n), (cause, &label, n ^ 1)]
                    .into_iter()
                    .filter(|other| *other != (cause, &label, n))
            {
                prop_assert_ne!(id, derive(cause, label, n));
            }
        }

        #[test]
        fn a_derived_id_is_a_uuidv7_of_its_causes_time(cause: u128, n: u64) {
            let cause = Uuid::from_u128(cause);
            let id = derive::<FulfilmentId>(cause, "fulfilment", n).as_uuid();
            prop_assert_eq!(id.get_version(), Some(uuid::Version::SortRand));
            prop_assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            prop_assert_eq!(&id.as_bytes()[..6], &cause.as_bytes()[..6]);
        }
    }
}
