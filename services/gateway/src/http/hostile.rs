//! Reads what every request brings.

use actix_web::{http::header, test::TestRequest, web::Data};
use serde::de::DeserializeOwned;

use super::{ClientAddress, Problem, address::AddressHeader, body, expected_version, is_current, params};

/// A body, as its extractor reads it.
pub fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    body::parse(bytes, true)
}

/// A query, as its extractor reads it.
pub fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    params::read(query)
}

/// Reads the bytes as each header that we read.
pub fn headers(bytes: &[u8]) {
    let Ok(value) = header::HeaderValue::from_bytes(bytes) else { return };
    let mut request = TestRequest::default();
    for name in [header::IF_MATCH, header::IF_NONE_MATCH, header::CONTENT_TYPE, header::CONTENT_ENCODING] {
        request = request.insert_header((name, value.clone()));
    }
    let request = request
        .insert_header(("idempotency-key", value.clone()))
        .insert_header(("x-forwarded-for", value))
        .app_data(Data::new(AddressHeader { name: "x-forwarded-for".to_owned(), proxies: 1 }))
        .to_http_request();
    if let Ok(version) = expected_version(&request) {
        assert!(version >= 0);
    }
    let _ = is_current(&request, 7);
    let _ = body::is_json(request.headers());
    let _ = ClientAddress::of(&request).bucket("x");
    if let Ok(key) = body::idempotency_key(request.headers()) {
        assert!(qm_idempotency_takes(&key), "{key:?} is passed on, and refused there");
    }
}

fn qm_idempotency_takes(key: &str) -> bool {
    let given = qm_proto::types::v1::Idempotency { key: key.to_owned(), body_hash: vec![0; 32] };
    let tenant = qm_ids::TenantId::from_uuid(qm_ids::Uuid::nil());
    qm_idempotency::OnceKey::new(tenant, "test", Some(&given)).is_ok()
}
