//! The life of a daemon: it serves, rests while it has nothing to hold but its place, and
//! serves again.
//!
//! While any process has secret memory the kernel does not hibernate. So once everything has
//! been locked for a while a daemon leaves, or, where it can't (it watches a run, or is in the
//! foreground), it *rests*: it ends as if it left, its trail with it, its keys wiped and each
//! task and thread gone. It keeps its sockets, the runs that it watches and what it has
//! [counted](Counted). Whoever connects wakes it, and the end of a run does.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    io::{self, Write},
    os::{fd::OwnedFd, unix::net as unix},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use super::{
    BUILD, Counted, Daemon, DaemonError, Options,
    audit::{Boot, Processes},
    confine,
    lifetime::{self, Over},
    listener::{self, Door, Listener},
    log, now, place,
    runs::{self, Run},
    socket::Socket,
    systemd,
};
use crate::{
    home::Home,
    store::Vault,
    sys::{give_large_blocks_back, heap, process, rest, spare, stack, watch_readable},
    wire::{self, message::LandlockState},
};

/// How long a daemon that lost the race for the lock waits for the winner to answer.
const WINNER_MAX: Duration = Duration::from_secs(10);
const WINNER_STEP: Duration = Duration::from_millis(2);
/// Threads for SQLite and Argon2. Each has a secret stack, and SQLite serialises
/// a vault's work anyway.
const BLOCKING_THREADS_MAX: usize = 4;

/// What became of a daemon that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It has served until it was stopped.
    Itself,
    /// Another one serves already.
    NotIt,
}

/// Runs the daemon until it is stopped. Returns at once, as a success, if
/// another one serves already.
///
/// # Errors
/// [`DaemonError`] if it can't serve.
pub fn run(home: &Home, options: &Options) -> Result<Served, DaemonError> {
    if options.detached {
        // A session of its own, or the terminal's signals would reach it.
        let _ = nix::unistd::setsid();
    }
    process::harden_daemon().map_err(DaemonError::Unprotected)?;
    give_large_blocks_back();
    stack::enable_secret_stack();
    spare::enable();
    heap::move_library_heaps()?;
    place::prepare_folders(home)?;
    let Some(lock) = wait_for_lock(home)? else {
        announce();
        return Ok(Served::NotIt);
    };
    log::begin(home, options);
    let boot = Boot::read();
    let landlock = confine::confine(home)?;
    if let Err(error) = Vault::remove_uploads(&home.vaults()) {
        tracing::warn!(%error, "can't remove what an earlier daemon left");
    }
    let left = runs::left_by_others(home);
    let processes = Processes { boot, running: left.len() };
    let mut daemon = Daemon::new(home, options, landlock, processes)?;
    let mut waiting = Waiting { runs: runs::find_again(&daemon, left), doors: Vec::new() };
    let mut life = Life { home, options, landlock, lock, socket: None };
    while let Some(counted) = life.serve(daemon, &mut waiting)? {
        let Some(woken) = life.rest(counted, &waiting)? else { break };
        daemon = woken;
    }
    tracing::info!("gone");
    Ok(Served::Itself)
}

/// What there is while the daemon serves and while it rests.
struct Life<'a> {
    home: &'a Home,
    options: &'a Options,
    landlock: LandlockState,
    lock: place::Lock,
    /// `None` until it serves for the first time.
    socket: Option<Socket>,
}

/// What a daemon at rest waits for, beside a connection at its own socket.
struct Waiting {
    /// The runs that are watched, with their processes.
    runs: Vec<(Run, Arc<OwnedFd>)>,
    /// The sockets of clients: containers may have them mounted, and would not see others.
    doors: Vec<(String, Arc<Socket>)>,
}

