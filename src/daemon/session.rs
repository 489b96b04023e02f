//! One connection: a handshake, then requests and their answers.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::{error::Elapsed, sleep, timeout},
};

use super::{
    Daemon,
    answer::{self, Reply, Transfers, sealed},
    ephemeral,
    listener::{Caller, Door},
    registry::Who,
    vault_state::Release,
};
use crate::{
    secret::{OutOfSecretMemory, SecureBuffer, SecureBytes},
    wire::{
        FRAME_MAX_BYTES, MESSAGE_MAX_BYTES, UNAUTHENTICATED_FRAME_MAX_BYTES,
        channel::{self, Channel, ChannelError},
        frame::{self, FrameError},
        message,
    },
};

/// A handshake takes a millisecond; whoever needs this long is not a client.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// What a handshake and an ordinary request take of secret memory.
const ROOM_BYTES: usize = 4 << 10;
/// How long a connection may be silent, and how long an answer may take to leave.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// A request of a peer whose key is not registered ends with the frame in which it
/// comes to this.
const STRANGER_MESSAGE_MAX_BYTES: usize = 32 << 10;

/// The first denials on a connection, this many, cost it nothing.
const DENIALS_FREE: u32 = 20;
/// Of those that follow, each of this many makes the next request wait for a [`PAUSE`].
const DENIALS_A_PAUSE: u32 = 4;
/// The shortest pause that the event loop's clock can tell.
const PAUSE: Duration = Duration::from_millis(1);
/// A requester that was too fast is not listened to for at most this long.
const HOLD_MAX: Duration = Duration::from_secs(1);

/// Why a connection ended. Only for the log: the peer is told nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
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
    #[error("locked, or revoked, while an answer was on its way")]
    Locked,
    #[error("the client was revoked")]
    Revoked,
}

impl Ended {
    fn is_want_of_memory(&self) -> bool {
        matches!(
            self,
            Self::OutOfSecretMemory(_) | Self::Channel(ChannelError::OutOfSecretMemory(_))
        )
    }
}

/// Who is at the other end.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) who: Who,
    pub(super) caller: Caller,
    denials: AtomicU32,
    /// Whether it was revoked when it came. Then it is told so; a client that is revoked
    /// later is cut off.
    came_revoked: bool,
    /// For how long a requester that was too fast is not listened to, in milliseconds.
    hold_ms: AtomicU64,
}

impl Identity {
    pub(super) fn new(who: Who, caller: Caller) -> Self {
        let came_revoked = matches!(&who, Who::Client(client) if client.is_revoked());
        let (denials, hold_ms) = (AtomicU32::new(0), AtomicU64::new(0));
        Self { who, caller, denials, came_revoked, hold_ms }
    }

    /// The registered name; `-` for a peer that has none.
    pub(super) fn name(&self) -> &str {
        self.who.name()
    }

