//! Sending webhooks, and keeping them out of our own network.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

use crate::domain::{address, problem::for_people};

/// Sends webhooks.
#[derive(Debug, Clone)]
pub struct WebhookClient {
    http: reqwest::Client,
    /// Which addresses may be sent to; none says all.
    may_reach: Option<Judge>,
}

type Judge = fn(IpAddr) -> bool;
type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// A webhook, signed.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// Header `webhook-id`.
    pub id: String,
    /// Header `webhook-timestamp`, seconds since 1970.
    pub timestamp: i64,
    /// Header `webhook-signature`.
    pub signature: String,
    /// JSON.
    pub body: String,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// What went wrong; empty when nothing did.
    pub error: String,
}

impl Outcome {
    /// True when the receiver took it.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// True when the receiver says that the endpoint is gone for good.
    pub fn is_gone(&self) -> bool {
        self.status == 410
    }
}

impl WebhookClient {
    /// A client. `allow_private` is for development: it lets webhooks reach any address.
    pub fn new(timeout: Duration, allow_private: bool) -> Result<Self, reqwest::Error> {
        Self::with(timeout, (!allow_private).then_some((address::is_public as Judge, system())))
    }

    /// A client that sends only where `guard` lets it: an address must pass the judge, and names are looked up with it.
    fn with(timeout: Duration, guard: Option<(Judge, LookUp)>) -> Result<Self, reqwest::Error> {
        let may_reach = guard.as_ref().map(|(judge, _)| *judge);
        let builder = reqwest::Client::builder()
            .timeout(timeout)
            .user_agent(concat!("Quartermaster/", env!("CARGO_PKG_VERSION")))
            // A redirect could lead anywhere, and a proxy would resolve names for us.
            .redirect(redirect::Policy::none())
            .no_proxy();
        let builder = match guard {
            Some((may_reach, look_up)) => builder.dns_resolver(Arc::new(Guarded { may_reach, look_up })),
            None => builder,
        };
        Ok(Self { http: builder.build()?, may_reach })
    }

    /// Sends a webhook once.
    pub async fn send(&self, webhook: &Webhook) -> Outcome {
        let failed = |error: String| Outcome { status: 0, error: for_people(&error) };
        let url = match Url::parse(&webhook.url) {
            Ok(url) => url,
            Err(error) => return failed(error.to_string()),
        };
        // An address in the URL is not resolved, so the resolver does not see it.
        let literal = url.host_str().and_then(address::of_host);
        if literal.zip(self.may_reach).is_some_and(|(address, may_reach)| !may_reach(address)) {
            return failed("the address is not of the public internet".to_owned());
        }
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &webhook.id)
            .header("webhook-timestamp", webhook.timestamp)
            .header("webhook-signature", &webhook.signature)
            .body(webhook.body.clone());
        // The body of the answer is not read: nothing in it matters, and it could be without end.
        match request.send().await {
            Ok(response) if response.status().is_success() => {
                Outcome { status: response.status().as_u16(), error: String::new() }
            }
            Ok(response) => {
                let status = response.status();
                Outcome { status: status.as_u16(), error: format!("answered {status}") }
            }
            Err(error) => failed(qm_runtime::with_causes(&error.without_url())),
        }
    }
}

/// Resolves names to addresses that may be reached. It sits in the connector, so a name that changes its address between a
/// check and the connection gains nothing.
struct Guarded {
    may_reach: Judge,
    look_up: LookUp,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").finish_non_exhaustive()
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (may_reach, found) = (self.may_reach, (self.look_up)(name.as_str().to_owned()));
        Box::pin(async move {
            let reached: Vec<_> = found.await?.into_iter().filter(|address| may_reach(*address)).collect();
            if reached.is_empty() {
                return Err("the name has no address of the public internet".into());
            }
            // The port is the URL's.
            Ok(Box::new(reached.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// The system's resolver.
fn system() -> LookUp {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn to(url: &str) -> Webhook {
        let text = |text: &str| text.to_owned();
        Webhook { url: text(url), id: text("id"), timestamp: 0, signature: text("v1,x"), body: text("{}") }
    }

    /// Answers each connection with one answer; counts them.
    async fn serve(address: &str, answer: String) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind(address).await.unwrap();
        let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = connection.read(&mut [0; 4096]).await;
                let head = format!("HTTP/1.1 {answer}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                let _ = connection.write_all(head.as_bytes()).await;
            }
        });
        (port, seen)
    }

    fn no_content() -> String {
        "204 No Content".to_owned()
    }

    fn looks_up(answers: Vec<&'static str>) -> LookUp {
        let asked = AtomicUsize::new(0);
        Arc::new(move |_| {
            let nth = asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            let found = answers[nth].split(' ').map(|address| address.parse().unwrap()).collect();
            Box::pin(async move { Ok(found) })
        })
    }

    /// What is outside in these tests: one address of the loopback network.
    fn is_outside(address: IpAddr) -> bool {
        address.to_string() == "127.0.0.2"
    }

    #[tokio::test]
    async fn no_address_inside_is_reached_however_it_is_written() {
        let (port, seen) = serve("127.0.0.1:0", no_content()).await;
        let client = WebhookClient::new(TIMEOUT, false).unwrap();
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "0",
            "127.0.0.1.",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00::1]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
            "127\u{3002}0\u{3002}0\u{3002}1",
            "169.254.169.254",
            "evil.example@127.0.0.1",
            "127.0.0.1%00.example",
        ] {
            let outcome = client.send(&to(&format!("http://{host}:{port}/"))).await;
            assert_eq!(outcome.status, 0, "{host}: {outcome:?}");
            assert!(!outcome.error.is_empty(), "{host}");
        }
        assert_eq!(seen.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_name_that_moves_inside_between_two_webhooks_is_no_longer_reached() {
        let (port, outside) = serve("127.0.0.2:0", no_content()).await;
        let (_, inside) = serve(&format!("127.0.0.1:{port}"), no_content()).await;
        let answers = looks_up(vec!["127.0.0.2", "127.0.0.1", "127.0.0.1 127.0.0.2"]);
        let client = WebhookClient::with(TIMEOUT, Some((is_outside, answers))).unwrap();
        let url = format!("http://rebinding.example:{port}/");
        assert_eq!(client.send(&to(&url)).await.status, 204);
        let refused = client.send(&to(&url)).await;
        assert!(refused.error.contains("no address of the public internet"), "{refused:?}");
        assert_eq!(client.send(&to(&url)).await.status, 204, "of several, the one outside is taken");
        assert_eq!((outside.load(Ordering::SeqCst), inside.load(Ordering::SeqCst)), (2, 0));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_leads_nowhere() {
        let (inside_port, inside) = serve("127.0.0.1:0", no_content()).await;
        let answer = format!("307 Temporary Redirect\r\nLocation: http://127.0.0.1:{inside_port}/");
        let (port, _) = serve("127.0.0.2:0", answer).await;
        let client = WebhookClient::with(TIMEOUT, Some((is_outside, looks_up(vec!["127.0.0.2"])))).unwrap();
        let outcome = client.send(&to(&format!("http://redirecting.example:{port}/"))).await;
        assert_eq!((outcome.status, outcome.is_success()), (307, false));
        assert_eq!(inside.load(Ordering::SeqCst), 0);
    }
}
