//! An address, and the methods that it takes.

use actix_web::{
    FromRequest, Handler, Responder, ResponseError as _,
    dev::{AppService, HttpServiceFactory},
    http::{
        Method,
        header::{ALLOW, HeaderValue},
    },
    web,
};

use super::Problem;

/// An address. Any other method than those given is answered with 405 and, in `Allow`, with what there is instead.
pub struct Resource {
    inner: actix_web::Resource,
    allowed: Vec<&'static str>,
}

/// The address at this path, without any method yet.
pub fn resource(path: &str) -> Resource {
    Resource { inner: web::resource(path.to_owned()), allowed: Vec::new() }
}

macro_rules! methods {
    ($($name:ident $method:ident)+) => {$(
        #[doc = concat!("Answers ", stringify!($method), ".")]
        pub fn $name<H, A>(mut self, handler: H) -> Self
        where
            H: Handler<A>,
            A: FromRequest + 'static,
            H::Output: Responder + 'static,
        {
            self.allowed.push(stringify!($method));
            self.inner = self.inner.route(web::method(Method::$method).to(handler));
            self
        }
    )+};
}

impl Resource {
    methods! { get GET post POST put PUT patch PATCH delete DELETE }
}

impl HttpServiceFactory for Resource {
    fn register(self, config: &mut AppService) {
        let allowed = self.allowed.join(", ");
        let refuse = web::to(move || {
            let mut response = Problem::method_not_allowed().error_response();
            if let Ok(value) = HeaderValue::from_str(&allowed) {
                response.headers_mut().insert(ALLOW, value);
            }
            async { response }
        });
        self.inner.default_service(refuse).register(config);
    }
}
