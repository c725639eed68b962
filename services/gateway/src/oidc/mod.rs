//! Tokens of OpenID Connect issuers (JWTs signed with a public key), taken beside API keys. Formats are read by
//! `jsonwebtoken`, signatures checked by `ring`, claims by the domain, with the time of our clock.

#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod key_set;
mod keys;
mod source;

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header};
use qm_clock::SharedClock;
use qm_runtime::{BuildError, Worker};
use serde_json::{Map, Value};

use self::{
    keys::{Keys, NoKey},
    source::Source,
};
use crate::{
    config::OidcConfig,
    domain::{Attested, Expected, Rejection, check_claims},
};

pub(crate) use key_set::{KeySet, public_key_algorithm};
pub(crate) use keys::Freshness;
pub(crate) use source::safe_url;

/// Longest token read, bytes.
const LONGEST_TOKEN: usize = 8 * 1024;

/// The issuers whose tokens are taken. Clones share their keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Issuers(Arc<Vec<Issuer>>);

#[derive(Debug)]
struct Issuer {
    name: String,
    expected: Expected,
    algorithms: Vec<Algorithm>,
    keys: Arc<Keys>,
}

/// Why a token proves nobody. Its caller learns no more than whether to ask again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// No token, or too long for one.
    #[error("it is no signed JWT")]
    Malformed,
    /// Meant for another use, or with demands that we do not know.
    #[error("its header asks for what is not supported")]
    Unsupported,
    /// Of nobody we know.
    #[error("its issuer is not one of ours")]
    UnknownIssuer,
    /// Not one of those configured.
    #[error("its algorithm is not taken")]
    Algorithm,
    /// Signed by none of the issuer's keys.
    #[error("its key is not one of the issuer's")]
    UnknownKey,
    /// Forged or spoiled.
    #[error("its signature is wrong")]
    Signature,
    /// Not for us or not for now.
    #[error(transparent)]
    Claims(#[from] Rejection),
    /// The issuer's keys cannot be had at the moment.
    #[error("the issuer's keys cannot be had")]
    Unavailable(Duration),
}

/// A token taken apart, and nothing believed yet.
struct Parts<'t> {
    header: Header,
    claims: Map<String, Value>,
    signed: &'t [u8],
    signature: Vec<u8>,
}

impl<'t> Parts<'t> {
    fn read(token: &'t str) -> Option<Self> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (_, claims) = signed.split_once('.')?;
        Some(Self {
            header: jsonwebtoken::decode_header(token).ok()?,
            claims: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?,
            signed: signed.as_bytes(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// Other kinds of tokens, such as those that end a session, may carry the same claims and signature.
    fn is_supported(&self) -> bool {
        let is_kind = self.header.typ.as_deref().is_none_or(|kind| {
            ["JWT", "at+jwt", "application/at+jwt"].iter().any(|known| kind.eq_ignore_ascii_case(known))
        });
        is_kind && self.header.crit.is_none()
    }
}

impl Issuers {
    /// The issuers of a configuration that was checked.
    pub(crate) fn new(config: &OidcConfig, clock: &SharedClock) -> Result<Self, BuildError> {
        let algorithms = config.algorithms()?;
        let issuers = config.switched_on().map(|(name, issuer)| {
            let source = Source::new(&issuer.issuer, issuer.jwks_url(), config.timeout())?;
            Ok(Issuer {
                name: name.clone(),
                expected: config.expected(issuer),
                algorithms: algorithms.clone(),
                keys: Arc::new(Keys::new(source, config.freshness(), clock.clone())),
            })
        });
        Ok(Self(Arc::new(issuers.collect::<Result<_, BuildError>>()?)))
    }

    /// What a token says, if one of the issuers signed it for us and for now; with the issuer's name.
    pub(crate) async fn attest(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<(&str, Attested), TokenError> {
        let parts = Parts::read(token).ok_or(TokenError::Malformed)?;
        if !parts.is_supported() {
            return Err(TokenError::Unsupported);
        }
        let claimed = parts.claims.get("iss").and_then(Value::as_str);
        let issuer = self.0.iter().find(|issuer| claimed == Some(&issuer.expected.issuer));
        let issuer = issuer.ok_or(TokenError::UnknownIssuer)?;
        issuer.prove(&parts).await?;
        Ok((&issuer.name, check_claims(&parts.claims, &issuer.expected, now)?))
    }

    /// What keeps their keys fresh.
    pub(crate) fn workers(&self) -> impl Iterator<Item = Worker> {
        self.0.iter().map(|issuer| {
            let (name, keys) = (issuer.name.clone(), Arc::clone(&issuer.keys));
            Worker::new(format!("oidc-{name}"), async move |shutdown| keys.keep_fresh(&name, shutdown).await)
        })
    }
}

impl Issuer {
    async fn prove(&self, parts: &Parts<'_>) -> Result<(), TokenError> {
        let algorithm = parts.header.alg;
        if !self.algorithms.contains(&algorithm) {
            return Err(TokenError::Algorithm);
        }
        let id = parts.header.kid.as_deref().ok_or(TokenError::UnknownKey)?;
        let keys = self.keys.find(id).await.map_err(|why| match why {
            NoKey::Unknown => TokenError::UnknownKey,
            NoKey::Unavailable(retry_after) => TokenError::Unavailable(retry_after),
        })?;
        let is_proven = keys.proves(id, algorithm, parts.signed, &parts.signature);
        if is_proven { Ok(()) } else { Err(TokenError::Signature) }
    }
}
