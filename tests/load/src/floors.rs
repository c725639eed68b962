//! What PostgreSQL does by itself on this machine in this run: the measure of all else.

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use qm_runtime::BuildError;
use serde::Serialize;

/// Clients that are tried; the best counts.
const CLIENTS: [u32; 4] = [4, 8, 16, 32];
/// How long each number of clients is tried, seconds.
const SECONDS: u32 = 5;
/// Pages of a table in one transaction: some hundred orders' rows.
const PAGES: i64 = 16;

/// The databases of the services.
const SERVICES: [&str; 5] = ["order", "inventory", "routing", "shipping", "notification"];
/// Tables whose rows are not of orders: what was loaded before, copies of it, and bookkeeping.
const NOT_OF_ORDERS: [&str; 11] = [
    "item",
    "location",
    "stock",
    "tariff_band",
    "tariff",
    "seaql_migrations",
    "order_number",
    "stream_memory",
    "template",
    "arrival",
    "outbox",
];

/// What PostgreSQL does by itself.
#[derive(Debug, Clone, Serialize)]
pub struct Floors {
    /// Orders a second, an order's own rows in a transaction each, with as many clients as is best.
    pub one_by_one: f64,
    /// So many clients were best.
    pub clients: u32,
    /// Orders a second, all final rows of every service written set-wise over two connections.
    pub set_wise: f64,
    /// Rows that an order comes to, over all services.
    pub rows_per_order: f64,
}

impl Floors {
    /// Measures on the server that the environment names, with what `orders` orders left in the services' databases.
    pub fn measure(orders: usize) -> Result<Self, BuildError> {
        let server = Server::of_environment()?;
        let (one_by_one, clients) = server.one_by_one()?;
        let (set_wise, rows_per_order) = server.set_wise(orders)?;
        Ok(Self { one_by_one, clients, set_wise, rows_per_order })
    }
}

/// Rows a second that PostgreSQL finds by their key: one order's row a statement, chosen at random over all that are stored.
pub fn selects() -> Result<f64, BuildError> {
    let server = Server::of_environment()?;
    let orders = server.sql("qm_order", "SELECT max(number) FROM orders")?;
    let tenant = server.sql("qm_order", "SELECT tenant_id FROM orders LIMIT 1")?;
    let mut script = tempfile()?;
    writeln!(
        script.1,
        "\\set number random(1, {})\nSELECT * FROM orders WHERE tenant_id = '{}' AND number = :number;",
        orders.trim(),
        tenant.trim()
    )?;
    let mut best = 0.0;
    for clients in CLIENTS {
        best = server.pgbench("qm_order", &script.0, clients)?.max(best);
    }
    std::fs::remove_file(&script.0)?;
    Ok(best)
}

/// A PostgreSQL server and its programs.
#[derive(Debug, Clone)]
struct Server {
    programs: PathBuf,
    /// Without the database.
    url: String,
}

impl Server {
    fn of_environment() -> Result<Self, BuildError> {
        let variable =
            |name: &str| env::var(name).map_err(|_| format!("{name} is not set: source .run/env first"));
        let url = variable("QM_TEST_POSTGRES_URL")?;
        let (url, _) = url.rsplit_once('/').ok_or("QM_TEST_POSTGRES_URL names no database")?;
        Ok(Self { programs: variable("QM_TEST_PG_BIN")?.into(), url: url.to_owned() })
    }

