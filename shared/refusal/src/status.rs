//! A refusal on the wire: `google.rpc` error details in a gRPC status.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{Kind, Refusal};

/// Marks our own details in a status (`google.rpc.ErrorInfo.domain`).
const DOMAIN: &str = "quartermaster";
/// The key of the kind in `google.rpc.ErrorInfo.metadata`.
const KIND: &str = "kind";

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let Refusal { kind, code, message, field, retry_after } = refusal.fit();
        let mut details = ErrorDetails::with_error_info(
            code,
            DOMAIN,
            HashMap::from([(KIND.to_owned(), kind.slug().to_owned())]),
        );
        if let Some(field) = field {
            // The status carries the message once already.
            details.add_bad_request_violation(field, "");
        }
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        Status::with_error_details(kind.grpc(), message, details)
    }
}

impl Refusal {
    /// The refusal that a peer answered with.
    ///
    /// A status of ours comes back as it was sent. Any other status (of a proxy, a library, a lost connection) keeps
    /// only its kind: its message was not written for our callers and may tell about our insides.
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
            return Self::of(Kind::from_grpc(status.code()));
        };
        // A kind that a newer peer knows and we do not is told by its gRPC code.
        let kind = info
            .metadata
            .get(KIND)
            .and_then(|slug| Kind::from_slug(slug))
            .unwrap_or_else(|| Kind::from_grpc(status.code()));
        Self {
            kind,
            code: info.reason.clone(),
            message: status.message().to_owned(),
            field: details
                .bad_request()
                .and_then(|request| request.field_violations.first())
                .map(|violation| violation.field.clone()),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
        .fit()
    }
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        Self::from_status(status)
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::from_status(&status)
    }
}

impl Refusal {
    /// The gRPC code it is answered with.
    pub const fn grpc(&self) -> Code {
        self.kind.grpc()
    }

    /// The HTTP status it is answered with.
    pub const fn http(&self) -> u16 {
        self.kind.http()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Through the headers, as a status really travels, and back.
    fn over_the_wire(refusal: &Refusal) -> Refusal {
        let headers = Status::from(refusal.clone()).into_http::<()>().into_parts().0.headers;
        Refusal::from_status(&Status::from_header_map(&headers).unwrap())
    }

    #[test]
    fn every_kind_comes_back_as_it_was_sent() {
        for kind in Kind::ALL {
            let plain = Refusal::new(kind, "some_reason", "größer als erlaubt\n100 %");
            assert_eq!(over_the_wire(&plain), plain);
            let full = plain.at("lines[2].quantity").after(Duration::new(3, 5_000_000));
            assert_eq!(over_the_wire(&full), full);
            assert_eq!(Status::from(full).code(), kind.grpc());
        }
    }

    #[test]
    fn an_empty_field_and_no_wait_are_not_lost() {
        let refusal = Refusal::invalid("", "empty", "").after(Duration::ZERO);
        assert_eq!(over_the_wire(&refusal), refusal);
    }

    #[test]
    fn a_refusal_made_by_hand_with_endless_text_still_fits_the_headers() {
        let endless = "ß".repeat(100_000);
        let refusal = Refusal {
            code: endless.clone(),
            field: Some(endless.clone()),
            message: endless,
            ..Refusal::internal()
        };
        let headers = Status::from(refusal).into_http::<()>().into_parts().0.headers;
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        assert!(bytes < 8 * 1024, "{bytes} bytes");
    }

    #[test]
    fn a_status_from_elsewhere_keeps_its_kind_and_loses_its_message() {
        let secret = "connection to 10.0.0.7:5432 refused";
        for (code, kind) in [
            (Code::Unknown, Kind::Internal),
            (Code::Unimplemented, Kind::Internal),
            (Code::Internal, Kind::Internal),
            (Code::DataLoss, Kind::Internal),
            (Code::DeadlineExceeded, Kind::Unavailable),
            (Code::Cancelled, Kind::Unavailable),
            (Code::Unavailable, Kind::Unavailable),
            (Code::OutOfRange, Kind::TooLarge),
        ] {
            let refusal = Refusal::from_status(&Status::new(code, secret));
            assert_eq!(refusal.kind, kind, "{code:?}");
            assert_eq!(refusal.message, kind.title());
        }
        let foreign = ErrorDetails::with_error_info("REASON", "googleapis.com", HashMap::new());
        let foreign = Status::with_error_details(Code::Unavailable, secret, foreign);
        assert_eq!(Refusal::from_status(&foreign), Refusal::of(Kind::Unavailable));
    }

    #[test]
    fn a_kind_from_the_future_is_told_by_its_grpc_code() {
        let metadata = HashMap::from([(KIND.to_owned(), "gone".to_owned())]);
        let details = ErrorDetails::with_error_info("order_gone", DOMAIN, metadata);
        let refusal = Refusal::from_status(&Status::with_error_details(Code::NotFound, "gone", details));
        assert_eq!((refusal.kind, refusal.code.as_str()), (Kind::NotFound, "order_gone"));
    }
}
