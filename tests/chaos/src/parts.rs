//! The servers that services need, and receivers of what they send.

use std::{
    env, fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use qm_runtime::BuildError;

use crate::program::{Program, Ready, as_postgres, free_address, run};

/// Enough for two processes of each service, which open eight each at most; few enough that one guest can take them all.
const CONNECTIONS: usize = 150;

/// Where the servers' programs are, as `scripts/install-parts` says.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Folder of PostgreSQL's programs.
    pub postgres: PathBuf,
    /// nats-server.
    pub nats: PathBuf,
    /// redis-server.
    pub redis: PathBuf,
    /// Python with what the receivers need.
    pub python: PathBuf,
}

impl Installed {
    /// From the environment.
    pub fn from_environment() -> Result<Self, BuildError> {
        let path = |name: &str| {
            let value = env::var(name).map_err(|_| format!("{name} is not set: run scripts/chaos"))?;
            Ok::<_, BuildError>(PathBuf::from(value))
        };
        Ok(Self {
            postgres: path("QM_PG_BIN")?,
            nats: path("QM_NATS_SERVER")?,
            redis: path("QM_REDIS_SERVER")?,
            python: path("QM_PYTHON")?,
        })
    }
}

/// A PostgreSQL server.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// How to start it.
    pub program: Program,
    /// Where it listens.
    pub address: SocketAddr,
    password: String,
    /// Where its clients are.
    bin: PathBuf,
}

