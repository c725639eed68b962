//! Query strings.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use qm_refusal::Refusal;
use serde::de::DeserializeOwned;

use super::{Problem, body::refuse_value};

/// The query string as a struct; unknown names and wrong values are refused by name.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.query_string()).map(Self))
    }
}

pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    // A value of this many characters is a mistake; the names are few.
    let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(query)
        .map_err(|error| Problem::from(refuse_value("", &error.to_string())))?;
    // Most likely what was to stand there is missing, and without it the question would be another one.
    if let Some((name, _)) = pairs.iter().find(|(_, value)| value.trim().is_empty()) {
        return Err(Refusal::invalid(name, "required", "must not be empty; leave it out instead").into());
    }
    let value = serde_json::Map::from_iter(
        pairs.iter().map(|(name, value)| (name.clone(), serde_json::Value::String(value.clone()))),
    );
    if value.len() != pairs.len() {
        let twice =
            pairs.iter().find(|(name, _)| pairs.iter().filter(|(other, _)| other == name).count() > 1);
        let name = twice.map(|(name, _)| name.as_str()).unwrap_or_default();
        return Err(refuse_value(name, &format!("duplicate field `{name}`")).into());
    }
    serde_path_to_error::deserialize(serde_json::Value::Object(value)).map_err(|error| {
        let path = error.path().to_string();
        refuse_value(&path, &error.into_inner().to_string()).into()
    })
}

/// Reads a number that came as text.
pub(crate) mod number {
    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, de::Error as _};

    /// For `#[serde(default, deserialize_with = "…")]`: absent is none.
    pub(crate) fn optional<'de, T: FromStr, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Some).map_err(|_| D::Error::custom(format!("invalid number \"{text}\"")))
    }
}