impl Life<'_> {
    /// Serves until the daemon leaves, or rests: then with what it has counted so far.
    fn serve(
        &mut self,
        daemon: Daemon,
        waiting: &mut Waiting,
    ) -> Result<Option<Counted>, DaemonError> {
        let daemon = Arc::new(daemon);
        let events = event_loop()?;
        let over = events.block_on(self.take_connections(&daemon, waiting));
        let leaves = !matches!(over, Ok(Over::Rests));
        if leaves {
            systemd::notify("STOPPING=1");
            // Gone before the connections: whoever sees one end can count on it.
            self.socket = None;
            waiting.doors.clear();
        }
        // Also on an error: whatever is unlocked is locked in the proper order, and the
        // trail ends while the vaults' notes of it can still be written.
        if let Err(error) = daemon.trail.close() {
            tracing::error!(%error, "the audit trail can't be closed");
        }
        daemon.note_head();
        daemon.vaults.lock_all();
        // With each task, and each thread.
        drop(events);
        over?;
        waiting.runs = daemon.runs.hand_over();
        let kept = (!leaves).then(|| Arc::into_inner(daemon)).flatten();
        Ok(kept.map(|Daemon { trail, buckets, denials, settings, tries, .. }| Counted {
            processes: trail.processes(),
            buckets,
            denials,
            settings,
            tries,
        }))
    }

    async fn take_connections(
        &mut self,
        daemon: &Arc<Daemon>,
        waiting: &mut Waiting,
    ) -> Result<Over, DaemonError> {
        let path = daemon.home.socket();
        let failed = |error| DaemonError::Socket { path: path.clone(), error };
        let begins = self.socket.is_none();
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => none.insert(match systemd::passed_socket() {
                Some(descriptor) => Socket::adopt(unix::UnixListener::from(descriptor)),
                None => Socket::bind(&path)?,
            }),
        };
        let listener = Listener::new(socket).map_err(failed)?;
        open_doors(daemon, std::mem::take(&mut waiting.doors));
        for (run, process) in std::mem::take(&mut waiting.runs) {
            runs::take_up(daemon, run, process);
        }
        let keys = daemon.home.keys_of_launcher();
        let mut signals = Signals::begin()?;
        if begins {
            self.lock.publish(&path)?;
            tracing::info!(build = BUILD, socket = %path.display(), "serving");
            announce();
            log::detach(&daemon.home, daemon.detached)?;
        }
        let over = tokio::select! {
            () = listener.accept_for(daemon, Door::Own) => Over::Leaves,
            over = lifetime::watch(daemon) => over,
            () = daemon.stop.notified() => Over::Leaves,
            () = socket.lost(&keys) => Over::Leaves,
            () = signals.one() => Over::Leaves,
        };
        waiting.doors = daemon.doors.close().await;
        Ok(over)
    }

    /// Waits without secret memory. `None` if it was told to stop meanwhile.
    fn rest(&self, counted: Counted, waiting: &Waiting) -> Result<Option<Daemon>, DaemonError> {
        if let Err(error) = rest::begin() {
            tracing::warn!(%error, "the libraries' memory stays secret memory");
        }
        tracing::info!(runs = waiting.runs.len(), "at rest: all is locked");
        let Some(socket) = &self.socket else { return Ok(None) };
        let processes = waiting.runs.iter().map(|(_, process)| Arc::clone(process));
        let doors = waiting.doors.iter().map(|(_, door)| door.descriptor());
        let keys = self.home.keys_of_launcher();
        let callers: Vec<_> = doors.chain(processes).chain([socket.descriptor()]).collect();
        let woken = event_loop()?.block_on(async {
            let mut signals = Signals::begin()?;
            let woken = tokio::select! {
                () = one_readable(&callers) => true,
                () = socket.lost(&keys) => true,
                () = signals.one() => false,
            };
            Ok::<_, DaemonError>(woken)
        })?;
        let _ = rest::end();
        woken.then(|| Daemon::with(self.home, self.options, self.landlock, counted)).transpose()
    }
}

/// Opens the clients' doors: at the sockets that are there, and at new ones.
fn open_doors(daemon: &Arc<Daemon>, there: Vec<(String, Arc<Socket>)>) {
    let told = |name: &str, outcome| {
        if let Err(error) = outcome {
            // It is the one that does without.
            tracing::error!(client = name, %error, "a client has no socket");
        }
    };
    let known: BTreeSet<String> = there.iter().map(|(name, _)| name.clone()).collect();
    for (name, socket) in there {
        told(&name, listener::open_door_of(daemon, &name, socket));
    }
    for client in daemon.registry.all().iter().filter(|client| !known.contains(&client.name)) {
        told(&client.name, listener::open_door(daemon, &client.name));
    }
}

/// Waits, in the event loop that this runs in, until one of these is readable: a socket from
/// when somebody has connected, a process from when it has ended.
async fn one_readable(descriptors: &[Arc<OwnedFd>]) {
    let watched = descriptors.iter().map(|descriptor| {
        let descriptor = watch_readable(Arc::clone(descriptor));
        // What can't be watched is nothing to sleep over.
        Box::pin(async move {
            if let Ok(descriptor) = descriptor {
                let _ = descriptor.readable().await;
            }
        })
    });
    let mut watched: Vec<_> = watched.collect();
    poll_fn(|context| {
        let one = watched.iter_mut().any(|one| one.as_mut().poll(context).is_ready());
        if one { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn event_loop() -> Result<Runtime, DaemonError> {
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .map_err(DaemonError::EventLoop)
}

/// The signals that end the daemon in good order.
struct Signals {
    terminated: Signal,
    interrupted: Signal,
}

impl Signals {
    fn begin() -> Result<Self, DaemonError> {
        let begin = |kind| signal(kind).map_err(DaemonError::EventLoop);
        let (terminated, interrupted) =
            (begin(SignalKind::terminate())?, begin(SignalKind::interrupt())?);
        Ok(Self { terminated, interrupted })
    }

    /// Waits for one.
    async fn one(&mut self) {
        tokio::select! {
            _ = self.terminated.recv() => {}
            _ = self.interrupted.recv() => {}
        }
    }
}

/// Takes the lock; `None` once the daemon that has it answers. What answers on a socket
/// that systemd passed is systemd: then the other daemon leaves, as it is no longer reached.
fn wait_for_lock(home: &Home) -> Result<Option<place::Lock>, DaemonError> {
    let begun = now();
    loop {
        if let Some(lock) = place::Lock::take(home)? {
            return Ok(Some(lock));
        }
        if !systemd::is_activated() && unix::UnixStream::connect(home.socket()).is_ok() {
            return Ok(None);
        }
        if now().saturating_sub(begun) > WINNER_MAX {
            return Err(DaemonError::Stuck(home.lock_file()));
        }
        std::thread::sleep(WINNER_STEP);
    }
}

/// Tells whoever started this daemon that it answers now: on standard output,
/// and to systemd.
fn announce() {
    let mut output = io::stdout();
    let _ = output.write_all(wire::READY.as_bytes()).and_then(|()| output.flush());
    systemd::notify("READY=1");
}
