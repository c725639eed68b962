//! Where the bytes of a dataset are: inside the binary or in a folder, plain or gzipped.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::error::Error;

/// One file of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Orders,
    Catalogue,
    Locations,
    Stock,
    Tariff,
    Cartons,
    Addresses,
}

impl Part {
    /// The file's name without `.gz`.
    fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders.ndjson",
            Self::Catalogue => "catalogue.csv",
            Self::Locations => "nodes.csv",
            Self::Stock => "stock.csv",
            Self::Tariff => "tariff.csv",
            Self::Cartons => "cartons.csv",
            Self::Addresses => "addresses.csv",
        }
    }

    /// The bytes in the binary, and whether they are gzipped.
    fn sample(self) -> (&'static [u8], bool) {
        match self {
            Self::Orders => (include_bytes!("../../data/sample/orders.ndjson.gz"), true),
            Self::Catalogue => (include_bytes!("../../data/sample/catalogue.csv.gz"), true),
            Self::Locations => (include_bytes!("../../data/sample/nodes.csv"), false),
            Self::Stock => (include_bytes!("../../data/sample/stock.csv.gz"), true),
            Self::Tariff => (include_bytes!("../../data/sample/tariff.csv"), false),
            Self::Cartons => (include_bytes!("../../data/sample/cartons.csv"), false),
            Self::Addresses => (include_bytes!("../../data/sample/addresses.csv.gz"), true),
        }
    }
}

/// Where a dataset is read from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Inside the binary.
    Sample,
    /// A folder of files.
    Folder(PathBuf),
}

/// An open file: the name that errors say, and its unpacked bytes.
pub(super) struct Opened {
    pub(super) file: String,
    pub(super) bytes: Box<dyn Read + Send>,
}

impl Source {
    pub(super) fn open(&self, part: Part) -> Result<Opened, Error> {
        match self {
            Self::Sample => {
                let (bytes, gzipped) = part.sample();
                let bytes: Box<dyn Read + Send> =
                    if gzipped { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
                Ok(Opened { file: format!("sample/{}", part.name()), bytes })
            }
            Self::Folder(folder) => open_in(folder, part.name()),
        }
    }
}

/// Opens `name.gz`, or `name` where that is not there.
fn open_in(folder: &Path, name: &str) -> Result<Opened, Error> {
    let gzipped = folder.join(format!("{name}.gz"));
    let plain = folder.join(name);
    let (path, opened) = match File::open(&gzipped) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let opened = File::open(&plain);
            (plain, opened)
        }
        opened => (gzipped, opened),
    };
    unpacked(path, opened)
}

/// Opens a file, gzipped where its name ends so.
pub(super) fn open_file(path: &Path) -> Result<Opened, Error> {
    unpacked(path.to_owned(), File::open(path))
}

fn unpacked(path: PathBuf, opened: io::Result<File>) -> Result<Opened, Error> {
    let file = path.display().to_string();
    let handle = match opened {
        Ok(handle) => BufReader::new(handle),
        Err(source) => return Err(Error::Open { file, source }),
    };
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    let bytes: Box<dyn Read + Send> =
        if gzipped { Box::new(MultiGzDecoder::new(handle)) } else { Box::new(handle) };
    Ok(Opened { file, bytes })
}
