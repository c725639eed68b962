//! The data directory: one file per service, the bus, mails and secrets. Tells whose it is and whether it is in use.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Held locked by the process that runs on the directory. Its presence tells a data directory from any other folder.
const LOCK: &str = "quartermaster.lock";
const MAILBOX: &str = "mailbox";
const ADDRESSES: &str = "grpc.json";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// There is nothing at this path.
    #[error("{} does not exist; `quartermaster serve` and `quartermaster migrate` create it", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// It holds files that Quartermaster did not put there.
    #[error("{} is not a data directory of Quartermaster and not empty: choose another, or an empty one", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
    },
    /// It has been used before, and a fresh one was asked for.
    #[error("{} is not empty: choose another, or remove it first", path.display())]
    NotEmpty {
        /// The path.
        path: PathBuf,
    },
    /// Another process runs on it.
    #[error("{} is in use by another process: stop that one, or choose another directory", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// Its path cannot stand in a URL.
    #[error("{} is not a path in UTF-8", path.display())]
    NotText {
        /// The path.
        path: PathBuf,
    },
    /// The file system refused something.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A data directory, by its absolute path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    path: String,
}

/// Keeps other processes from running on a data directory until it is dropped.
#[derive(Debug)]
#[must_use = "the directory is free again when this is dropped"]
pub struct DataDirLock {
    _file: File,
}

/// Where the services of a running process answer gRPC, written beside its data for the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// URLs by the service's name.
    pub services: std::collections::BTreeMap<String, String>,
}

impl DataDir {
    /// The data directory at `path`; it must be one already.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        if !path.exists() {
            return Err(DataDirError::Missing { path: path.to_owned() });
        }
        if !path.join(LOCK).exists() {
            return Err(DataDirError::Foreign { path: path.to_owned() });
        }
        Self::at(path)
    }

    /// The data directory at `path`; a folder that is missing or empty becomes one.
    pub fn open_or_create(path: &Path) -> Result<Self, DataDirError> {
        if path.join(LOCK).exists() {
            return Self::at(path);
        }
        Self::create(path).map_err(|error| match error {
            DataDirError::NotEmpty { path } => DataDirError::Foreign { path },
            error => error,
        })
    }

    /// A fresh data directory at `path`, which must be missing or empty.
    pub fn create(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(DataDirError::NotEmpty { path: path.to_owned() });
        }
        let dir = Self::at(path)?;
        File::create(dir.join(LOCK)).map_err(failed)?;
        fs::create_dir_all(dir.mailbox()).map_err(failed)?;
        Ok(dir)
    }

    fn at(path: &Path) -> Result<Self, DataDirError> {
        let absolute =
            path.canonicalize().map_err(|source| DataDirError::Io { path: path.to_owned(), source })?;
        match absolute.into_os_string().into_string() {
            Ok(path) => Ok(Self { path }),
            Err(path) => Err(DataDirError::NotText { path: path.into() }),
        }
    }

    /// Takes the directory for this process.
    pub fn lock(&self) -> Result<DataDirLock, DataDirError> {
        let path = self.join(LOCK);
        let failed = |source| DataDirError::Io { path: path.clone(), source };
        let file = OpenOptions::new().write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(DataDirLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse { path: self.path().to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// A file or folder in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Where mails are written, each a file.
    pub fn mailbox(&self) -> PathBuf {
        self.join(MAILBOX)
    }

    /// The same as a URL.
    pub(super) fn mailbox_url(&self) -> String {
        format!("mailbox://{}/{MAILBOX}", self.path)
    }

    /// The URL of a service's database.
    pub fn database_url(&self, service: &str) -> String {
        // sqlx takes what follows a question mark for options, and decodes percent signs.
        let path = self.path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        format!("sqlite://{path}/{service}.db")
    }

    /// The URL of the bus.
    pub(super) fn bus_url(&self) -> String {
        format!("sqlite://{}/bus.db", self.path)
    }

    /// Writes down where this process answers gRPC; `None` if it does not.
    pub(super) fn write_addresses(&self, addresses: Option<&Addresses>) -> io::Result<()> {
        let path = self.join(ADDRESSES);
        match addresses {
            Some(addresses) => fs::write(path, serde_json::to_vec_pretty(addresses)?),
            None => fs::remove_file(path).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }),
        }
    }

    /// Where the process that runs on this directory answers gRPC, if it does.
    pub fn addresses(&self) -> Option<Addresses> {
        serde_json::from_slice(&fs::read(self.join(ADDRESSES)).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_files_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("holiday.jpg"), b"beach").unwrap();
        assert!(matches!(DataDir::open_or_create(folder.path()), Err(DataDirError::Foreign { .. })));
        assert!(matches!(DataDir::create(folder.path()), Err(DataDirError::NotEmpty { .. })));
        assert!(matches!(DataDir::open(folder.path()), Err(DataDirError::Foreign { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_folder_becomes_a_data_directory_that_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/er");
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Missing { .. })));
        let dir = DataDir::open_or_create(&path).unwrap();
        assert_eq!(DataDir::open(&path).unwrap(), dir);
        assert!(dir.mailbox().is_dir());
        assert!(matches!(DataDir::create(&path), Err(DataDirError::NotEmpty { .. })), "only a fresh one");
    }

    #[test]
    fn two_do_not_run_on_one_directory() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::create(folder.path()).unwrap();
        let lock = dir.lock().unwrap();
        let error = dir.lock().unwrap_err();
        assert!(error.to_string().contains("in use by another process"), "{error}");
        drop(lock);
        let _again = dir.lock().unwrap();
    }
}
