//! Taking a port, with an error that says which setting and address are at fault.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{key}: cannot listen on {address}{}", hint(source))]
pub struct ListenError {
    key: &'static str,
    address: SocketAddr,
    source: io::Error,
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => ": another process has this port, stop it or choose another",
        io::ErrorKind::AddrNotAvailable => ": this machine does not have this address",
        io::ErrorKind::PermissionDenied => ": ports below 1024 need privileges",
        _ => "",
    }
}

/// Takes the address that the setting `key` names.
pub fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, ListenError> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| ListenError { key, address, source })
}
