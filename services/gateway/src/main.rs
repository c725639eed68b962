//! The gateway as a program of its own.

fn main() -> std::process::ExitCode {
    qm_runtime::main::<qm_gateway::GatewayService>()
}
