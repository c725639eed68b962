//! The API's description says what callers may send.

use serde_json::Value;

fn description() -> Value {
    serde_json::from_str(&qm_gateway::openapi_json().unwrap()).unwrap()
}

/// What is said of a field or parameter, through references.
fn resolved<'a>(all: &'a Value, about: &'a Value) -> &'a Value {
    match about["$ref"].as_str() {
        Some(to) => {
            all.pointer(to.trim_start_matches('#')).unwrap_or_else(|| panic!("{to} is not described"))
        }
        None => about,
    }
}

/// True for a text of which nothing is said but that it is one.
fn is_unbounded_text(about: &Value) -> bool {
    let is_string =
        about["type"] == "string" || about["type"].as_array().is_some_and(|it| it.contains(&"string".into()));
    is_string && ["pattern", "format", "enum"].iter().all(|rule| about[rule].is_null())
}

#[test]
fn every_text_that_callers_send_is_described_by_more_than_being_text() {
    let all = description();
    let mut bare = Vec::new();
    for (name, schema) in all["components"]["schemas"].as_object().unwrap() {
        if schema["additionalProperties"] != false {
            continue;
        }
        for (field, about) in schema["properties"].as_object().into_iter().flatten() {
            if is_unbounded_text(resolved(&all, about)) || is_unbounded_text(resolved(&all, &about["items"]))
            {
                bare.push(format!("{name}.{field}"));
            }
        }
    }
    for (path, methods) in all["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if is_unbounded_text(resolved(&all, &parameter["schema"])) {
                    bare.push(format!("{method} {path} {}", parameter["name"]));
                }
            }
        }
    }
    assert!(bare.is_empty(), "{bare:#?}");
}

#[test]
fn ids_in_paths_are_described_as_they_are_read() {
    let all = description();
    let parameters = &all["paths"]["/v1/orders/{order_id}"]["get"]["parameters"];
    assert_eq!(parameters[0]["schema"]["pattern"], "^order_[0-7][0-9a-hjkmnp-tv-z]{25}$");
}

#[test]
fn answers_that_ask_callers_to_wait_are_described_to_say_how_long() {
    let all = description();
    for (path, methods) in all["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for status in ["429", "503"] {
                let waits = &operation["responses"][status]["headers"]["retry-after"];
                assert!(waits.is_object(), "{method} {path} {status}");
            }
        }
    }
}
