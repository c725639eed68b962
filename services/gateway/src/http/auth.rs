//! Who calls, and what each handler needs of them.

use std::{
    future::{Ready, ready},
    marker::PhantomData,
    sync::Arc,
};

use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest, ResponseError as _,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    middleware::Next,
    web::Data,
};
use qm_ids::TenantId;
use qm_proto::types::v1::Actor;
use qm_refusal::Refusal;
use tracing::Span;

use super::{
    ClientAddress, Credentials, Problem,
    allowance::{Allowance, Toll},
};
use crate::domain::{Principal, Scope};

/// Who sent a request, and what it has paid.
#[derive(Debug)]
struct Identified {
    principal: Arc<Principal>,
    allowance: Allowance,
}

/// The middleware of everything that needs a credential: identifies the caller before a byte of the body is read.
pub async fn authenticate(
    credentials: Data<Credentials>,
    toll: Data<Toll>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let principal = match credentials.identify(request.headers(), ClientAddress::of(request.request())).await
    {
        Ok(principal) => principal,
        Err(problem) => {
            return Ok(request.into_response(problem.error_response()).map_into_right_body());
        }
    };
    Span::current().record("tenant", tracing::field::display(principal.tenant));
    let (allowance, paid) = toll.charge(principal.bucket()).await;
    if let Err(refusal) = paid {
        let mut response = request.into_response(Problem::from(refusal).error_response());
        allowance.tell(response.headers_mut());
        return Ok(response.map_into_right_body());
    }
    let identified = Arc::new(Identified { principal, allowance });
    request.extensions_mut().insert(Arc::clone(&identified));
    let mut response = next.call(request).await?.map_into_left_body();
    identified.allowance.tell(response.headers_mut());
    Ok(response)
}

/// A permission as a type, so that a handler says in its signature what it needs.
pub trait Permission: 'static {
    /// The scope.
    const SCOPE: Scope;
}

/// Permissions.
pub mod may {
    use super::{Permission, Scope};

    macro_rules! permissions {
        ($($name:ident)+) => {
            $(
                /// See [`Scope`].
                #[derive(Debug)]
                pub struct $name;

                impl Permission for $name {
                    const SCOPE: Scope = Scope::$name;
                }
            )+
        };
    }

    permissions! {
        OrdersRead OrdersWrite InventoryRead InventoryWrite RoutingRead RoutingWrite FulfilmentsRead FulfilmentsWrite
        NotificationsRead NotificationsWrite KeysManage
    }
}

/// A caller who may do `P`. The first argument of every handler of `/v1`: without it there is no tenant to work for.
#[derive(Debug, Clone)]
pub struct Caller<P> {
    /// Whom it works for.
    pub tenant: TenantId,
    identified: Arc<Identified>,
    permission: PhantomData<P>,
}

impl<P> Caller<P> {
    /// The caller as the services write it down.
    pub fn actor(&self) -> Actor {
        let principal = &self.identified.principal;
        Actor { kind: principal.kind().to_owned(), id: principal.id() }
    }

    /// Whether the caller may do this, too.
    pub fn has(&self, scope: Scope) -> bool {
        self.identified.principal.scopes.contains(&scope)
    }

    /// Whose requests count together.
    pub fn bucket(&self) -> String {
        self.identified.principal.bucket()
    }

    /// Pays for a request that does the work of so many: refused, with nothing done, when the caller cannot.
    pub async fn pay_for(&self, requests: usize) -> Result<(), Refusal> {
        self.identified.allowance.pay_for(requests).await
    }

    /// A call to a peer in the caller's name.
    pub fn ask<T>(&self, message: T) -> tonic::Request<T> {
        qm_runtime::grpc::with_tenant(tonic::Request::new(message), self.tenant)
    }
}

impl<P: Permission> FromRequest for Caller<P> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        ready(match extensions.get::<Arc<Identified>>() {
            Some(identified) if identified.principal.scopes.contains(&P::SCOPE) => Ok(Self {
                tenant: identified.principal.tenant,
                identified: Arc::clone(identified),
                permission: PhantomData,
            }),
            Some(_) => {
                let message = format!("this credential lacks the scope {}", P::SCOPE);
                Err(Refusal::forbidden("scope_missing", message).into())
            }
            None => Err(Refusal::unauthenticated("credential_missing", "a credential is needed").into()),
        })
    }
}
