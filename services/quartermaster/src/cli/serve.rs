//! `quartermaster serve`.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use qm_gateway::directory::Directory;
use qm_runtime::{BuildError, cancelled_by_signal};

use crate::system::{DataDir, HttpPort, Seams, System};

/// Run all services in this process, on a data directory
///
/// Serves the public API, the shoppers' pages and the API's documentation on one HTTP port, and keeps everything in one
/// folder: a SQLite file per service, the events between them, and mails, which are written to files until you name a
/// mail server. Nothing else has to be installed. Ctrl-C or SIGTERM ends it cleanly; what was in work goes on at the next
/// start.
///
/// Every setting of every service may be changed by the environment, such as QM_NOTIFICATION__MAIL__URL=smtp://… or
/// QM_ORDER__DATABASE__URL=postgres://…. What concerns the process as a whole (logs, the port for health and metrics, the
/// time to end in) is read from the gateway's: QM_GATEWAY__TELEMETRY__LOG_FORMAT=json.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Folder for all data; created if it is missing
    #[arg(long, value_name = "DIR", default_value = super::services::DATA_DIR)]
    data_dir: PathBuf,
    /// Where to serve HTTP; without it QM_GATEWAY__HTTP__LISTEN, or else 127.0.0.1:8080
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Serve each service's gRPC as well, on consecutive ports from this one (0: any free ones): order, inventory,
    /// routing, shipping, notification. It asks for no key, so keep it on loopback
    #[arg(long, value_name = "IP:PORT")]
    grpc_listen: Option<SocketAddr>,
}

const EXAMPLES: &str = "\
Examples:
  quartermaster serve
  quartermaster serve --data-dir /var/lib/quartermaster --listen 0.0.0.0:8080
  QM_GATEWAY__ADMIN__LISTEN=127.0.0.1:7200 quartermaster serve      (health and metrics)

To check the books while it runs:
  quartermaster serve --grpc-listen 127.0.0.1:7101
  quartermaster verify      (in another terminal)";

pub(super) async fn serve(args: Args) -> Result<ExitCode, BuildError> {
    let port = HttpPort::take(args.listen, "--listen")?;
    let url = port.base_url();
    let dir = DataDir::open_or_create(&args.data_dir)?;
    let seams = Seams::system();
    let system = System::build(dir.clone(), seams.clone(), port, args.grpc_listen).await?;
    let _telemetry = qm_telemetry::init("quartermaster", &system.process().telemetry)?;
    let shutdown = cancelled_by_signal()?;
    let directory =
        Directory::new(system.gateway_database(), seams.clock.clone(), seams.ids(), seams.entropy);
    let is_first_start = directory.list_tenants().await?.is_empty();
    greet(&dir, &url, is_first_start);
    system.run(shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

fn greet(dir: &DataDir, url: &str, is_first_start: bool) {
    let path = dir.path().display();
    println!("Quartermaster runs. Ctrl-C stops it.\n");
    println!("  API             {url}/v1");
    println!("  documentation   {url}/docs");
    println!("  mails           {}", dir.mailbox().display());
    println!("  data            {path}");
    if is_first_start {
        let program = super::program();
        println!("\nThere is no tenant yet. In another terminal, create one and a key for it:\n");
        println!("  {program} tenants create acme --name \"Acme Ltd\" --data-dir {path}");
        println!("  {program} keys create --tenant acme --name shop --data-dir {path}");
        println!("  curl -H \"Authorization: Bearer KEY\" {url}/v1/orders");
    }
    println!();
}
