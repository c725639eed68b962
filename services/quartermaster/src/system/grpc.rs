//! Sockets for the services' gRPC, for whoever wants to look from outside.
//!
//! Every service serves `OperationsService`, so each needs a port of its own: consecutive ones from the first.

use std::{collections::BTreeMap, net::SocketAddr};

use qm_runtime::{ListenError, Stage, Worker, grpc::ServedRoutes, listen};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Server, server::TcpIncoming};

use super::{builder::Built, data_dir::Addresses};

/// Services that answer no gRPC of their own.
const WITHOUT: [&str; 1] = ["gateway"];

/// Takes a port for each service and gives it a worker that serves there; port 0 takes any free ones.
pub(super) fn serve(services: Vec<Built>, first: SocketAddr) -> Result<(Vec<Built>, Addresses), ListenError> {
    let mut addresses = BTreeMap::new();
    let mut next = first;
    let mut serving = Vec::with_capacity(services.len());
    for Built { mut assembly, routes } in services {
        if !WITHOUT.contains(&assembly.name()) {
            let listener = listen("--grpc-listen", next)?;
            if let Ok(address) = listener.local_addr() {
                addresses.insert(assembly.name().to_owned(), format!("http://{address}"));
            }
            next.set_port(if first.port() == 0 { 0 } else { next.port().saturating_add(1) });
            assembly = assembly.worker(worker(listener, routes.clone()));
        }
        serving.push(Built { assembly, routes });
    }
    Ok((serving, Addresses { services: addresses }))
}

fn worker(listener: std::net::TcpListener, routes: ServedRoutes) -> Worker {
    let run = move |shutdown: CancellationToken| async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = Server::builder();
        let ended = server.serve_with_incoming_shutdown(routes, incoming, shutdown.cancelled_owned()).await;
        ended.map_err(qm_runtime::BuildError::from)
    };
    Worker::new("grpc", run).stage(Stage::Ingress)
}
