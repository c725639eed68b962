//! What can be wrong with a dataset, said so that its owner finds the place.

use std::io;

/// A dataset that cannot be read. The message names the file, the line (counted from 1) and the field.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is missing or may not be read.
    #[error("{file}: cannot be opened")]
    Open {
        /// The file's name or path.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The file broke off or is not what its name says.
    #[error("{file}:{line}: cannot be read")]
    Read {
        /// The file's name or path.
        file: String,
        /// The line that was being read.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A row that is no CSV.
    #[error("{file}:{line}: not a row of this table")]
    Row {
        /// The file's name or path.
        file: String,
        /// The row's line.
        line: u64,
        /// Why.
        source: csv::Error,
    },
    /// A value that its field does not allow.
    #[error("{file}:{line}: {field}: {problem}")]
    Field {
        /// The file's name or path.
        file: String,
        /// The row's line.
        line: u64,
        /// The column, or the path inside the JSON: `lines[2].qty`.
        field: String,
        /// What the field needs, and what it has.
        problem: String,
    },
}

/// Where a value stands, for the error that it may need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) line: u64,
}

impl Place<'_> {
    pub(super) fn field(self, field: impl Into<String>, problem: impl Into<String>) -> Error {
        Error::Field {
            file: self.file.to_owned(),
            line: self.line,
            field: field.into(),
            problem: problem.into(),
        }
    }
}
