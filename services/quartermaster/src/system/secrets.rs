//! What only this installation knows, made once and kept beside its data.

use std::{fs, io, io::Write as _, os::unix::fs::OpenOptionsExt as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use qm_clock::Entropy;
use serde::{Deserialize, Serialize};

use super::data_dir::DataDir;

const FILE: &str = "secrets.json";
/// 256 bits.
const SECRET_BYTES: usize = 32;

/// Secrets that services share.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// Signs links to tracking pages.
    pub(crate) tracking: String,
    /// Signs the simulated carrier's messages.
    pub(crate) carrier: String,
}

/// The secrets cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the secrets in {}", path.display())]
pub struct SecretsError {
    path: std::path::PathBuf,
    source: io::Error,
}

impl Secrets {
    /// Reads those of the data directory, and makes them if there are none. The caller holds the directory's lock.
    pub(crate) fn of(dir: &DataDir, entropy: &dyn Entropy) -> Result<Self, SecretsError> {
        let path = dir.join(FILE);
        let failed = |source| SecretsError { path: path.clone(), source };
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = Self::generate(entropy);
                secrets.write(dir).map_err(failed)?;
                Ok(secrets)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn generate(entropy: &dyn Entropy) -> Self {
        let secret = || {
            let mut bytes = [0; SECRET_BYTES];
            entropy.fill(&mut bytes);
            BASE64_STANDARD.encode(bytes)
        };
        Self { tracking: secret(), carrier: format!("whsec_{}", secret()) }
    }

    /// Under its name only when it is whole: half a file would lock its owner out of all links sent so far.
    fn write(&self, dir: &DataDir) -> io::Result<()> {
        let (path, draft) = (dir.join(FILE), dir.join("secrets.json.new"));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(draft, path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use qm_clock::SystemEntropy;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_nobody_else_may_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::create(folder.path()).unwrap();
        let first = Secrets::of(&dir, &SystemEntropy).unwrap();
        let again = Secrets::of(&dir, &SystemEntropy).unwrap();
        assert_eq!((&first.tracking, &first.carrier), (&again.tracking, &again.carrier));
        assert_ne!(first.carrier, format!("whsec_{}", first.tracking));
        let mode = fs::metadata(dir.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
