//! The routing service as a program of its own.

fn main() -> std::process::ExitCode {
    qm_runtime::main::<qm_routing::RoutingService>()
}
