//! Who may connect to the sockets, and how many.

use std::{
    collections::VecDeque,
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix::sys::socket::{
    getsockopt,
    sockopt::{PeerCredentials, PeerPidfd},
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{AbortHandle, JoinHandle},
    time::timeout,
};

use super::{Daemon, DaemonError, gate::Pace, now, session, socket::Socket};
use crate::sys::process::effective_uid;

/// Connections at once. Beyond, they wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// Of these, what all enrolled clients together can have: the rest is the launcher's.
const CLIENTS_CONNECTIONS_MAX: usize = 128;
/// And what one of them can.
const CLIENT_CONNECTIONS_MAX: usize = 32;
/// Connections of one socket that have not shown who they are for longer than [`GRACE`].
/// Beyond, the oldest is closed.
const UNAUTHENTICATED_MAX: usize = 16;
/// An honest client sends its handshake at once, but where a thousand start together the
/// kernel may let it wait in between. Short, because whoever dribbles takes a place for as long.
const GRACE: Duration = Duration::from_millis(10);
/// How long accepting pauses when descriptors have run out: nothing but time helps.
const PAUSE_WHEN_EXHAUSTED: Duration = Duration::from_millis(50);

/// How long taking a client's connections pauses at most before it is thought about anew.
const PACE_STEP: Duration = Duration::from_secs(1);

/// Which socket a connection came in by, and so whose key counts there.
#[derive(Debug, Clone)]
pub(super) enum Door {
    /// The daemon's own: the launcher's.
    Own,
    /// The one of the enrolled client of this name.
    Client(String),
}

/// The places for connections.
#[derive(Debug)]
pub(super) struct Seats {
    all: Arc<Semaphore>,
    clients: Arc<Semaphore>,
}

impl Seats {
    /// Whether nobody is connected.
    pub(super) fn are_free(&self) -> bool {
        // Each door holds a place for whom it waits for.
        self.all.available_permits() + 1 >= CONNECTIONS_MAX
    }
}

#[cfg(test)]
impl Seats {
    /// The places of a door that waits, and of one who has come.
    pub(super) fn take_two(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.all).try_acquire_many_owned(2).unwrap()
    }
}

impl Default for Seats {
    fn default() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { all: places(CONNECTIONS_MAX), clients: places(CLIENTS_CONNECTIONS_MAX) }
    }
}

/// A place, for as long as a connection lasts.
type Seat = Vec<OwnedSemaphorePermit>;

/// Waits for a place in each of `kinds`, the narrowest first.
async fn take_seat(kinds: &[&Arc<Semaphore>]) -> Option<Seat> {
    let mut seat = Seat::new();
    for places in kinds {
        seat.push(Arc::clone(places).acquire_owned().await.ok()?);
    }
    Some(seat)
}

/// Opens the socket of an enrolled client, and takes connections there from now on.
/// One that was revoked keeps its socket, to be told so.
pub(super) fn open_door(daemon: &Arc<Daemon>, name: &str) -> Result<(), DaemonError> {
    let path = daemon.home.client_sockets().join(format!("{name}.sock"));
    open_door_of(daemon, name, Arc::new(Socket::bind_for(&path, 0o666)?))
}

/// Takes connections at a client's socket that is there already.
pub(super) fn open_door_of(
    daemon: &Arc<Daemon>,
    name: &str,
    socket: Arc<Socket>,
) -> Result<(), DaemonError> {
    let failed = |error| DaemonError::Socket { path: daemon.home.client_sockets(), error };
    let listener = Listener::new(&socket).map_err(failed)?;
    let (shared, door) = (Arc::clone(daemon), Door::Client(name.to_owned()));
    let task = tokio::spawn(async move { listener.accept_for(&shared, door).await });
    let opened = OpenDoor { name: name.to_owned(), socket, task };
    daemon.doors.0.lock().unwrap_or_else(PoisonError::into_inner).push(opened);
    Ok(())
}

/// The clients' sockets, and the tasks that take connections there.
#[derive(Debug, Default)]
pub(super) struct Doors(Mutex<Vec<OpenDoor>>);

#[derive(Debug)]
struct OpenDoor {
    name: String,
    socket: Arc<Socket>,
    task: JoinHandle<()>,
}

impl Doors {
    /// Takes no more connections there. When what this returns is dropped, the sockets are
    /// gone too; while it is kept, who connects waits.
    pub(super) async fn close(&self) -> Vec<(String, Arc<Socket>)> {
        let doors = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut sockets = Vec::new();
        for OpenDoor { name, socket, task } in doors {
            task.abort();
            let _ = task.await;
            sockets.push((name, socket));
        }
        sockets
    }
}

/// Takes the connections that come in by one socket.
#[derive(Debug)]
pub(super) struct Listener(UnixListener);

impl Listener {
    /// Of the event loop that this runs in.
    pub(super) fn new(socket: &Socket) -> io::Result<Self> {
        let socket = socket.another()?;
        socket.set_nonblocking(true)?;
        Ok(Self(UnixListener::from_std(socket)?))
    }