    /// A request of this connection was denied.
    pub(super) fn count_denial(&self) {
        self.denials.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it is time for a pause, `before` being the number of denials before this
    /// request. A denial itself goes out at once. It is the next request that is read later,
    /// because honest clients share the one thread with whoever goes on asking.
    fn is_flooding_since(&self, before: u32) -> bool {
        let denials = self.denials();
        denials > before && denials > DENIALS_FREE && denials.is_multiple_of(DENIALS_A_PAUSE)
    }

    fn denials(&self) -> u32 {
        self.denials.load(Ordering::Relaxed)
    }

    /// How much of a request is waited for. Whoever is not registered is refused
    /// whatever it asks, and must not take secret memory from those who are.
    fn message_max_bytes(&self) -> usize {
        match self.who {
            Who::Unknown => STRANGER_MESSAGE_MAX_BYTES,
            Who::Client(_) if self.came_revoked => STRANGER_MESSAGE_MAX_BYTES,
            Who::Launcher | Who::Client(_) => MESSAGE_MAX_BYTES,
        }
    }

    pub(super) fn is_launcher(&self) -> bool {
        matches!(self.who, Who::Launcher)
    }

    /// Stops listening for as long as the requester was told to wait, so that asking again
    /// at once costs its own time and not the daemon's.
    pub(super) fn hold(&self, wait: Duration) {
        let wait_ms = u64::try_from(wait.min(HOLD_MAX).as_millis()).unwrap_or(u64::MAX);
        self.hold_ms.store(wait_ms.max(1), Ordering::Relaxed);
    }

    /// The name of the enrolled client that this is, or was until it was revoked.
    pub(super) fn client_name(&self) -> Option<&str> {
        matches!(self.who, Who::Client(_)).then(|| self.name())
    }

    fn is_cut_off(&self) -> bool {
        matches!(&self.who, Who::Client(client) if !self.came_revoked && client.is_revoked())
    }

    /// Does `work`, unless the client is revoked first.
    async fn unless_cut_off<T>(&self, work: impl Future<Output = T>) -> Result<T, Ended> {
        let cut = async {
            match &self.who {
                Who::Client(client) if !self.came_revoked => client.revocation().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = cut => Err(Ended::Revoked),
            done = work => Ok(done),
        }
    }
}

/// Serves a connection until either side ends it. `known` is called when the
/// handshake is done.
pub(super) async fn serve(
    daemon: &Arc<Daemon>,
    mut stream: UnixStream,
    door: &Door,
    caller: Caller,
    known: impl FnOnce(),
) {
    let pid = caller.pid;
    make_room(daemon);
    let outcome = async {
        let shaken = timeout(HANDSHAKE_MAX, shake_hands(daemon, door, &mut stream));
        let (channel, who) = shaken.await??;
        known();
        if let Who::Client(client) = &who {
            daemon.registry.note_use(&client.name);
        }
        converse(daemon, &mut stream, channel, Identity::new(who, caller)).await
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
    door: &Door,
    stream: &mut UnixStream,
) -> Result<(Channel, Who), Ended> {
    let first = read_frame(stream, UNAUTHENTICATED_FRAME_MAX_BYTES).await?;
    let mut out = Vec::new();
    match channel::respond(&daemon.keys.daemon, daemon.next_ephemeral.take(), &first) {
        Ok((channel, answer, key)) => {
            frame::write(&answer, &mut out)?;
            write_all(stream, &out, || true).await?;
            ephemeral::make_soon(daemon);
            let who = match door {
                Door::Own => daemon.registry.at_own_socket(&key),
                Door::Client(name) => daemon.registry.at_socket_of(name, &key),
            };
            Ok((channel, who))
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
        let reading = read_message(daemon, stream, &mut channel, identity.message_max_bytes());
        let request = match identity.unless_cut_off(timeout(IDLE_MAX, reading)).await?? {
            Err(ended) if ended.is_want_of_memory() => {
                return turn_away(daemon, &identity, stream, &mut channel).await;
            }
            request => request?,
        };
        let decoded = message::decode(request.as_slice())?;
        let before = identity.denials();
        let reply = answer::answer(daemon, &identity, &mut transfers, decoded).await;
        drop(request);
        let (sealed, reply) = sealed(daemon, &mut channel, reply)?;
        deliver(daemon, &identity, stream, &sealed, &reply.releases).await?;
        if identity.is_flooding_since(before) {
            sleep(PAUSE).await;
        }
        let hold = Duration::from_millis(identity.hold_ms.swap(0, Ordering::Relaxed));
        sleep(hold).await;
        if reply.stop {
            daemon.stop.notify_one();
            // Open until the process lets go of it: that tells the client that the
            // socket is gone and the next daemon can start.
            std::future::pending::<()>().await;
        }
    }
}

/// Where values have taken all that may be locked, lets them go: they can be fetched
/// again, and a connection that ended for want of a few bytes could not.
fn make_room(daemon: &Daemon) {
    if SecureBytes::zeroed(ROOM_BYTES).is_err() {
        daemon.vaults.give_back();
    }
}

/// Says that there is no room for a request, and ends the connection. What is still coming
/// is let pass unopened: a client that is cut off while it writes never reads why.
async fn turn_away(
    daemon: &Daemon,
    identity: &Identity,
    stream: &mut UnixStream,
    channel: &mut Channel,
) -> Result<(), Ended> {
    let (sealed, _) = sealed(daemon, channel, Reply::out_of_secret_memory())?;
    deliver(daemon, identity, stream, &sealed, &[]).await?;
    // What it asks next, it is told at once that nobody answers.
    stream.shutdown().await?;
    let passing = async {
        // The longest one, in its frames, is less.
        let mut left = 2 * MESSAGE_MAX_BYTES;
        let mut ignored = [0; 4 << 10];
        while left > 0 {
            match stream.read(&mut ignored).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        Ok::<_, Ended>(())
    };
    identity.unless_cut_off(timeout(IDLE_MAX, passing)).await???;
    Err(OutOfSecretMemory.into())
}

/// Sends an answer, unless what its values come from is locked before it has left.
pub(super) async fn deliver(
    daemon: &Daemon,
    identity: &Identity,
    stream: &UnixStream,
    sealed: &[u8],
    releases: &[Release],
) -> Result<(), Ended> {
    let still_valid = || daemon.vaults.is_current(releases) && !identity.is_cut_off();
    let leaving = timeout(IDLE_MAX, write_all(stream, sealed, still_valid));
    identity.unless_cut_off(leaving).await??
}

async fn read_message(
    daemon: &Daemon,
    stream: &mut UnixStream,
    channel: &mut Channel,
    max_bytes: usize,
) -> Result<SecureBuffer, Ended> {
    let mut message = SecureBuffer::new()?;
    loop {
        let frame = read_frame(stream, FRAME_MAX_BYTES).await?;
        let whole = match channel.open(&frame, &mut message) {
            // It has opened nothing yet, so that it can begin anew.
            Err(ChannelError::OutOfSecretMemory(_)) => {
                daemon.vaults.give_back();
                channel.open(&frame, &mut message)?
            }
            outcome => outcome?,
        };
        if whole {
            return Ok(message);
        }
        if message.as_slice().len() >= max_bytes {
            return Err(ChannelError::Malformed.into());
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
