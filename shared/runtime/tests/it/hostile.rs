//! What is no call, or too large for one, at a port that serves gRPC.

use std::{net::SocketAddr, time::Duration};

use qm_proto::operations::v1::{
    GetBacklogRequest, ListFactsRequest, operations_service_client::OperationsServiceClient,
};
use qm_runtime::{Host, grpc::GrpcChannel};
use qm_telemetry::metrics::Metrics;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::world::{Mirror, host_config};

const SECOND: Duration = Duration::from_secs(1);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Sends bytes and waits until the other side hangs up, or says nothing more for a moment.
async fn throw(at: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // It may hang up while there is still something to send.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(SECOND / 10, stream.read_to_end(&mut answer)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_what_is_too_large_disturb_no_other_call() {
    let host = Host::bind(&host_config(&[]), Metrics::new("guinea-pig")).unwrap();
    let at = host.grpc_address().unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(host.run([Mirror::new().assembly()], shutdown.clone()));

    let settings = [PREFACE, b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"].concat();
    let headers =
        |stream: u8, block: &[u8]| [&[0, 0, block.len() as u8, 1, 4, 0, 0, 0, stream][..], block].concat();
    for bytes in [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        vec![0; 100_000],
        (0..=255).cycle().take(100_000).collect(),
        PREFACE[..10].to_vec(),
        // A frame of sixteen megabytes, and one of an unknown kind.
        [&settings[..], b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"].concat(),
        [&settings[..], b"\x00\x00\x01\xfe\xff\x00\x00\x00\x01\x00"].concat(),
        // Headers that are no HPACK; a table of more than there is; a thousand streams that are reset at once.
        [settings.clone(), headers(1, b"\x80\xff\xff\xff\xff\xff\xff")].concat(),
        [settings.clone(), headers(1, b"\x3f\xff\xff\xff\x7f")].concat(),
        [settings.clone(), (0..1_000_u16).flat_map(reset).collect()].concat(),
    ] {
        throw(at, &bytes).await;
    }

    let url = format!("http://{at}");
    let mut peer = OperationsServiceClient::new(GrpcChannel::connect_lazy(&url, SECOND, SECOND * 5).unwrap());
    let large = ListFactsRequest { set: "x".repeat(32 << 20), ..ListFactsRequest::default() };
    let refused = peer.list_facts(large).await.unwrap_err();
    // Too large is what the server says, before it reads it; a connection that it closes over it may be faster.
    assert!([Code::OutOfRange, Code::Unavailable, Code::Internal].contains(&refused.code()), "{refused:?}");
    assert!(!refused.message().contains("out of facts"), "it was handled: {refused:?}");
    assert_eq!(peer.get_backlog(GetBacklogRequest {}).await.unwrap().into_inner().outbox, 7);

    shutdown.cancel();
    running.await.unwrap().unwrap();
}

/// Opens a stream and resets it.
fn reset(number: u16) -> Vec<u8> {
    let [high, low] = (2 * number + 1).to_be_bytes();
    let open = [&[0, 0, 3, 1, 4, 0, 0, high, low][..], &[0x82, 0x86, 0x84]].concat();
    [open, [&[0, 0, 4, 3, 0, 0, 0, high, low][..], &[0, 0, 0, 8]].concat()].concat()
}
