//! Programs that the harness starts, and how it knows that they are ready.

use std::{
    fs::{self, OpenOptions},
    io,
    net::{SocketAddr, TcpListener},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Who does not say within this time that it is ready is not.
const PATIENCE: Duration = Duration::from_secs(3);
/// Ports below those that systems give to outgoing connections, one of which might take it before its program does.
const PORTS: std::ops::Range<u32> = 12_000..32_000;

/// How to start a program.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name within the system.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Environment.
    pub environment: Vec<(String, String)>,
    /// Where it says that it is ready.
    pub ready: Ready,
    /// What it says is added here.
    pub log: PathBuf,
    /// Runs as the user `postgres` when this process is root's: PostgreSQL refuses to run as root.
    pub is_unprivileged: bool,
}

/// Where a program says that it is ready.
#[derive(Debug, Clone, Copy)]
pub enum Ready {
    /// It listens there.
    Listens(SocketAddr),
    /// `GET /readyz` is answered with 200 there.
    Answers(SocketAddr),
}

impl Program {
    /// Starts it. It dies with this process, however that ends, so that nothing is left behind.
    pub fn start(&self) -> io::Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new("setpriv");
        if self.is_unprivileged {
            command.args(as_postgres());
        }
        command
            .args(["--pdeathsig", "KILL", "--"])
            .args(&self.command)
            .envs(self.environment.iter().cloned())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
    }
}

impl Ready {
    /// Whether it says so now.
    pub async fn is_ready(self) -> bool {
        let ask = async {
            match self {
                Self::Listens(address) => TcpStream::connect(address).await.map(|_| true),
                Self::Answers(address) => {
                    let mut stream = TcpStream::connect(address).await?;
                    let request = "GET /readyz HTTP/1.1\r\nHost: chaos\r\nConnection: close\r\n\r\n";
                    stream.write_all(request.as_bytes()).await?;
                    let mut head = [0; 12];
                    stream.read_exact(&mut head).await?;
                    Ok(head.ends_with(b" 200"))
                }
            }
        };
        matches!(timeout(PATIENCE, ask).await, Ok(Ok(true)))
    }
}

/// Whether this process may mount file systems and become other users.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// What makes `setpriv` become the user `postgres`, if this process is root's.
pub fn as_postgres() -> &'static [&'static str] {
    if is_root() { &["--reuid=postgres", "--regid=postgres", "--init-groups"] } else { &[] }
}

/// Runs a command to its end; the error has what it said.
pub fn run(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = format!("{command:?}: {} {}", text(&output.stdout), text(&output.stderr));
    Err(io::Error::other(said))
}

/// An address of loopback on which nobody listens now, another one each time.
pub fn free_address() -> SocketAddr {
    consecutive_addresses(1)
}

/// The first of `count` addresses with consecutive ports, on which nobody listens now.
pub fn consecutive_addresses(count: u16) -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Runs beside each other begin elsewhere.
        let next = NEXT.fetch_add(u32::from(count), Ordering::Relaxed);
        let port =
            PORTS.start + std::process::id().wrapping_mul(101).wrapping_add(next) % (PORTS.end - PORTS.start);
        let first = u16::try_from(port).unwrap_or(u16::MAX - count);
        if (first..first + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return SocketAddr::from(([127, 0, 0, 1], first));
        }
    }
}
