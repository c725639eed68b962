//! How many live streams there may be. Each holds a connection here and a call at the service that it follows for as long as
//! its reader wants, so neither one reader nor all of them together may have as many as they like.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use qm_refusal::Refusal;

/// What a reader is told to wait when there are too many.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Counts open streams.
#[derive(Debug, Clone)]
pub struct Streams {
    open: Arc<Mutex<HashMap<String, usize>>>,
    max: usize,
    max_each: usize,
}

/// A stream that is open, until it is dropped.
#[derive(Debug)]
pub struct OpenStream {
    open: Arc<Mutex<HashMap<String, usize>>>,
    reader: String,
}

impl Streams {
    /// At most `max` at a time, of one reader at most `max_each`.
    pub fn new(max: usize, max_each: usize) -> Self {
        Self { open: Arc::default(), max, max_each }
    }

    /// Opens one for a reader.
    pub fn open(&self, reader: String) -> Result<OpenStream, Refusal> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // As many readers as streams at most, so the sum is short.
        if open.values().sum::<usize>() >= self.max {
            let message = "too many live streams are being read; try again";
            return Err(Refusal::unavailable("too_many_streams", message).after(RETRY_AFTER));
        }
        let own = open.entry(reader.clone()).or_default();
        if *own >= self.max_each {
            let message = format!("a reader may have {} live streams at a time", self.max_each);
            return Err(Refusal::too_many("too_many_streams", message, RETRY_AFTER));
        }
        *own += 1;
        Ok(OpenStream { open: Arc::clone(&self.open), reader })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.reader) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.reader);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use qm_refusal::Kind;

    use super::*;

    #[test]
    fn neither_one_reader_nor_all_together_have_more_than_their_share() {
        let streams = Streams::new(3, 2);
        let open = |reader: &str| streams.open(reader.to_owned()).map_err(|refusal| refusal.kind);
        let (one, _two) = (open("a").unwrap(), open("a").unwrap());
        assert_eq!(open("a").unwrap_err(), Kind::TooMany);
        let third = open("b").unwrap();
        assert_eq!(open("c").unwrap_err(), Kind::Unavailable);
        drop(third);
        assert_eq!(open("a").unwrap_err(), Kind::TooMany);
        drop(one);
        assert!(open("a").is_ok());
        assert_eq!(streams.open.lock().unwrap().len(), 1, "who reads nothing is forgotten");
    }
}