    /// Accepts for ever. Ends by being dropped.
    pub(super) async fn accept_for(&self, daemon: &Arc<Daemon>, door: Door) {
        let own = Arc::new(Semaphore::new(CLIENT_CONNECTIONS_MAX));
        let strangers = Arc::new(Strangers::default());
        let mut pace = Pace::default();
        loop {
            let (all, clients) = (&daemon.seats.all, &daemon.seats.clients);
            // A client's door takes one of the common places only for a connection that is
            // there: otherwise idle doors would hold them.
            let first = if matches!(door, Door::Own) { all } else { &own };
            let seat = loop {
                match timeout(GRACE, take_seat(&[first])).await {
                    Ok(seat) => break seat,
                    // Those who have the seats may have been strangers for long enough.
                    Err(_) => strangers.close_oldest(),
                }
            };
            let Some(mut seat) = seat else { return };
            let Some((stream, caller)) = self.next_caller(daemon, &door).await else {
                continue;
            };
            if let Door::Client(name) = &door {
                keep_pace(&mut pace, daemon, name).await;
                let Some(common) = take_seat(&[clients, all]).await else { return };
                seat.extend(common);
            }
            let (daemon, arrived) = (Arc::clone(daemon), Arc::clone(&strangers));
            let ticket = strangers.next_ticket();
            let door = door.clone();
            let task = tokio::spawn(async move {
                let known = move || arrived.leave(ticket);
                session::serve(&daemon, stream, &door, caller, known).await;
                drop(seat);
            });
            strangers.enter(ticket, task.abort_handle());
            // Its handshake comes before the next connection: of a burst of honest ones,
            // none is taken for one that does not go on.
            tokio::task::yield_now().await;
        }
    }

    /// The next connection, if it is one of the user whose socket this is.
    async fn next_caller(&self, daemon: &Daemon, door: &Door) -> Option<(UnixStream, Caller)> {
        match self.0.accept().await {
            Ok((stream, _)) => {
                let expected = match door {
                    Door::Own => effective_uid(),
                    Door::Client(name) => daemon.registry.get(name)?.enrolment.uid,
                };
                let caller = Caller::of(&stream, expected)?;
                Some((stream, caller))
            }
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(PAUSE_WHEN_EXHAUSTED).await;
                None
            }
        }
    }
}

/// Waits until one more connection of a client may be taken. Those after it wait in
/// the kernel's queue, and cost nothing there.
async fn keep_pace(pace: &mut Pace, daemon: &Daemon, name: &str) {
    while let Err(wait) = pace.step(daemon.settings.current().limits.of(name), now()) {
        tokio::time::sleep(wait.min(PACE_STEP)).await;
    }
}

/// The process at the other end, as the kernel knew it when it connected.
#[derive(Debug)]
pub(super) struct Caller {
    /// For the audit trail alone: 0 across PID namespaces, and reused in time.
    pub(super) pid: i32,
    /// That very process, whatever its number comes to mean; `None` before Linux 6.5.
    pub(super) process: Option<OwnedFd>,
}

impl Caller {
    /// Who connected; `None`, before a byte is read, if it is another user than `expected`.
    ///
    /// The kernel tells a user id as this process's own user namespace numbers it.
    fn of(stream: &UnixStream, expected: u32) -> Option<Self> {
        let credentials = getsockopt(stream, PeerCredentials).ok()?;
        let process = || getsockopt(stream, PeerPidfd).ok();
        (credentials.uid() == expected).then(|| Self { pid: credentials.pid(), process: process() })
    }
}

/// The connections of one socket that have not shown who they are.
#[derive(Debug, Default)]
struct Strangers(Mutex<Arrivals>);

#[derive(Debug, Default)]
struct Arrivals {
    last_ticket: u64,
    /// Oldest first.
    strangers: VecDeque<Stranger>,
}

#[derive(Debug)]
struct Stranger {
    ticket: u64,
    since: Instant,
    task: AbortHandle,
}

impl Strangers {
    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_ticket(&self) -> u64 {
        let mut arrivals = self.arrivals();
        arrivals.last_ticket += 1;
        arrivals.last_ticket
    }

    fn enter(&self, ticket: u64, task: AbortHandle) {
        let stranger = Stranger { ticket, since: Instant::now(), task };
        self.arrivals().strangers.push_back(stranger);
        self.close_oldest();
    }

    /// Closes the oldest of those that are beyond [`UNAUTHENTICATED_MAX`].
    fn close_oldest(&self) {
        let strangers = &mut self.arrivals().strangers;
        strangers.retain(|stranger| !stranger.task.is_finished());
        let old = strangers.iter().take_while(|stranger| stranger.since.elapsed() > GRACE).count();
        for stranger in strangers.drain(..old.saturating_sub(UNAUTHENTICATED_MAX)) {
            stranger.task.abort();
        }
    }

    fn leave(&self, ticket: u64) {
        self.arrivals().strangers.retain(|stranger| stranger.ticket != ticket);
    }
}
