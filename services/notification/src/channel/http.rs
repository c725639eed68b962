//! Sending webhooks, and keeping them out of our own network.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

use crate::domain::{address::is_public, problem::for_people};

/// Sends webhooks.
#[derive(Debug, Clone)]
pub struct WebhookClient {
    http: reqwest::Client,
    allow_private: bool,
}

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
        let builder = reqwest::Client::builder()
            .timeout(timeout)
            .user_agent(concat!("Quartermaster/", env!("CARGO_PKG_VERSION")))
            // A redirect could lead anywhere, and a proxy would resolve names for us.
            .redirect(redirect::Policy::none())
            .no_proxy();
        let builder = if allow_private { builder } else { builder.dns_resolver(Arc::new(PublicOnly)) };
        Ok(Self { http: builder.build()?, allow_private })
    }

    /// Sends a webhook once.
    pub async fn send(&self, webhook: &Webhook) -> Outcome {
        let failed = |error: String| Outcome { status: 0, error: for_people(&error) };
        let url = match Url::parse(&webhook.url) {
            Ok(url) => url,
            Err(error) => return failed(error.to_string()),
        };
        // An address in the URL is not resolved, so the resolver does not see it.
        if !self.allow_private && literal_address(&url).is_some_and(|address| !is_public(address)) {
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

fn literal_address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names to public addresses only. It sits in the connector, so a name that changes its address between a check
/// and the connection gains nothing.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> =
                found.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err("the name has no address of the public internet".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