impl Postgres {
    /// Makes an empty one in `folder`/postgres, which its user must be able to reach. Durability stays on: what is killed here must
    /// find what it committed.
    pub fn new(installed: &Installed, folder: &Path, logs: &Path) -> Result<Self, BuildError> {
        let home = folder.join("postgres");
        let (data, secret) = (home.join("data"), home.join("password"));
        let password = format!("{:032x}", rand::random::<u128>());
        fs::write(&secret, &password)?;
        run(Command::new("chmod").arg("700").arg(&home))?;
        if !as_postgres().is_empty() {
            run(Command::new("chown").args(["-R", "postgres:"]).arg(&home))?;
        }
        let mut initdb = Command::new("setpriv");
        initdb.args(as_postgres()).arg("--").arg(installed.postgres.join("initdb")).arg("-D").arg(&data);
        initdb.arg(format!("--pwfile={}", secret.display())).current_dir("/");
        initdb.args(["-U", "quartermaster", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.args(["--data-checksums", "--no-sync"]);
        run(&mut initdb)?;
        let address = free_address();
        let mut settings = fs::read_to_string(data.join("postgresql.conf"))?;
        settings.push_str(&format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\n\
             max_connections = {CONNECTIONS}\nshared_buffers = 128MB\nmax_wal_size = 256MB\n",
            address.port()
        ));
        fs::write(data.join("postgresql.conf"), settings)?;
        let server = installed.postgres.join("postgres");
        let program = Program {
            name: "postgres".to_owned(),
            command: words(&[&server, Path::new("-D"), &data]),
            environment: Vec::new(),
            ready: Ready::Listens(address),
            log: logs.join("postgres.log"),
            is_unprivileged: true,
        };
        Ok(Self { program, address, password, bin: installed.postgres.clone() })
    }

    /// The URL of one of its databases, reached at `address`.
    pub fn url(&self, address: SocketAddr, database: &str) -> String {
        format!("postgres://quartermaster:{}@{address}/{database}", self.password)
    }

    /// Runs a statement and gives what it answers. The links need this thread, so the answer is not waited for on it.
    pub async fn sql(&self, database: &str, statement: &str) -> Result<String, BuildError> {
        let url = self.url(self.address, database);
        self.client("psql", 10, &[&url, "-v", "ON_ERROR_STOP=1", "-AtXqc", statement]).await
    }

    /// Copies a database into a file, as it is at this moment.
    pub async fn back_up(&self, database: &str, file: &Path) -> Result<(), BuildError> {
        let (url, file) = (self.url(self.address, database), file.display().to_string());
        self.client("pg_dump", 120, &["--format=custom", "--file", &file, &url]).await?;
        Ok(())
    }

    /// Puts a copy in the place of a database.
    pub async fn restore(&self, database: &str, file: &Path) -> Result<(), BuildError> {
        self.sql("postgres", &format!("DROP DATABASE {database} WITH (FORCE)")).await?;
        self.sql("postgres", &format!("CREATE DATABASE {database}")).await?;
        let (url, file) = (self.url(self.address, database), file.display().to_string());
        self.client("pg_restore", 120, &["--exit-on-error", "--dbname", &url, &file]).await?;
        Ok(())
    }

    async fn client(&self, name: &str, seconds: u32, arguments: &[&str]) -> Result<String, BuildError> {
        let mut client = Command::new("timeout");
        client.arg(seconds.to_string()).arg(self.bin.join(name)).args(arguments);
        client.env("PGCONNECT_TIMEOUT", "5");
        Ok(tokio::task::spawn_blocking(move || run(&mut client)).await??)
    }

    /// Connections that it takes.
    pub fn connections(&self) -> usize {
        CONNECTIONS
    }
}

/// A NATS server with JetStream.
pub fn nats(installed: &Installed, folder: &Path, logs: &Path) -> (Program, SocketAddr) {
    let (address, data) = (free_address(), folder.join("nats"));
    let port = address.port().to_string();
    let arguments = ["-js", "-a", "127.0.0.1", "-p", &port, "-sd"].map(Path::new);
    let mut command = vec![installed.nats.as_path()];
    command.extend(arguments);
    command.push(&data);
    (program("nats", words(&command), address, logs), address)
}

/// NATS servers that keep copies of each other's streams and write each message to their disks before they acknowledge it.
pub fn nats_cluster(
    installed: &Installed,
    folder: &Path,
    logs: &Path,
    count: usize,
) -> Result<Vec<(Program, SocketAddr)>, BuildError> {
    let routes: Vec<SocketAddr> = (0..count).map(|_| free_address()).collect();
    let all: Vec<String> = routes.iter().map(|route| format!("nats-route://{route}")).collect();
    let mut servers = Vec::new();
    for (number, route) in (1..).zip(&routes) {
        let (name, address) = (format!("nats-{number}"), free_address());
        let (file, data) = (folder.join(format!("{name}.conf")), folder.join(&name));
        let settings = format!(
            "server_name: {name}\nlisten: \"{address}\"\n\
             jetstream {{ store_dir: \"{}\", sync_interval: always }}\n\
             cluster {{ name: chaos, listen: \"{route}\", routes: [{}], no_advertise: true }}\n",
            data.display(),
            all.join(", ")
        );
        fs::write(&file, settings)?;
        let command = words(&[&installed.nats, Path::new("-c"), &file]);
        servers.push((program(&name, command, address, logs), address));
    }
    Ok(servers)
}

/// A Redis server. A cache decides nothing, so nothing of it is kept.
pub fn redis(installed: &Installed, folder: &Path, logs: &Path) -> (Program, SocketAddr) {
    let address = free_address();
    let port = address.port().to_string();
    let mut command = vec![installed.redis.as_path()];
    command
        .extend(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"].map(Path::new));
    command.extend([Path::new("--dir"), folder]);
    (program("redis", words(&command), address, logs), address)
}

/// A receiver: `mails` or `webhooks`. It keeps what it gets in `folder`.
pub fn receiver(installed: &Installed, name: &str, folder: &Path, logs: &Path) -> (Program, SocketAddr) {
    let address = free_address();
    let receivers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../end_to_end/receivers");
    let script = receivers.join(format!("{name}.py"));
    let port = address.port().to_string();
    let command = words(&[&installed.python, &script, Path::new(&port), folder]);
    (program(name, command, address, logs), address)
}

fn program(name: &str, command: Vec<String>, address: SocketAddr, logs: &Path) -> Program {
    Program {
        name: name.to_owned(),
        command,
        environment: Vec::new(),
        ready: Ready::Listens(address),
        log: logs.join(format!("{name}.log")),
        is_unprivileged: false,
    }
}

/// Makes a folder that others may pass through.
pub fn make_folder(path: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o711))?;
    Ok(())
}

fn words(parts: &[&Path]) -> Vec<String> {
    parts.iter().map(|part| part.display().to_string()).collect()
}

/// A disk of so many bytes that lives in memory, mounted on a folder. `scripts/chaos` unmounts it however the run ends.
pub fn mount_disk(path: &Path, bytes: u64) -> Result<(), BuildError> {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "chaos"]).arg(path);
    run(&mut mount)?;
    Ok(())
}
