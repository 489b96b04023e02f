//! One connection: a handshake, then requests and their answers.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    net::UnixStream,
    time::{error::Elapsed, sleep, timeout},
};

use super::{
    Daemon,
    answer::{self, Transfers},
    ephemeral,
    gate::{LAUNCHER, Peer},
    listener::Caller,
    runs,
};
use crate::{
    secret::{OutOfSecretMemory, SecureBuffer},
    wire::{
        FRAME_MAX_BYTES, UNAUTHENTICATED_FRAME_MAX_BYTES,
        channel::{self, Channel, ChannelError},
        frame::{self, FrameError},
        message,
    },
};

/// A handshake takes a millisecond; whoever needs this long is not a client.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// How long a connection may be silent, and how long an answer may take to leave.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// So many denials on one connection cost it nothing.
const DENIALS_FREE: u32 = 20;
/// From then on there is a pause after this many, of the shortest length that there is.
const DENIALS_A_PAUSE: u32 = 4;
const PAUSE: Duration = Duration::from_millis(1);

/// Why a connection ended. Only for the log: the peer is told nothing.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{0}")]
    Channel(#[from] ChannelError),
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("a request can't be decoded")]
    Malformed(#[from] message::Malformed),
    #[error("the peer is too slow")]
    TooSlow(#[from] Elapsed),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
    #[error("locked while an answer was on its way")]
    Locked,
}

/// Who is at the other end.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) peer: Peer,
    pub(super) caller: Caller,
    denials: AtomicU32,
}

impl Identity {
    /// The registered name; `-` for a peer that has none.
    pub(super) fn name(&self) -> &str {
        match &self.peer {
            Peer::Registered(name) => name,
            Peer::Revoked | Peer::Unknown => "-",
        }
    }

    /// A request of this connection was denied.
    pub(super) fn count_denial(&self) {
        self.denials.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it is time for a pause, `before` being the denials before this request. A
    /// denial goes out at once; whoever goes on asking all the same waits before its next
    /// request is read, because honest clients share the one thread with it.
    fn is_flooding_since(&self, before: u32) -> bool {
        let denials = self.denials();
        denials > before && denials > DENIALS_FREE && denials.is_multiple_of(DENIALS_A_PAUSE)
    }

    fn denials(&self) -> u32 {
        self.denials.load(Ordering::Relaxed)
    }

    pub(super) fn is_launcher(&self) -> bool {
        self.name() == LAUNCHER
    }
}

/// Serves a connection until either side ends it. `known` is called when the
/// handshake is done.
pub(super) async fn serve(
    daemon: &Arc<Daemon>,
    mut stream: UnixStream,
    caller: Caller,
    known: impl FnOnce(),
) {
    let pid = caller.pid;
    let outcome = async {
        let (channel, peer) = timeout(HANDSHAKE_MAX, shake_hands(daemon, &mut stream)).await??;
        known();
        converse(
            daemon,
            &mut stream,
            channel,
            Identity { peer, caller, denials: AtomicU32::new(0) },
        )
        .await
    };
    match outcome.await {
        Ok(()) => {}
        Err(Ended::Io(error)) if is_gone(&error) => {}
        Err(ended) => tracing::info!(pid, reason = %ended, "connection ended"),
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | BrokenPipe | ConnectionReset)
}

async fn shake_hands(
    daemon: &Arc<Daemon>,
    stream: &mut UnixStream,
) -> Result<(Channel, Peer), Ended> {
    let first = read_frame(stream, UNAUTHENTICATED_FRAME_MAX_BYTES).await?;
    let mut out = Vec::new();
    match channel::respond(&daemon.keys.daemon, daemon.next_ephemeral.take(), &first) {
        Ok((channel, answer, key)) => {
            frame::write(&answer, &mut out)?;
            write_all(stream, &out, || true).await?;
            ephemeral::make_soon(daemon);
            Ok((channel, daemon.registry.look_up(&key)))
        }
        Err(error) => {
            if let ChannelError::Frame(FrameError::Version(_)) = error {
                frame::write(&frame::version_answer(super::BUILD), &mut out)?;
                write_all(stream, &out, || true).await?;
            }
            Err(error.into())
        }
    }
}

async fn converse(
    daemon: &Arc<Daemon>,
    stream: &mut UnixStream,
    mut channel: Channel,
    identity: Identity,
) -> Result<(), Ended> {
    let mut transfers = Transfers::default();
    loop {
        let request = timeout(IDLE_MAX, read_message(stream, &mut channel)).await??;
        let decoded = message::decode(request.as_slice())?;
        let before = identity.denials();
        let reply = answer::answer(daemon, &identity, &mut transfers, decoded).await?;
        drop(request);
        let mut sealed = Vec::new();
        channel.seal(reply.encoded.as_slice(), &mut sealed)?;
        let still_valid = || daemon.vaults.is_current(&reply.releases);
        timeout(IDLE_MAX, write_all(stream, &sealed, still_valid)).await??;
        if let Some(run) = reply.run {
            runs::watch(daemon, run, identity.caller.process.as_ref());
        }
        if identity.is_flooding_since(before) {
            sleep(PAUSE).await;
        }
        if reply.stop {
            daemon.stop.notify_one();
            // Open until the process lets go of it: that tells the client that the
            // socket is gone and the next daemon can start.
            std::future::pending::<()>().await;
        }
    }
}

async fn read_message(
    stream: &mut UnixStream,
    channel: &mut Channel,
) -> Result<SecureBuffer, Ended> {
    let mut message = SecureBuffer::new()?;
    loop {
        let frame = read_frame(stream, FRAME_MAX_BYTES).await?;
        if channel.open(&frame, &mut message)? {
            return Ok(message);
        }
    }
}

async fn read_frame(stream: &mut UnixStream, max: usize) -> Result<Vec<u8>, Ended> {
    let mut field = [0; frame::LENGTH_BYTES];
    stream.read_exact(&mut field).await?;
    let mut frame = vec![0; frame::length(field, max)?];
    stream.read_exact(&mut frame).await?;
    Ok(frame)
}

/// Writes while `still_valid`. Nothing is awaited between that question and the
/// write, and locking is answered on this very thread: after a lock has been
/// acknowledged, not one byte of an answer leaves.
async fn write_all(
    stream: &UnixStream,
    mut bytes: &[u8],
    still_valid: impl Fn() -> bool,
) -> Result<(), Ended> {
    while !bytes.is_empty() {
        stream.writable().await?;
        if !still_valid() {
            return Err(Ended::Locked);
        }
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
