//! An OpenID Connect issuer of our own: its documents over HTTP, and tokens that it signs.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What the issuer's server does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Away,
    Hanging,
    Failing,
    Garbled,
    Endless,
    Redirecting,
    OtherIssuer,
    UnsafeKeys,
    WithoutKeys,
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    server: tokio::task::JoinHandle<()>,
}

struct State {
    mood: Mood,
    keys: Vec<Value>,
    asked: usize,
}

/// A key pair with the id under which its public half is published.
pub(crate) struct SigningKey {
    id: String,
    pair: EcdsaKeyPair,
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl SigningKey {
    pub(crate) fn new(id: &str) -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let secret = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self { id: id.to_owned(), pair: EcdsaKeyPair::from_pkcs8(kind, secret.as_ref(), &random).unwrap() }
    }

    pub(crate) fn public(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id, "x": encode(x), "y": encode(y) })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({ "alg": "ES256", "typ": "JWT", "kid": self.id }), claims)
    }

    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encode(signature))
    }

    /// The confusion of algorithms: what everybody knows, the public key, taken for a shared secret.
    pub(crate) fn forge_by_public_key(&self, claims: &Value) -> Vec<String> {
        let message = message(&json!({ "alg": "HS256", "typ": "JWT", "kid": self.id }), claims);
        let public = self.pair.public_key().as_ref();
        [public.to_vec(), encode(public).into_bytes(), self.public().to_string().into_bytes()]
            .iter()
            .map(|secret| {
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
                format!("{message}.{}", encode(tag))
            })
            .collect()
    }
}

pub(crate) fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

/// The key pair that RFC 7515 prints in appendix A.2, for ring makes none of its own.
const RSA_PUBLIC: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RSA_PRIVATE: [&str; 6] = [
    "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
    "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
    "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
    "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
    "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
    "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U",
];

pub(crate) fn rsa_public(id: &str) -> Value {
    json!({ "kty": "RSA", "alg": "RS256", "kid": id, "n": RSA_PUBLIC, "e": "AQAB" })
}

pub(crate) fn sign_by_rsa(id: &str, claims: &Value) -> String {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let [d, p, q, dp, dq, q_inverse] = RSA_PRIVATE.map(bytes);
    let public_key = rsa::PublicKeyComponents { n: bytes(RSA_PUBLIC), e: vec![1, 0, 1] };
    let parts = rsa::KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: q_inverse };
    let pair = rsa::KeyPair::from_components(&parts).unwrap();
    let message = message(&json!({ "alg": "RS256", "typ": "at+jwt", "kid": id }), claims);
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", encode(signature))
}

impl Issuer {
    pub(crate) async fn start(mood: Mood, keys: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { mood, keys: keys.to_vec(), asked: 0 }));
        let (shared, own_url) = (Arc::clone(&state), url.clone());
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, own_url.clone(), Arc::clone(&shared)));
            }
        });
        Self { url, state, server }
    }

    /// The settings of a gateway that trusts this issuer.
    pub(crate) fn settings(&self) -> String {
        format!(
            "[oidc]\ntimeout_ms = 500\n[oidc.issuers.staff]\nissuer = {:?}\naudience = \"quartermaster\"\n",
            self.url
        )
    }

    pub(crate) fn is_now(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    pub(crate) fn publish(&self, keys: &[Value]) {
        self.state.lock().unwrap().keys = keys.to_vec();
    }

    /// How often its keys were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, url: String, state: Arc<Mutex<State>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let is_discovery = head.starts_with(b"GET /.well-known/openid-configuration ");
    let (mood, keys) = {
        let mut state = state.lock().unwrap();
        state.asked += usize::from(is_discovery);
        (state.mood, state.keys.clone())
    };
    let document = match mood {
        Mood::OtherIssuer => json!({ "issuer": "https://other.test", "jwks_uri": format!("{url}/keys") }),
        Mood::UnsafeKeys => json!({ "issuer": url, "jwks_uri": "http://other.test/keys" }),
        _ => json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }),
    };
    let (status, body) = match mood {
        Mood::Away => return None,
        Mood::Hanging => {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            return None;
        }
        Mood::Failing => ("500 Oh no".to_owned(), document.to_string()),
        Mood::Garbled => ("200 OK".to_owned(), "<html>".to_owned()),
        Mood::Endless => ("200 OK".to_owned(), " ".repeat(1 << 20)),
        Mood::Redirecting => (format!("302 Found\r\nlocation: {url}/elsewhere"), String::new()),
        _ if is_discovery => ("200 OK".to_owned(), document.to_string()),
        Mood::WithoutKeys => ("200 OK".to_owned(), json!({ "keys": [] }).to_string()),
        _ => ("200 OK".to_owned(), json!({ "keys": keys }).to_string()),
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.ok()
}
