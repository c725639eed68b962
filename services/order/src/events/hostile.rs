//! Reads what other services tell.

use prost::Message;

use super::read;

/// Reads the bytes as each event that order consumes: whoever publishes to the bus may write what it likes.
pub fn read(bytes: &[u8]) {
    each(bytes, read::unfillable);
    each(bytes, read::reserved);
    each(bytes, read::rejected);
    each(bytes, read::broken);
    each(bytes, read::opened);
    each(bytes, read::declined);
    each(bytes, read::cancelled);
    each(bytes, read::recall_refused);
    each(bytes, read::issued);
    each(bytes, read::completed);
    each(bytes, read::shipment);
}

fn each<P: Message + Default, T, E>(bytes: &[u8], meaning: fn(&P) -> Result<T, E>) {
    if let Ok(payload) = P::decode(bytes) {
        let _ = meaning(&payload);
    }
}
