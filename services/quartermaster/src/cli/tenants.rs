//! `quartermaster tenants`.

use std::process::ExitCode;

use qm_runtime::BuildError;

use super::keys::Books;

/// Merchants: create and list them
///
/// A tenant is a merchant: it has its own orders, stock and keys, and sees nobody else's. Its slug stands in the address
/// of its tracking page (/track/acme), its name is what shoppers read. Works on the gateway's database, whether the
/// gateway is running or not.
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
  quartermaster tenants create acme --name \"Acme Ltd\"
  quartermaster tenants list --data-dir /var/lib/quartermaster";

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a tenant
    Create {
        /// Name in URLs: lower-case letters, digits and hyphens
        slug: String,
        /// Name for people
        #[arg(long)]
        name: String,
    },
    /// List all tenants
    List,
}

pub(super) async fn run(args: Args) -> Result<ExitCode, BuildError> {
    let flags = args.books.flags();
    let directory = args.books.open().await?;
    match args.command {
        Command::Create { slug, name } => {
            let tenant = directory.create_tenant(&slug, &name).await?;
            println!("{}", tenant.id);
            let program = super::program();
            eprintln!("Created. Its first key: {program} keys create --tenant {slug} --name shop{flags}");
        }
        Command::List => {
            for tenant in directory.list_tenants().await? {
                println!("{:<20} {}  {}", tenant.slug, tenant.id, tenant.name);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
