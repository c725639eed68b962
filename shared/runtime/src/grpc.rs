//! gRPC between services: one channel type for a peer behind a socket or in this process, and what every served call
//! gets: a trace, a metric, a bound, and protection from panics.

mod body;
mod channel;
mod deadline;
mod served;

use qm_ids::TenantId;
use tonic::{Request, Status, metadata::MetadataMap};

pub use channel::{GrpcChannel, InvalidPeer, LateBinding};
pub use served::ServedRoutes;

/// The largest message that services send each other. Give it to generated servers and clients, whose own limit is 4 MiB:
/// `OrderServiceServer::new(api).max_decoding_message_size(MAX_MESSAGE_BYTES)`.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// The metadata key of the tenant that a call is for.
pub const TENANT: &str = "qm-tenant";

/// The tenant that a call is for.
pub fn tenant_of<T>(request: &Request<T>) -> Result<TenantId, Status> {
    tenant_of_metadata(request.metadata())
}

/// The tenant that a call is for.
pub fn tenant_of_metadata(metadata: &MetadataMap) -> Result<TenantId, Status> {
    let Some(value) = metadata.get(TENANT) else {
        return Err(Status::invalid_argument("metadata qm-tenant: missing"));
    };
    value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
        Status::invalid_argument("metadata qm-tenant: expected an id that begins with tenant_")
    })
}

/// A request for `tenant`; anything that can become a request will do.
pub fn with_tenant<T>(request: impl tonic::IntoRequest<T>, tenant: TenantId) -> Request<T> {
    let mut request = request.into_request();
    // A TypeID is plain ASCII: it is always a metadata value.
    if let Ok(value) = tenant.to_string().parse() {
        request.metadata_mut().insert(TENANT, value);
    }
    request
}
