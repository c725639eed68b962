//! Connections that fall silent, on PostgreSQL.

use std::time::{Duration, Instant};

use qm_ids::TenantId;
use sea_orm::ConnectionTrait as _;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use uuid::Uuid;

use super::{Migrator, Things, things};
use crate::{Database, DatabaseOptions, Error, TenantSet, Tx};

/// Leads to a server until it is told to forget its connections: those then stay open, and nothing passes any more.
async fn forgetful_way(server: String) -> (u16, watch::Sender<u32>) {
    let (forget, forgotten) = watch::channel(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            let (server, mut forgotten) = (server.clone(), forgotten.clone());
            forgotten.mark_unchanged();
            tokio::spawn(async move {
                let mut called = TcpStream::connect(server).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut caller, &mut called) => {}
                    _ = forgotten.changed() => std::future::pending().await,
                }
            });
        }
    });
    (port, forget)
}

/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE` without HOST:PORT, and that.
fn split(url: &str) -> (String, String, String) {
    let (user, rest) = url.rsplit_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    (user.to_owned(), server.to_owned(), database.to_owned())
}

async fn touch(tx: &Tx) -> Result<(), Error> {
    tx.conn().execute_unprepared("UPDATE thing SET amount = amount + 1").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_meets_silence_is_told_and_the_next_is_served() {
    let Ok(server) = std::env::var("QM_TEST_POSTGRES_URL") else {
        println!("skipped: QM_TEST_POSTGRES_URL is not set");
        return;
    };
    let admin = Database::open(&server, &DatabaseOptions::default()).await.unwrap();
    let name = format!("qm_test_silence_{}", std::process::id());
    admin.execute_schema_change(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (user, address, _) = split(&server);
    let (port, forget) = forgetful_way(address).await;
    let options =
        DatabaseOptions { statement_timeout: Duration::from_millis(500), ..DatabaseOptions::default() };
    let url = format!("{user}@127.0.0.1:{port}/{name}");
    let database = Database::open(&url, &options).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    let tenant = TenantId::from_uuid(Uuid::from_u128(1));
    let tenants = TenantSet::of([tenant]);
    let tx = database.begin(&tenants).await.unwrap();
    tx.insert_many::<Things>(things(tenant, 0..1)).await.unwrap();
    tx.commit().await.unwrap();

    // Every connection is open, and one of them holds the row.
    let mut open = Vec::new();
    for _ in 0..options.max_connections / 2 {
        open.push(database.begin(&tenants).await.unwrap());
    }
    let holder = open.pop().unwrap();
    touch(&holder).await.unwrap();
    drop(open);
    forget.send_replace(1);

    let began = Instant::now();
    let told = touch(&holder).await.unwrap_err();
    assert!(told.is_unavailable() && began.elapsed() < Duration::from_secs(2), "{told:?}");
    drop(holder);
    until_served(began, async || {
        let tx = database.begin(&tenants).await?;
        touch(&tx).await?;
        tx.commit().await
    })
    .await;
    // The pool of those who only read has connections of its own, as silent as the others.
    let things = until_served(began, async || {
        let tx = database.read(&tenants).await?;
        Ok(tx.find::<Things>().all(tx.conn()).await?)
    })
    .await;
    assert_eq!(things[0].amount, 2, "what was not committed is gone");
}

/// Tries again until it succeeds, within a dozen seconds of when the silence began.
async fn until_served<T>(began: Instant, work: impl AsyncFn() -> Result<T, Error>) -> T {
    loop {
        match work().await {
            Ok(value) => return value,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(12), "still silent: {error:?}"),
        }
    }
}
