//! Whose tokens are taken beside API keys.

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;
use jsonwebtoken::Algorithm;
use qm_runtime::config::{ConfigError, require};
use reqwest::Url;
use serde::Deserialize;

use crate::{
    domain::Expected,
    oidc::{Freshness, public_key_algorithm, safe_url},
};

/// Longest name of an issuer: it is a part of what actors are called.
const LONGEST_NAME: usize = 40;

/// OpenID Connect issuers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// Signature algorithms taken.
    pub algorithms: Vec<String>,
    /// How far clocks may differ, seconds.
    pub leeway_seconds: u32,
    /// How long an issuer may take to answer, milliseconds.
    pub timeout_ms: u32,
    /// How often an issuer's keys are read, seconds.
    pub refresh_seconds: u32,
    /// How long they are used when they cannot be read, seconds.
    pub keep_seconds: u32,
    /// Issuers by the name that we give them.
    #[serde(default)]
    pub issuers: BTreeMap<String, IssuerConfig>,
}

/// One issuer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// As in the tokens' `iss`; empty switches it off.
    #[serde(default)]
    pub issuer: String,
    /// What their `aud` must name.
    #[serde(default)]
    pub audience: String,
    /// Where its keys stand; empty asks the issuer.
    #[serde(default)]
    pub jwks_url: String,
    /// The claim that carries the tenant.
    #[serde(default = "tenant_claim")]
    pub tenant_claim: String,
    /// The claim that carries the scopes.
    #[serde(default = "scopes_claim")]
    pub scopes_claim: String,
}

fn tenant_claim() -> String {
    "tenant".to_owned()
}

fn scopes_claim() -> String {
    "scope".to_owned()
}

impl OidcConfig {
    /// The issuers that are switched on.
    pub(crate) fn switched_on(&self) -> impl Iterator<Item = (&String, &IssuerConfig)> {
        self.issuers.iter().filter(|(_, issuer)| !issuer.issuer.is_empty())
    }

    /// The algorithms, of which there is at least one.
    pub(crate) fn algorithms(&self) -> Result<Vec<Algorithm>, ConfigError> {
        let expected = "expected some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
        require(!self.algorithms.is_empty(), "oidc.algorithms", expected)?;
        let known = |name: &String| {
            public_key_algorithm(name)
                .ok_or_else(|| ConfigError::new("oidc.algorithms", format!("{expected}, got \"{name}\"")))
        };
        self.algorithms.iter().map(known).collect()
    }

    /// How long an issuer may take to answer.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }

    /// How long keys are good for.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness {
            refresh: TimeDelta::seconds(self.refresh_seconds.into()),
            keep: TimeDelta::seconds(self.keep_seconds.into()),
            // The reading that a request waits for may itself have to wait for its turn.
            patience: self.timeout() + Duration::from_millis(500),
        }
    }

    /// Says which setting is wrong.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.algorithms()?;
        require(self.leeway_seconds <= 300, "oidc.leeway_seconds", "expected 0 to 300")?;
        let is_sensible = (100..=10_000).contains(&self.timeout_ms);
        require(is_sensible, "oidc.timeout_ms", "expected 100 to 10000")?;
        let is_sensible = (10..=86_400).contains(&self.refresh_seconds);
        require(is_sensible, "oidc.refresh_seconds", "expected 10 to 86400")?;
        let is_sensible = self.keep_seconds >= self.refresh_seconds && self.keep_seconds <= 604_800;
        require(is_sensible, "oidc.keep_seconds", "expected oidc.refresh_seconds to 604800")?;
        for (name, issuer) in self.switched_on() {
            let is_name = name.len() <= LONGEST_NAME
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            let problem =
                format!("expected a name of at most {LONGEST_NAME} lower-case letters, digits and hyphens");
            require(is_name && !name.is_empty(), &format!("oidc.issuers.{name}"), &problem)?;
            issuer.check(name)?;
            let twice = self.switched_on().any(|(other, it)| other < name && it.issuer == issuer.issuer);
            require(
                !twice,
                &format!("oidc.issuers.{name}.issuer"),
                "expected an issuer that no other section has",
            )?;
        }
        Ok(())
    }

    /// What the tokens of an issuer have to claim.
    pub(crate) fn expected(&self, issuer: &IssuerConfig) -> Expected {
        Expected {
            issuer: issuer.issuer.clone(),
            audience: issuer.audience.clone(),
            leeway: TimeDelta::seconds(self.leeway_seconds.into()),
            tenant_claim: issuer.tenant_claim.clone(),
            scopes_claim: issuer.scopes_claim.clone(),
        }
    }
}

