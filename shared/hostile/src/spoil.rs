//! Random bytes, and sound input with something changed.

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};

use crate::Parser;

/// What each parser is sent, besides its seeds. Enough to notice a careless one, little enough to run with every change.
const CASES: u32 = 256;
/// Text at which parsers like to stumble.
static SPLINTERS: [&str; 20] = [
    "",
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e400",
    "NaN",
    "null",
    "\"",
    "[[[[",
    "{\"",
    "\\u0000",
    "\u{0}",
    "\r\n",
    "%00",
    "é",
    "\u{202e}",
    "'",
    "0001-01-01T00:00:00Z",
];

/// One change of some bytes.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Cut(Index),
    Repeat(Index, Index),
    Insert(Index, &'static str),
}

/// Sends each parser its seeds, random bytes and spoiled seeds. Panics with the smallest input found that makes one panic.
pub fn withstand(parsers: &[Parser]) {
    for parser in parsers {
        let seeds = (parser.seeds)();
        seeds.iter().for_each(|seed| (parser.read)(seed));
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new(config).run(&bytes(seeds), |bytes| {
            (parser.read)(&bytes);
            Ok(())
        });
        let found = outcome.err().map(|found| found.to_string());
        assert_eq!(found, None, "{}", parser.name);
    }
}

fn bytes(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let random = prop::collection::vec(any::<u8>(), 0..64);
    let spoiled = (any::<Index>(), prop::collection::vec(change(), 1..6)).prop_map(move |(seed, changes)| {
        let seed = if seeds.is_empty() { Vec::new() } else { seed.get(&seeds).clone() };
        changes.into_iter().fold(seed, apply)
    });
    prop_oneof![1 => random, 4 => spoiled]
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        at().prop_map(Change::Cut),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
        (at(), prop::sample::select(&SPLINTERS[..])).prop_map(|(at, text)| Change::Insert(at, text)),
    ]
}

fn apply(mut bytes: Vec<u8>, change: Change) -> Vec<u8> {
    let length = bytes.len();
    let place = |at: Index| at.index(length + 1);
    match change {
        Change::Flip(at, bits) if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        Change::Flip(..) => {}
        Change::Cut(at) => bytes.truncate(place(at)),
        Change::Repeat(from, to) => {
            let (from, to) = (place(from), place(to));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(to..to, part);
        }
        Change::Insert(at, text) => {
            let at = place(at);
            bytes.splice(at..at, text.bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parser(read: fn(&[u8])) -> [Parser; 1] {
        [Parser { name: "test", seeds: || crate::texts(&["key=12345"]), read }]
    }

    #[test]
    fn a_sound_parser_withstands() {
        withstand(&parser(|bytes| drop(String::from_utf8_lossy(bytes).parse::<i64>())));
    }

    #[test]
    #[should_panic(expected = "careless")]
    fn a_careless_one_does_not() {
        withstand(&parser(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Some((_, number)) = text.split_once('=') {
                assert!(number.len() < 6 || number.parse::<i64>().is_ok(), "careless");
            }
        }));
    }
}
