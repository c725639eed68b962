//! One program for all parsers of bytes from outside: libFuzzer drives the one that QM_FUZZ_PARSER names. With QM_FUZZ_SEEDS
//! it writes each parser's seeds into a folder of the parser's name there, and ends.
#![no_main]

use std::{fs, io, path::Path, process::exit, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use qm_hostile::Parser;

const PARSERS: &[&[Parser]] = &[
    qm_gateway::hostile::PARSERS,
    qm_ids::hostile::PARSERS,
    qm_messaging::hostile::PARSERS,
    qm_money::hostile::PARSERS,
    qm_notification::hostile::PARSERS,
    qm_order::hostile::PARSERS,
    qm_shipping::hostile::PARSERS,
    qm_standard_webhooks::hostile::PARSERS,
    qm_tracking_link::hostile::PARSERS,
];

static CHOSEN: OnceLock<&Parser> = OnceLock::new();

fuzz_target!(init: choose(), |bytes: &[u8]| {
    if let Some(parser) = CHOSEN.get() {
        (parser.read)(bytes);
    }
});

fn choose() {
    if let Some(folder) = std::env::var_os("QM_FUZZ_SEEDS") {
        let written = all().try_for_each(|parser| write_seeds(parser, folder.as_ref()));
        exit(written.map_or_else(|error| fail(&error.to_string()), |()| 0));
    }
    let name = std::env::var("QM_FUZZ_PARSER").unwrap_or_default();
    match all().find(|parser| parser.name == name) {
        Some(parser) => drop(CHOSEN.set(parser)),
        None => exit(fail(&format!("there is no parser {name:?}"))),
    }
}

fn all() -> impl Iterator<Item = &'static Parser> {
    PARSERS.iter().copied().flatten()
}

fn write_seeds(parser: &Parser, folder: &Path) -> io::Result<()> {
    let folder = folder.join(parser.name);
    fs::create_dir_all(&folder)?;
    let seeds = (parser.seeds)();
    seeds.iter().enumerate().try_for_each(|(index, seed)| fs::write(folder.join(format!("seed-{index}")), seed))
}

fn fail(problem: &str) -> i32 {
    eprintln!("qm-fuzz: {problem}");
    2
}
