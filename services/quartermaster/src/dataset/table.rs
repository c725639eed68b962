//! A CSV file read by column name, whose every complaint names file, line and column.

use std::path::Path;
use std::str::FromStr;

use csv::{Reader, ReaderBuilder, StringRecord};

use super::error::{Error, Place};
use super::source::{Opened, open_file};

/// An open CSV file. Columns may come in any order, and columns that nobody asks for are ignored.
pub(crate) struct Table {
    file: String,
    reader: Reader<Box<dyn std::io::Read + Send>>,
    header: StringRecord,
    record: StringRecord,
}

/// One row, valid until the next is read.
pub(crate) struct Row<'a> {
    place: Place<'a>,
    header: &'a StringRecord,
    record: &'a StringRecord,
}

impl Table {
    pub(super) fn open(opened: Opened) -> Result<Self, Error> {
        let Opened { file, bytes } = opened;
        let mut reader = ReaderBuilder::new().from_reader(bytes);
        let header = match reader.headers() {
            Ok(header) => header.clone(),
            Err(source) => return Err(Error::Row { file, line: 1, source }),
        };
        Ok(Self { file, reader, header, record: StringRecord::new() })
    }

    /// Any CSV file, gzipped if its name says so.
    pub(crate) fn of_file(path: &Path) -> Result<Self, Error> {
        Self::open(open_file(path)?)
    }

    /// Whether it has a column.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.header.iter().any(|name| name == column)
    }

    /// What is wrong with the file as a whole.
    pub(crate) fn error(&self, field: &str, problem: impl Into<String>) -> Error {
        Place { file: &self.file, line: 1 }.field(field, problem)
    }

    /// The next row, or `None` at the end.
    pub(crate) fn next_row(&mut self) -> Result<Option<Row<'_>>, Error> {
        let starts_at = self.reader.position().line();
        match self.reader.read_record(&mut self.record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = self.record.position().map_or(starts_at, csv::Position::line);
                let place = Place { file: &self.file, line };
                Ok(Some(Row { place, header: &self.header, record: &self.record }))
            }
            Err(source) => {
                let line = source.position().map_or(starts_at, csv::Position::line);
                Err(Error::Row { file: self.file.clone(), line, source })
            }
        }
    }

    /// Reads every row with `parse`; at least one must be there.
    pub(super) fn rows<T>(
        mut self,
        mut parse: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut parsed = Vec::new();
        while let Some(row) = self.next_row()? {
            parsed.push(parse(&row)?);
        }
        if parsed.is_empty() {
            return Err(Place { file: &self.file, line: 2 }.field("(row)", "must have at least one row"));
        }
        Ok(parsed)
    }
}

impl<'a> Row<'a> {
    /// The column's text, possibly empty.
    pub(super) fn optional(&self, column: &str) -> Result<&'a str, Error> {
        let index = self.header.iter().position(|name| name == column);
        index
            .and_then(|index| self.record.get(index))
            .ok_or_else(|| self.error(column, "must be a column of this file"))
    }

    /// The column's text, not empty.
    pub(crate) fn text(&self, column: &str) -> Result<&'a str, Error> {
        match self.optional(column)? {
            "" => Err(self.error(column, "must not be empty")),
            text => Ok(text),
        }
    }

    /// The column's text through a parser that explains its refusal.
    pub(crate) fn parsed<T>(
        &self,
        column: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Error> {
        parse(self.text(column)?).map_err(|problem| self.error(column, problem))
    }

    /// A whole number of at least 0.
    pub(crate) fn count(&self, column: &str) -> Result<i64, Error> {
        self.parsed(column, count)
    }

    /// Degrees between `-limit` and `limit`.
    pub(super) fn degrees(&self, column: &str, limit: f64) -> Result<f64, Error> {
        self.parsed(column, |text| degrees(text, limit))
    }

    /// `1` or `0`.
    pub(super) fn flag(&self, column: &str) -> Result<bool, Error> {
        self.parsed(column, |text| match text {
            "1" => Ok(true),
            "0" => Ok(false),
            _ => Err(format!("must be 1 or 0, not {text:?}")),
        })
    }

    pub(crate) fn error(&self, column: &str, problem: impl Into<String>) -> Error {
        self.place.field(column, problem)
    }
}

pub(super) fn count(text: &str) -> Result<i64, String> {
    i64::from_str(text)
        .ok()
        .filter(|number| *number >= 0)
        .ok_or_else(|| format!("must be a whole number of at least 0, not {text:?}"))
}

pub(super) fn degrees(text: &str, limit: f64) -> Result<f64, String> {
    f64::from_str(text)
        .ok()
        .filter(|number| number.abs() <= limit)
        .ok_or_else(|| format!("must be degrees between -{limit} and {limit}, not {text:?}"))
}
