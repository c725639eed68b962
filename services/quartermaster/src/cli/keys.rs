//! `quartermaster keys`.

use std::{path::PathBuf, process::ExitCode};

use chrono::{DateTime, TimeDelta, Utc};
use qm_gateway::directory::{ApiKey, Directory, NewKey, Scope};
use qm_ids::ApiKeyId;
use qm_runtime::BuildError;

use crate::system::{Seams, open_gateway_database};

/// API keys: create, list and revoke them
///
/// Whoever calls the public API sends a key: `Authorization: Bearer qm_…`. It says whose orders are meant and what its
/// holder may do. The key is printed once, when it is created, to standard output and nothing else there, so that a
/// script can catch it; only its hash is kept. Works on the gateway's database, whether the gateway is running or not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    books: Books,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  quartermaster keys create --tenant acme --name shop
  quartermaster keys create --tenant acme --name warehouse --scopes fulfilments:read,fulfilments:write --days 90
  quartermaster keys list --tenant acme
  quartermaster keys revoke --tenant acme key_01h455vb4pex5vsknk084sn02q";

/// The gateway's database.
#[derive(Debug, clap::Args)]
pub(super) struct Books {
    /// Data directory of `serve`; without it QM_GATEWAY__DATABASE__URL, or else quartermaster-data
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// The gateway's database, such as postgres://localhost/qm_gateway
    #[arg(long, value_name = "URL", global = true, conflicts_with = "data_dir")]
    database_url: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a key and print it, this once
    Create {
        /// Slug of its tenant
        #[arg(long)]
        tenant: String,
        /// Name for people: what it is for
        #[arg(long)]
        name: String,
        /// What it allows, separated by commas; without it, everything
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// Days after which it ends; without it, never
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        days: Option<u16>,
    },
    /// List a tenant's keys, those that ended included
    List {
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
    },
    /// End a key at once and for good
    Revoke {
        /// Slug of its tenant
        #[arg(long)]
        tenant: String,
        /// The key's id, `key_…`
        key: ApiKeyId,
    },
}

impl Books {
    /// What names the same books once more, with a space before it.
    pub(super) fn flags(&self) -> String {
        match (&self.data_dir, &self.database_url) {
            (Some(dir), _) => format!(" --data-dir {}", dir.display()),
            // It may hold a password.
            (None, Some(_)) => " --database-url URL".to_owned(),
            (None, None) => String::new(),
        }
    }

    /// Opens the gateway's books, with a schema that is up to date.
    pub(super) async fn open(self) -> Result<Directory, BuildError> {
        let seams = Seams::system();
        let database =
            open_gateway_database(self.data_dir, self.database_url, super::services::DATA_DIR).await?;
        Ok(Directory::new(database, seams.clock.clone(), seams.ids(), seams.entropy))
    }
}

pub(super) async fn run(args: Args) -> Result<ExitCode, BuildError> {
    let directory = args.books.open().await?;
    let now = Seams::system().clock.now();
    match args.command {
        Command::Create { tenant, name, scopes, days } => {
            let tenant = directory.find_tenant(&tenant).await?;
            let new =
                NewKey { name, scopes: scopes_or_all(scopes), expires_at: days.map(|days| after(now, days)) };
            let created = directory.create_key(tenant.id, &new).await?;
            println!("{}", created.secret);
            eprintln!("Keep it: it is not shown again. Its id is {}.", created.key.id);
        }
        Command::List { tenant } => {
            let tenant = directory.find_tenant(&tenant).await?;
            for key in directory.list_keys(tenant.id).await? {
                println!("{}  {:<10} {:<20} {}", key.id, state(&key, now), key.name, words(&key));
            }
        }
        Command::Revoke { tenant, key } => {
            let tenant = directory.find_tenant(&tenant).await?;
            let key = directory.revoke_key(tenant.id, key).await?;
            eprintln!("{} ({}) is revoked.", key.id, key.name);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn scopes_or_all(scopes: Vec<String>) -> Vec<String> {
    if scopes.is_empty() { Scope::ALL.iter().map(ToString::to_string).collect() } else { scopes }
}

fn after(now: DateTime<Utc>, days: u16) -> DateTime<Utc> {
    now + TimeDelta::days(days.into())
}

fn state(key: &ApiKey, now: DateTime<Utc>) -> &'static str {
    match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now => "expired",
        _ => "valid",
    }
}

fn words(key: &ApiKey) -> String {
    if key.scopes.len() == Scope::ALL.len() {
        return "everything".to_owned();
    }
    key.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