    /// Runs SQL and returns what it answers, a row a line.
    fn sql(&self, database: &str, sql: &str) -> Result<String, BuildError> {
        let mut psql = Command::new(self.programs.join("psql"))
            .args([&format!("{}/{database}", self.url), "-v", "ON_ERROR_STOP=1", "-AtXq", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = psql.stdin.take() {
            input.write_all(sql.as_bytes())?;
        }
        let output = psql.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("psql on {database}: {}", output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Transactions of a script a second.
    fn pgbench(&self, database: &str, script: &Path, clients: u32) -> Result<f64, BuildError> {
        let output = Command::new(self.programs.join("pgbench"))
            .args(["-n", "-M", "prepared", "-j", "2"])
            .args(["-T", &SECONDS.to_string(), "-c", &clients.to_string(), "-f"])
            .arg(script)
            .arg(format!("{}/{database}", self.url))
            .stderr(Stdio::null())
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = tps.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        Ok(tps.ok_or_else(|| format!("pgbench said: {text}"))?)
    }

    fn one_by_one(&self) -> Result<(f64, u32), BuildError> {
        self.sql("postgres", "DROP DATABASE IF EXISTS qm_floor")?;
        self.sql("postgres", "CREATE DATABASE qm_floor")?;
        self.sql("qm_floor", include_str!("floors/tables.sql"))?;
        let mut script = tempfile()?;
        script.1.write_all(include_bytes!("floors/order.sql"))?;
        let mut best = (0.0, 0);
        for clients in CLIENTS {
            let tps = self.pgbench("qm_floor", &script.0, clients)?;
            if tps > best.0 {
                best = (tps, clients);
            }
        }
        std::fs::remove_file(&script.0)?;
        self.sql("postgres", "DROP DATABASE qm_floor")?;
        Ok(best)
    }

    /// Copies every row that orders left, in the services' own databases, into empty tables with the same indexes.
    fn set_wise(&self, orders: usize) -> Result<(f64, f64), BuildError> {
        let mut scripts: Vec<(String, String)> = Vec::new();
        let mut rows = 0;
        for service in SERVICES {
            let database = format!("qm_{service}");
            self.sql(&database, "DROP SCHEMA IF EXISTS floor CASCADE; CREATE SCHEMA floor; CHECKPOINT")?;
            for table in self.tables(&database)? {
                let size = self.sql(
                    &database,
                    &format!(
                        "CREATE TABLE floor.\"{table}\" (LIKE public.\"{table}\" INCLUDING ALL);
                         SELECT count(*), pg_relation_size('public.\"{table}\"') / 8192 FROM public.\"{table}\" WHERE {}",
                        of_orders(&table)
                    ),
                )?;
                let (count, pages) = size.trim().split_once('|').ok_or("psql answered nothing")?;
                rows += count.parse::<usize>()?;
                scripts.push((database.clone(), copy(&table, pages.parse()?)));
            }
        }
        // Two connections, one service after the other on each, as evenly as the largest tables allow.
        scripts.sort_by_key(|(_, script)| std::cmp::Reverse(script.len()));
        let mut halves = [(0, Vec::new()), (0, Vec::new())];
        for script in scripts {
            let half = usize::from(halves[1].0 < halves[0].0);
            halves[half].0 += script.1.len();
            halves[half].1.push(script);
        }
        let started = Instant::now();
        let writers = halves.map(|(_, scripts)| {
            let server = self.clone();
            thread::spawn(move || {
                for (database, script) in scripts {
                    server.sql(&database, &script).map_err(|error| error.to_string())?;
                }
                Ok::<(), String>(())
            })
        });
        for writer in writers {
            writer.join().map_err(|_| "a writer panicked")??;
        }
        let took = started.elapsed().as_secs_f64();
        for service in SERVICES {
            self.sql(&format!("qm_{service}"), "DROP SCHEMA floor CASCADE")?;
        }
        let orders = orders.max(1) as f64;
        Ok((orders / took, rows as f64 / orders))
    }

    /// Tables with rows of orders; of partitioned ones the partitions.
    fn tables(&self, database: &str) -> Result<Vec<String>, BuildError> {
        let sql =
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        let tables = self.sql(database, sql)?;
        Ok(tables.lines().filter(|table| !NOT_OF_ORDERS.contains(table)).map(str::to_owned).collect())
    }
}

/// Copies a table some pages at a time, each time in a transaction of its own.
fn copy(table: &str, pages: i64) -> String {
    let narrow = of_orders(table);
    (0..=pages / PAGES)
        .map(|chunk| {
            let (from, until) = (chunk * PAGES, (chunk + 1) * PAGES);
            format!(
                "INSERT INTO floor.\"{table}\" SELECT * FROM public.\"{table}\" \
                 WHERE ctid >= '({from},0)' AND ctid < '({until},0)' AND {narrow};\n"
            )
        })
        .collect()
}

/// Which rows of a table are of orders: opening stock was no order's.
fn of_orders(table: &str) -> &'static str {
    if table == "movement" { "kind <> 'receive'" } else { "true" }
}

fn tempfile() -> Result<(PathBuf, std::fs::File), BuildError> {
    let path = env::temp_dir().join(format!("qm-load-{}.sql", std::process::id()));
    let file = std::fs::File::create(&path)?;
    Ok((path, file))
}
