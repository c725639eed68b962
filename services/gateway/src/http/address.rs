//! The client's address, for limits on what needs no key.

use std::{
    future::{Ready, ready},
    net::{IpAddr, SocketAddr},
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};

use super::Problem;

/// How trusted proxies tell the client's address.
#[derive(Debug, Clone)]
pub struct AddressHeader {
    /// The header that they write it into; empty for none.
    pub name: String,
    /// How many of them there are one behind the other, each of which adds an entry.
    pub proxies: usize,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// That of a request.
    pub fn of(request: &HttpRequest) -> Self {
        let header = request.app_data::<Data<AddressHeader>>().filter(|header| !header.name.is_empty());
        let told = header.and_then(|header| told(request, header));
        let address = told.or_else(|| request.peer_addr().map(|address| address.ip()));
        // A server that listens on IPv6 sees IPv4 clients as ::ffff:1.2.3.4: all of them would count as one.
        Self(address.map(|address| address.to_canonical()))
    }

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

/// The entry of the outermost trusted proxy, counted from the end: what stands before it was written by the client itself.
/// A proxy may add a line of its own, so the entries of all lines count.
fn told(request: &HttpRequest, header: &AddressHeader) -> Option<IpAddr> {
    let lines = request.headers().get_all(header.name.as_str());
    let entries = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let entries: Vec<&str> = entries.map(str::trim).collect();
    let entry = entries.len().checked_sub(header.proxies).and_then(|at| entries.get(at))?;
    entry.parse().ok().or_else(|| entry.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn address(proxies: usize, lines: &[&str]) -> String {
        let mut request = TestRequest::default().peer_addr("10.0.0.1:1".parse().unwrap());
        for line in lines {
            request = request.append_header(("x-forwarded-for", *line));
        }
        let name = if proxies == 0 { String::new() } else { "x-forwarded-for".to_owned() };
        let request = request.app_data(Data::new(AddressHeader { name, proxies })).to_http_request();
        ClientAddress::of(&request).0.unwrap().to_string()
    }

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        let forged = ["1.1.1.1, 2.2.2.2", "3.3.3.3"];
        assert_eq!(address(0, &forged), "10.0.0.1");
        assert_eq!(address(1, &forged), "3.3.3.3");
        assert_eq!(address(2, &forged), "2.2.2.2");
        assert_eq!(address(4, &forged), "10.0.0.1", "fewer entries than proxies: it came past them");
        assert_eq!(address(1, &["nonsense"]), "10.0.0.1");
        assert_eq!(address(1, &["4.4.4.4:5000"]), "4.4.4.4");
        assert_eq!(address(1, &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(address(1, &["::ffff:4.4.4.4"]), "4.4.4.4");
    }

    #[test]
    fn addresses_of_one_ipv6_subscriber_share_a_bucket_and_ipv4_clients_do_not() {
        let bucket = |text: &str| ClientAddress(text.parse().ok()).bucket("page");
        assert_eq!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:2:ffff::9"));
        assert_ne!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:3::1"));
        let seen = |peer: &str| {
            let request = TestRequest::default().peer_addr(peer.parse().unwrap()).to_http_request();
            ClientAddress::of(&request).bucket("page")
        };
        assert_ne!(seen("[::ffff:1.2.3.4]:1"), seen("[::ffff:1.2.3.5]:1"));
    }
}