impl IssuerConfig {
    /// Where its keys stand, if the configuration says so.
    pub(crate) fn jwks_url(&self) -> Option<Url> {
        safe_url(&self.jwks_url)
    }

    fn check(&self, name: &str) -> Result<(), ConfigError> {
        let key = |key: &str| format!("oidc.issuers.{name}.{key}");
        let is_plain = |url: &Url| url.query().is_none() && url.fragment().is_none();
        let expected = "expected the issuer's https URL without query, as in its tokens' iss";
        require(safe_url(&self.issuer).is_some_and(|url| is_plain(&url)), &key("issuer"), expected)?;
        require(!self.audience.is_empty(), &key("audience"), "expected what its tokens' aud names")?;
        let is_url = self.jwks_url.is_empty() || self.jwks_url().is_some();
        require(is_url, &key("jwks_url"), "expected an https URL, or nothing")?;
        require(!self.tenant_claim.is_empty(), &key("tenant_claim"), "expected the name of a claim")?;
        require(!self.scopes_claim.is_empty(), &key("scopes_claim"), "expected the name of a claim")
    }
}

#[cfg(test)]
mod tests {
    use qm_runtime::{ServiceDefinition as _, config::Loader};

    use crate::{Config, GatewayService};

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Loader::new("gateway", GatewayService::DEFAULTS)
            .and_then(|loader| loader.toml("the test", text)?.environment(variables).load())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_issuer_is_a_section_also_in_the_environment() {
        let config = load(
            "[oidc.issuers.staff]\nissuer = \"https://a.test/\"\naudience = \"qm\"\n",
            &[
                ("QM_GATEWAY__OIDC__ISSUERS__PARTNERS__ISSUER", "https://b.test"),
                ("QM_GATEWAY__OIDC__ISSUERS__PARTNERS__AUDIENCE", "qm"),
                ("QM_GATEWAY__OIDC__ISSUERS__OFF__ISSUER", ""),
                ("QM_GATEWAY__OIDC__ALGORITHMS", "ES256, EdDSA"),
            ],
        )
        .unwrap();
        assert_eq!(
            config.oidc.switched_on().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["partners", "staff"]
        );
        assert_eq!(config.oidc.algorithms().unwrap().len(), 2);
        assert_eq!(config.oidc.issuers["staff"].scopes_claim, "scope");
        assert_eq!(load("", &[]).unwrap().oidc.switched_on().count(), 0);
    }

    #[test]
    fn a_wrong_setting_names_its_key_and_who_set_it() {
        let with = |line: &str| {
            let good = "[oidc.issuers.staff]\nissuer = \"https://a.test\"\naudience = \"qm\"\n";
            let name = line.split(' ').next().unwrap();
            let kept = good.lines().filter(|line| !line.starts_with(name)).collect::<Vec<_>>().join("\n");
            load(&format!("{kept}\n{line}\n"), &[]).unwrap_err()
        };
        for (line, key) in [
            ("issuer = \"http://a.test\"", "issuer"),
            ("issuer = \"a\"", "issuer"),
            ("issuer = \"https://a.test/?x\"", "issuer"),
            ("audience = \"\"", "audience"),
            ("jwks_url = \"http://a.test/keys\"", "jwks_url"),
            ("tenant_claim = \"\"", "tenant_claim"),
            ("scopes_claim = \"\"", "scopes_claim"),
        ] {
            let error = with(line);
            assert!(
                error.starts_with(&format!("oidc.issuers.staff.{key} (set by the test): expected")),
                "{error}"
            );
        }
        for (line, key) in [
            ("algorithms = []", "oidc.algorithms"),
            ("algorithms = [\"RS256\", \"none\"]", "oidc.algorithms"),
            ("algorithms = [\"HS256\"]", "oidc.algorithms"),
            ("leeway_seconds = 301", "oidc.leeway_seconds"),
            ("timeout_ms = 1", "oidc.timeout_ms"),
            ("refresh_seconds = 1", "oidc.refresh_seconds"),
            ("keep_seconds = 10", "oidc.keep_seconds"),
        ] {
            let error = load(&format!("[oidc]\n{line}\n"), &[]).unwrap_err();
            assert!(error.starts_with(&format!("{key} (set by the test): expected")), "{error}");
        }
        let twice = "[oidc.issuers.a]\nissuer = \"https://a.test\"\naudience = \"x\"\n\
                     [oidc.issuers.b]\nissuer = \"https://a.test\"\naudience = \"y\"\n";
        assert!(load(twice, &[]).unwrap_err().starts_with("oidc.issuers.b.issuer"));
    }
}
