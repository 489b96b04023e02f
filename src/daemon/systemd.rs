//! What systemd hands over, and what it is told: the socket, and when it is answered.
#![forbid(unsafe_code)]

use std::os::{
    fd::OwnedFd,
    linux::net::SocketAddrExt,
    unix::{
        ffi::OsStrExt,
        net::{SocketAddr, UnixDatagram},
    },
};

use crate::sys::process;

/// Whether systemd has passed a socket to this very process (sd_listen_fds(3)).
pub(super) fn is_activated() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|set| set == value);
    is("LISTEN_PID", &std::process::id().to_string()) && is("LISTEN_FDS", "1")
}

/// That socket. Asked for once, and only where one was passed: a descriptor 3 that was
/// not is one of our own.
pub(super) fn passed_socket() -> Option<OwnedFd> {
    if is_activated() { process::take_passed_descriptor(0) } else { None }
}

/// Tells systemd how far this daemon is (sd_notify(3)).
pub(super) fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let notified = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = notified {
        tracing::warn!(%error, "can't notify systemd");
    }
}
