//! The client's address, for limits on what needs no key.

use std::{
    future::{Ready, ready},
    net::IpAddr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};

use super::Problem;

/// The header that a trusted proxy writes the client's address into; empty for none.
#[derive(Debug, Clone)]
pub struct AddressHeader(pub String);

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// The name of its bucket. An IPv6 subscriber has a whole /64, so that is what counts as one.
    pub fn bucket(&self, limit: &str) -> String {
        match self.0 {
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{limit}:{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            Some(IpAddr::V4(address)) => format!("{limit}:{address}"),
            None => format!("{limit}:unknown"),
        }
    }
}

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header =
            request.app_data::<Data<AddressHeader>>().map(|header| header.0.as_str()).unwrap_or_default();
        let told = (!header.is_empty()).then(|| request.headers().get(header)).flatten();
        // What stands before the last entry was written by the client itself.
        let told = told.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        ready(Ok(Self(told.or_else(|| request.peer_addr().map(|address| address.ip())))))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[actix_web::test]
    async fn only_the_trusted_proxys_own_entry_counts() {
        let request = |header: &str| {
            TestRequest::default()
                .peer_addr("10.0.0.1:1".parse().unwrap())
                .insert_header(("x-forwarded-for", "1.1.1.1, 2.2.2.2"))
                .app_data(Data::new(AddressHeader(header.to_owned())))
                .to_http_request()
        };
        let address = async |header: &str| {
            ClientAddress::extract(&request(header)).await.unwrap().0.unwrap().to_string()
        };
        assert_eq!(address("x-forwarded-for").await, "2.2.2.2");
        assert_eq!(address("").await, "10.0.0.1");
    }

    #[test]
    fn addresses_of_one_ipv6_subscriber_share_a_bucket() {
        let bucket = |text: &str| ClientAddress(text.parse().ok()).bucket("page");
        assert_eq!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:2:ffff::9"));
        assert_ne!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:3::1"));
    }
}
