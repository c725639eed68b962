//! Layers of configuration, and refusals that can be acted on.

use std::{fs, path::Path};

use qm_runtime::config::{ConfigError, Loader, load_with};

use crate::world::{Config, DEFAULTS, variables};

fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load_with("guinea-pig", DEFAULTS, None, variables(pairs))
}

/// The refusal, which must name all of `parts`.
fn refused(pairs: &[(&str, &str)], parts: &[&str]) {
    let refusal = load(pairs).expect_err("must be refused").to_string();
    for part in parts {
        assert!(refusal.contains(part), "{part} is missing in: {refusal}");
    }
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        file.path(),
        "[database]\nurl = \"sqlite://file.db\"\nmax_connections = 4\n[own]\nattempts = 5\n",
    )
    .unwrap();
    let environment = variables(&[
        ("QM_GUINEA_PIG__OWN__ATTEMPTS", "6"),
        ("QM_GUINEA_PIG__PEERS__INVENTORY", "http://localhost:7102"),
        ("QM_ORDER__OWN__ATTEMPTS", "9"),
        ("QM_GUINEA_PIG_PORT_80_TCP", "made by Kubernetes, not for us"),
    ]);
    let config: Config = load_with("guinea-pig", DEFAULTS, Some(file.path()), environment).unwrap();
    assert_eq!(config.database.url.expose(), "sqlite://file.db");
    assert_eq!((config.database.max_connections, config.own.attempts), (4, 6));
    assert_eq!(config.peers.urls["inventory"], "http://localhost:7102");
    assert_eq!(config.runtime.worker_threads, 2, "from the common defaults");
}

#[test]
fn variables_are_read_as_the_type_that_their_key_has() {
    let config = load(&[
        ("QM_GUINEA_PIG__DATABASE__URL", "postgres://qm:007@db/order"),
        ("QM_GUINEA_PIG__OWN__RATIO", "1"),
        ("QM_GUINEA_PIG__OWN__IS_STRICT", "false"),
        ("QM_GUINEA_PIG__OWN__ZONES", "south, west"),
        ("QM_GUINEA_PIG__TELEMETRY__LOG_FORMAT", "json"),
    ])
    .unwrap();
    assert_eq!(config.database.url.expose(), "postgres://qm:007@db/order");
    assert_eq!((config.own.ratio, config.own.is_strict), (1.0, false));
    assert_eq!(config.own.zones, ["south", "west"]);
    assert_eq!(config.telemetry.otlp_endpoint, None);
}

#[test]
fn what_is_wrong_is_named_with_its_key_who_set_it_and_what_was_expected() {
    refused(
        &[("QM_GUINEA_PIG__OWN__ATTEMPTS", "many")],
        &["own.attempts", "QM_GUINEA_PIG__OWN__ATTEMPTS", "integer", "many"],
    );
    refused(&[("QM_GUINEA_PIG__OWN__ATTEMPTS", "70000")], &["own.attempts", "70000", "u16"]);
    refused(&[("QM_GUINEA_PIG__OWN__ATTEMPTS", "1.5")], &["own.attempts", "integer"]);
    refused(
        &[("QM_GUINEA_PIG__OWN__ATTEMPTS", "0")],
        &["own.attempts", "QM_GUINEA_PIG__OWN__ATTEMPTS", "at least 1"],
    );
    refused(&[("QM_GUINEA_PIG__OWN__IS_STRICT", "perhaps")], &["own.is_strict", "true or false"]);
    refused(
        &[("QM_GUINEA_PIG__OWN__ATTEMPT", "3")],
        &["own.attempt", "QM_GUINEA_PIG__OWN__ATTEMPT", "unknown", "attempts"],
    );
    refused(&[("QM_GUINEA_PIG__OWM__ATTEMPTS", "3")], &["owm", "unknown"]);
    refused(&[("QM_GUINEA_PIG__GRPC", "3")], &["grpc", "section"]);
    refused(&[("QM_GUINEA_PIG__GRPC__LISTEN__PORT", "3")], &["grpc.listen.port", "`listen` is a value"]);
    refused(&[("QM_GUINEA_PIG__", "3")], &["two underscores"]);
    refused(&[("QM_GUINEA_PIG__GRPC__LISTEN", "localhost")], &["grpc.listen", "127.0.0.1:7101", "localhost"]);
    refused(&[("QM_GUINEA_PIG__DATABASE__URL", "mysql://x:secret@y/z")], &["database.url", "postgres://"]);
    refused(&[("QM_GUINEA_PIG__PEERS__INVENTORY", "localhost:7102")], &["peers.inventory", "http://"]);
    refused(&[("QM_GUINEA_PIG__TELEMETRY__LOG_FORMAT", "xml")], &["telemetry.log_format", "xml", "json"]);
    refused(
        &[("QM_GUINEA_PIG__TELEMETRY__OTLP_ENDPOINT", "collector")],
        &["telemetry.otlp_endpoint", "http://"],
    );
    refused(&[("QM_GUINEA_PIG__SHUTDOWN__DEADLINE_MS", "-1")], &["shutdown.deadline_ms"]);
}

#[test]
fn files_are_refused_by_name() {
    let with_text = |text: &str| Loader::new("guinea-pig", DEFAULTS).unwrap().toml("order.toml", text);
    let refusal = with_text("[own]\nattempts = \"3\"").unwrap().load::<Config>().unwrap_err().to_string();
    assert!(
        refusal.contains("own.attempts") && refusal.contains("order.toml") && refusal.contains("u16"),
        "{refusal}"
    );
    let refusal = with_text("[own]\nattempts = 2.5").unwrap().load::<Config>().unwrap_err().to_string();
    assert!(refusal.contains("own.attempts"), "{refusal}");
    let refusal = with_text("[own").unwrap_err().to_string();
    assert!(refusal.contains("order.toml"), "{refusal}");
    let missing = load_with::<Config>("guinea-pig", DEFAULTS, Some(Path::new("missing.toml")), []);
    assert!(missing.unwrap_err().to_string().contains("missing.toml"));
}

#[test]
fn a_missing_key_is_named_with_its_section() {
    let defaults = DEFAULTS.replace("url = \"sqlite://guinea-pig.db\"", "");
    let refusal = load_with::<Config>("guinea-pig", &defaults, None, []).unwrap_err().to_string();
    assert!(refusal.contains("database") && refusal.contains("url"), "{refusal}");
}

#[test]
fn secrets_are_not_shown() {
    let config = load(&[("QM_GUINEA_PIG__DATABASE__URL", "postgres://qm:s3cret@db/order")]).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}
