//! A way over the network that the harness can spoil: what goes from one program to another passes through here.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use qm_runtime::BuildError;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::AbortHandle,
};

/// Bytes taken at a time.
const CHUNK: usize = 16 << 10;
/// A trickle carries so many bytes each so many milliseconds: some 25 KB a second.
const DRIP: (usize, Duration) = (512, Duration::from_millis(20));
/// One chunk of so many meets a reset when connections are reset at random.
const RESET_ONE_IN: u32 = 100;

/// What a link does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Passes it on.
    Clear,
    /// Keeps it, both ways. It arrives once that is over, as TCP sends again what was not acknowledged.
    Cut,
    /// Passes questions on and keeps the answers.
    Deaf,
    /// Passes it on late, each way.
    Slow(Duration),
    /// Passes it on drop by drop.
    Trickle,
    /// Ends connections in the middle, now and then.
    Resets,
}

#[derive(Debug, Clone, Copy)]
struct State {
    weather: Weather,
    /// Connections with a lower number are as if a router had forgotten them: nothing passes ever again, and nobody is told.
    forgotten: usize,
}

/// Where links of a kind lead: to each of these in turn.
#[derive(Debug, Clone, Default)]
pub struct Target {
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
    turn: Arc<AtomicUsize>,
}

impl Target {
    /// Leads to one more address.
    pub fn add(&self, address: SocketAddr) {
        self.lock().push(address);
    }

    /// Leads there no longer; connections that are open stay.
    pub fn remove(&self, address: SocketAddr) {
        self.lock().retain(|it| *it != address);
    }

    /// All of them.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.lock().clone()
    }

    fn next(&self) -> Option<SocketAddr> {
        let addresses = self.lock();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        addresses.get(turn % addresses.len().max(1)).copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SocketAddr>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A link. Dropping it ends its connections.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    state: watch::Sender<State>,
    opened: Arc<AtomicUsize>,
    listening: AbortHandle,
}

impl Link {
    /// Listens, and leads to `target`.
    pub async fn open(target: Target) -> Result<Self, BuildError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (state, watched) = watch::channel(State { weather: Weather::Clear, forgotten: 0 });
        let opened = Arc::new(AtomicUsize::new(0));
        let listening = tokio::spawn(listen(listener, target, watched, Arc::clone(&opened))).abort_handle();
        Ok(Self { address, state, opened, listening })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather.
    pub fn set(&self, weather: Weather) {
        self.state.send_modify(|state| state.weather = weather);
    }

    /// Forgets the connections that are open now.
    pub fn forget(&self) {
        let opened = self.opened.load(Ordering::Relaxed);
        self.state.send_modify(|state| state.forgotten = opened);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(
    listener: TcpListener,
    target: Target,
    state: watch::Receiver<State>,
    opened: Arc<AtomicUsize>,
) {
    // Ends the connections, too, when it ends.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let number = opened.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connect(stream, target.next(), state.clone(), number));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Leads a connection to its target; ends it at once if nobody is there.
async fn connect(
    caller: TcpStream,
    target: Option<SocketAddr>,
    state: watch::Receiver<State>,
    number: usize,
) -> io::Result<()> {
    let called = match target {
        Some(address) => TcpStream::connect(address).await,
        None => Err(io::ErrorKind::NotConnected.into()),
    };
    let Ok(called) = called else { return caller.set_zero_linger() };
    caller.set_nodelay(true)?;
    called.set_nodelay(true)?;
    let (from_caller, to_caller) = caller.into_split();
    let (from_called, to_called) = called.into_split();
    let questions = Way { is_answer: false, state: state.clone(), number };
    let answers = Way { is_answer: true, state, number };
    // An error on one way ends both.
    tokio::try_join!(questions.carry(from_caller, to_called), answers.carry(from_called, to_caller)).map(drop)
}

/// One way of a connection.
struct Way {
    is_answer: bool,
    state: watch::Receiver<State>,
    number: usize,
}

impl Way {
    async fn carry(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = from.read(&mut buffer).await?;
            let weather = self.until_open().await?;
            if length == 0 {
                return to.shutdown().await;
            }
            let chunk = &buffer[..length];
            match weather {
                Weather::Slow(delay) => {
                    tokio::time::sleep(delay).await;
                    to.write_all(chunk).await?;
                }
                Weather::Trickle => {
                    for drip in chunk.chunks(DRIP.0) {
                        tokio::time::sleep(DRIP.1).await;
                        to.write_all(drip).await?;
                    }
                }
                Weather::Resets if rand::random_range(0..RESET_ONE_IN) == 0 => {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                _ => to.write_all(chunk).await?,
            }
        }
    }

    /// Waits until something may pass.
    async fn until_open(&mut self) -> io::Result<Weather> {
        let (number, is_answer) = (self.number, self.is_answer);
        let is_open = |state: &State| match state.weather {
            _ if number < state.forgotten => false,
            Weather::Cut => false,
            Weather::Deaf => !is_answer,
            _ => true,
        };
        match self.state.wait_for(is_open).await {
            Ok(state) => Ok(state.weather),
            Err(_) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::*;

    const MOMENT: Duration = Duration::from_millis(200);

    /// A server that sends back what it gets, behind a link.
    async fn echo() -> (Link, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let target = Target::default();
        target.add(listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let link = Link::open(target).await.unwrap();
        let stream = TcpStream::connect(link.address()).await.unwrap();
        (link, stream)
    }

    async fn say(stream: &mut TcpStream, text: &[u8]) {
        stream.write_all(text).await.unwrap();
    }

    async fn hear(stream: &mut TcpStream) -> Option<u8> {
        timeout(MOMENT, stream.read_u8()).await.ok().and_then(Result::ok)
    }

    #[tokio::test]
    async fn what_is_cut_arrives_when_it_is_over() {
        for weather in [Weather::Cut, Weather::Deaf] {
            let (link, mut stream) = echo().await;
            say(&mut stream, b"a").await;
            assert_eq!(hear(&mut stream).await, Some(b'a'));
            link.set(weather);
            say(&mut stream, b"b").await;
            assert_eq!(hear(&mut stream).await, None, "{weather:?}");
            link.set(Weather::Clear);
            assert_eq!(hear(&mut stream).await, Some(b'b'), "{weather:?}");
        }
    }

    #[tokio::test]
    async fn a_forgotten_connection_stays_silent_and_a_new_one_does_not() {
        let (link, mut old) = echo().await;
        say(&mut old, b"a").await;
        assert_eq!(hear(&mut old).await, Some(b'a'));
        link.forget();
        say(&mut old, b"b").await;
        assert_eq!(hear(&mut old).await, None);
        let mut new = TcpStream::connect(link.address()).await.unwrap();
        say(&mut new, b"c").await;
        assert_eq!(hear(&mut new).await, Some(b'c'));
    }

    #[tokio::test]
    async fn resets_end_connections_in_the_middle() {
        let (link, mut stream) = echo().await;
        link.set(Weather::Resets);
        for _ in 0..10_000 {
            if stream.write_all(b"a").await.is_err() || !matches!(stream.read_u8().await, Ok(b'a')) {
                return;
            }
        }
        panic!("10,000 chunks each way and no reset");
    }
}
