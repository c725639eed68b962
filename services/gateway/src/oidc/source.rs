//! Where an issuer's keys come from: its key set, found by OpenID discovery unless the configuration says where it is.

use std::{net::IpAddr, time::Duration};

use reqwest::{Client, Url, redirect};
use serde::Deserialize;

use super::KeySet;

/// Longest answer read, bytes. Real ones have a few thousand.
const MAX_ANSWER: usize = 256 * 1024;

/// Reads an issuer's keys.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    http: Client,
    issuer: String,
    keys: Option<Url>,
    timeout: Duration,
}

/// Why the keys could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// No answer, or it broke off.
    #[error("the issuer cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Too slow.
    #[error("the issuer did not answer in time")]
    TimedOut,
    /// Not 200. A redirect is not followed: it could lead anywhere.
    #[error("the issuer answered {0}")]
    Status(u16),
    /// Without end, or nearly so.
    #[error("the issuer's answer has more than {MAX_ANSWER} bytes")]
    TooLarge,
    /// Not the document that it should be.
    #[error("the issuer's answer is malformed")]
    Malformed(#[source] serde_json::Error),
    /// Discovery is for another issuer than the one asked.
    #[error("the discovery document is of another issuer")]
    OtherIssuer,
    /// Keys that anybody on the way could replace.
    #[error("the discovery document leads to keys that are not on https")]
    Unsafe,
    /// Nothing in it that we can use.
    #[error("the issuer has no key that can be used")]
    NoKeys,
}

/// Reads an address that keys may come from: https, or http that stays on this machine.
pub(crate) fn safe_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    (is_safe && url.username().is_empty() && url.password().is_none()).then_some(url)
}

impl Source {
    /// The keys of `issuer`, which stand at `keys` if that is known.
    pub(crate) fn new(issuer: &str, keys: Option<Url>, timeout: Duration) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("Quartermaster/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, issuer: issuer.to_owned(), keys, timeout })
    }

    /// Reads the keys, all in all within the timeout.
    pub(crate) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let keys = tokio::time::timeout(self.timeout, self.read_keys());
        keys.await.unwrap_or(Err(FetchError::TimedOut))
    }

    async fn read_keys(&self) -> Result<KeySet, FetchError> {
        let url = match &self.keys {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let keys = KeySet::parse(&self.read(url).await?).map_err(FetchError::Malformed)?;
        if keys.is_empty() { Err(FetchError::NoKeys) } else { Ok(keys) }
    }

    /// Asks the issuer where its keys are (OpenID Connect Discovery 1.0, section 4).
    async fn discover(&self) -> Result<Url, FetchError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: String,
        }
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let body = self.read(safe_url(&address).ok_or(FetchError::Unsafe)?).await?;
        let document: Document = serde_json::from_slice(&body).map_err(FetchError::Malformed)?;
        if document.issuer != self.issuer {
            return Err(FetchError::OtherIssuer);
        }
        safe_url(&document.jwks_uri).ok_or(FetchError::Unsafe)
    }

    async fn read(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        let unreachable = |error: reqwest::Error| FetchError::Unreachable(error.without_url());
        let mut response = self.http.get(url).send().await.map_err(unreachable)?;
        if response.status() != 200 {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_by_https_or_from_this_machine() {
        for good in ["https://a.test/keys", "http://127.0.0.1:8/x", "http://[::1]/", "http://localhost:1"] {
            assert!(safe_url(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "keys",
            "http://a.test/",
            "http://127.0.0.1.a.test/",
            "file:///etc/passwd",
            "https://u:p@a.test/",
        ] {
            assert!(safe_url(bad).is_none(), "{bad}");
        }
    }
}
