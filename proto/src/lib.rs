#![doc = include_str!("../README.md")]
// The documentation of generated items is that of the `.proto` files.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

pub mod events;

/// Every contract as an encoded `FileDescriptorSet`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($($module:ident = $package:tt),+ $(,)?) => {$(
        pub mod $module {
            pub mod v1 {
                tonic::include_proto!($package);
            }
        }
    )+};
}

package! {
    types = "quartermaster.types.v1",
    operations = "quartermaster.operations.v1",
    order = "quartermaster.order.v1",
    inventory = "quartermaster.inventory.v1",
    routing = "quartermaster.routing.v1",
    shipping = "quartermaster.shipping.v1",
    notification = "quartermaster.notification.v1",
}
