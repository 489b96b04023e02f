//! The launcher's side of the socket: connect or start the daemon, shake hands, ask.
//!
//! Blocking, on one connection, without a runtime: the process that this runs
//! in is about to become somebody else's.
#![forbid(unsafe_code)]

mod answered;
mod asker;
#[cfg(feature = "ipc-field-encryption")]
mod field;
mod files;
mod given;
mod line;
mod password;
mod refusal;
mod running;
mod start;
mod strength;

pub use answered::{Addresses, Answered};
pub use asker::{AskError, Asker, Wanted};
pub use password::{PasswordError, Passwords, prompt};
pub use refusal::{DEFAULT_PROFILE, Refusal, profile_option};
pub use start::{daemon_environment, daemon_program};

use std::{
    io,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{
    home::Home,
    say::escaped,
    secret::{OutOfSecretMemory, SecureBuffer},
    sys::process::effective_uid,
    wire::{
        PROTOCOL_VERSION,
        channel::{Channel, ChannelError, Initiator},
        frame,
        message::{self, Request},
    },
};
use files::Endpoint;
use line::Line;

/// The first and the longest pause before coming again after the daemon closed the
/// connection in the middle of a handshake; each is twice the one before, a second in all.
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(512);

/// How long a daemon may hold its lock and have no socket: a start takes milliseconds and a
/// locking no longer, but a vault may be in the middle of a large import.
const LOCKED_OUT_MAX: Duration = Duration::from_secs(10);

/// Why the daemon can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No daemon runs, and this command doesn't start one.
    #[error("no daemon is running")]
    NoDaemon,
    /// No daemon answers at an enrolled client's socket; only its owner starts one.
    #[error("no daemon answers at `{}`", shown(.0))]
    NoDaemonAt(PathBuf),
    /// A file that was named as a client's key is none.
    #[error("`{}` is not the key of a client", shown(.0))]
    NotAClientKey(PathBuf),
    /// A client's key can't be read.
    #[error("can't read `{}`: {error}", shown(path))]
    NoKey {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The daemon's program is not where it belongs.
    #[error("there is no `{}`, which belongs beside `pds`", shown(.0))]
    NoDaemonProgram(PathBuf),
    /// The daemon that was started did not come up; what it said.
    #[error("the daemon did not start: {0}")]
    CannotStart(String),
    /// A folder, key or socket that another user could have put there.
    #[error("`{}` {what}, so it is not used", shown(path))]
    NotPrivate {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The socket is another user's.
    #[error("the socket `{}` belongs to another user", shown(.0))]
    ForeignDaemon(PathBuf),
    /// The daemon is of another version.
    #[error(
        "the daemon is {build} and speaks protocol {version}; this is protocol {PROTOCOL_VERSION}"
    )]
    OtherVersion {
        /// The protocol it speaks.
        version: u8,
        /// Its build.
        build: String,
    },
    /// Whoever answers does not have the daemon's key, or does not take ours.
    #[error("the daemon and this client do not know each other's keys")]
    NotOurDaemon,
    /// The daemon ended the connection.
    #[error("the daemon closed the connection")]
    Closed,
    /// A daemon runs, and what leads to it is gone: its process, if that is known.
    #[error("a daemon{} runs, and its socket, or a key that it takes, is gone", process(*.0))]
    LockedOut(Option<u32>),
    /// The daemon's process was stopped, as by Ctrl-Z.
    #[error("the daemon, process {0}, is stopped, and answers nothing")]
    Stopped(u32),
    /// The daemon is there and says nothing.
    #[error("the daemon{} has said nothing for {seconds} s", process(*pid))]
    Silent {
        /// Its process, if that is known and this user's own.
        pid: Option<u32>,
        /// How long it was waited for.
        seconds: u64,
    },
    /// What the daemon sent makes no sense.
    #[error("the daemon's answer makes no sense")]
    Malformed,
    /// Field encryption: the kernel's keyring is not to be had, as in many containers.
    #[error("field encryption needs the kernel's keyring, which can't be used here: {0}")]
    NoKeyring(io::Error),
    /// Field encryption: the profile is unlocked, and its key is not in this user's keyring.
    #[error("the IPC key of profile `{0}` is not in this user's keyring")]
    NoIpcKey(String),
    /// Field encryption: a value is not sealed as it should be.
    #[error("the daemon's answer is not sealed under the IPC key in this user's keyring")]
    FieldForged,
    /// This process has no more memory for secrets.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
    /// The kernel refused a read or a write.
    #[error("can't talk to the daemon: {0}")]
    Io(#[from] io::Error),
}

/// A path that plays no tricks on a terminal.
fn shown(path: &std::path::Path) -> String {
    escaped(&path.to_string_lossy()).to_string()
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(", process {pid},"))
}

impl ClientError {
    /// Whether a daemon is there that does not answer: nothing is known of what it has
    /// done, or will do.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Stopped(_) | Self::Silent { .. })
    }

    /// The stable word for it in `--json`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoDaemon
            | Self::NoDaemonAt(_)
            | Self::NoDaemonProgram(_)
            | Self::CannotStart(_) => "no-daemon",
            Self::NotAClientKey(_) | Self::NoKey { .. } => "no-client-key",
            Self::NotPrivate { .. } | Self::ForeignDaemon(_) => "not-private",
            Self::OtherVersion { .. } => "other-version",
            Self::NotOurDaemon => "not-our-daemon",
            Self::OutOfSecretMemory(_) => "out-of-secret-memory",
            Self::NoKeyring(_) | Self::NoIpcKey(_) | Self::FieldForged => "field-encryption",
            Self::Closed
            | Self::LockedOut(_)
            | Self::Stopped(_)
            | Self::Silent { .. }
            | Self::Malformed
            | Self::Io(_) => "daemon-unreachable",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoDaemon => "the next command that needs one starts it",
            Self::NoDaemonAt(_) => {
                "its owner's next command starts it; after that, a socket that was mounted alone \
                 has to be mounted again"
            }
            Self::NotAClientKey(_) => "`pds client add` makes one",
            Self::NoDaemonProgram(_) => "install pds again, both of its files",
            Self::NotPrivate { .. } => "make it yours alone (mode 0700 or 0600), or remove it",
            Self::OtherVersion { .. } => "pds stop, which locks, and try again",
            Self::NotOurDaemon => "pds stop, or end the daemon that runs, and try again",
            Self::Closed => "the daemon's log says why; try again",
            Self::Stopped(pid) => {
                return Some(format!(
                    "kill -CONT {pid} lets it go on; kill -KILL {pid} ends it, which locks"
                ));
            }
            Self::LockedOut(Some(pid)) => {
                return Some(format!(
                    "kill {pid} ends it, which locks; the next command starts one"
                ));
            }
            Self::LockedOut(None) => "end it where it runs, which locks",
            Self::Silent { pid: Some(pid), .. } => {
                return Some(format!(
                    "pds stop; if that gets no answer either, kill -KILL {pid}: what was \
                     stored is kept, and everything is locked"
                ));
            }
            Self::Silent { pid: None, .. } => "try again; whoever owns it can end it",
            Self::NoIpcKey(profile) => {
                return Some(format!("pds unlock{}", profile_option(profile)));
            }
            Self::NoKeyring(_) => {
                "allow add_key(2) and keyctl(2) here, then pds unlock; or use a pds without \
                 field encryption"
            }
            Self::FieldForged => "pds unlock, and try again",
            Self::OutOfSecretMemory(_) => "raise RLIMIT_MEMLOCK (`ulimit -l`)",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<ChannelError> for ClientError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::OutOfSecretMemory(short) => Self::OutOfSecretMemory(short),
            ChannelError::Refused => Self::NotOurDaemon,
            ChannelError::Malformed | ChannelError::Frame(_) => Self::Malformed,
        }
    }
}

/// An open channel to the daemon.
#[derive(Debug)]
pub struct Client {
    line: Line,
    channel: Channel,
    /// Whose keys they are that are kept in the keyring.
    #[cfg(feature = "ipc-field-encryption")]
    daemon: crate::wire::identity::PublicStaticKey,
}

impl Client {
    /// Connects to a daemon that runs.
    ///
    /// # Errors
    /// [`ClientError::NoDaemon`] if none does.
    pub fn connect(home: &Home) -> Result<Self, ClientError> {
        let begun = Instant::now();
        loop {
            match Self::connect_at_once(home) {
                // Nothing is locked because a daemon can't be reached. One that starts or
                // leaves is in this state for a moment.
                Err(ClientError::NoDaemon) if running::is_locked(home) => {
                    let pid = running::holder(&home.lock_file());
                    if let Some(pid) = pid.filter(|pid| line::is_stopped(*pid)) {
                        return Err(ClientError::Stopped(pid));
                    }
                    if begun.elapsed() > LOCKED_OUT_MAX {
                        return Err(ClientError::LockedOut(pid));
                    }
                    thread::sleep(PAUSE_MIN);
                }
                outcome => return outcome,
            }
        }
    }

    fn connect_at_once(home: &Home) -> Result<Self, ClientError> {
        let mut pause = PAUSE_MIN;
        loop {
            match Self::shake_hands(home) {
                // Among hundreds of strangers the daemon closes the oldest, whoever that is.
                // One that was just leaving is gone when we come again.
                Err(ClientError::Closed) if pause <= PAUSE_MAX => {
                    thread::sleep(pause);
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
    }

    fn shake_hands(home: &Home) -> Result<Self, ClientError> {
        let endpoint = Endpoint::find(home)?.ok_or(ClientError::NoDaemon)?;
        // Before connecting: from then on the daemon waits for it.
        let (initiator, first) = Initiator::begin(&endpoint.key, &endpoint.daemon)?;
        let mut framed = Vec::with_capacity(first.len() + frame::LENGTH_BYTES);
        frame::write(&first, &mut framed).map_err(|_| ClientError::Malformed)?;
        let mut line = endpoint.connect(home)?;
        // An enrolled client has another user's daemon, in another namespace even. That
        // it is the right one, its key shows, which was pinned.
        if !endpoint.is_enrolled && line.peer_uid()? != effective_uid() {
            return Err(ClientError::ForeignDaemon(endpoint.socket));
        }
        line.send(&framed)?;
        let answer = line.read_frame()?;
        match initiator.finish(&answer) {
            Ok(channel) => Ok(Self {
                line,
                channel,
                #[cfg(feature = "ipc-field-encryption")]
                daemon: endpoint.daemon,
            }),
            Err(error) => Err(explain_handshake(&answer).unwrap_or_else(|| error.into())),
        }
    }

    /// Connects, starting a daemon if none runs.
    ///
    /// # Errors
    /// [`ClientError::CannotStart`] if it does not come up.
    pub fn connect_or_start(home: &Home) -> Result<Self, ClientError> {
        match Self::connect(home) {
            // A client starts none: it would be its own, and not its owner's.
            outcome if home.client_key.is_some() => outcome,
            // The second case is a daemon that was just leaving.
            Err(ClientError::NoDaemon | ClientError::Closed) => {
                start::start(home)?;
                Self::connect(home)
            }
            outcome => outcome,
        }
    }

    /// Connects to a daemon that runs, and never makes one start: not even the one that
    /// systemd would start for whoever connects.
    ///
    /// # Errors
    /// [`ClientError::NoDaemon`] if none runs.
    pub fn connect_if_running(home: &Home) -> Result<Self, ClientError> {
        if running::holds_lock(home) { Self::connect(home) } else { Err(ClientError::NoDaemon) }
    }

    /// Asks one thing and waits for the answer, which is left in `buffer`.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer; a refusal is an answer.
    pub fn exchange(
        &mut self,
        request: &Request<'_>,
        buffer: &mut SecureBuffer,
    ) -> Result<(), ClientError> {
        let mut sealed = Vec::new();
        if request.is_without_secrets() {
            self.channel.seal_plain(&message::encode_plain(request), &mut sealed)?;
        } else {
            self.channel.seal(message::encode(request)?.as_slice(), &mut sealed)?;
        }
        self.line.allow_silence(line::silence_max(request));
        self.round_trip(&sealed, buffer)
    }

    /// Sends the frames of a request, and waits for the answer.
    fn round_trip(&mut self, sealed: &[u8], buffer: &mut SecureBuffer) -> Result<(), ClientError> {
        self.line.send(sealed)?;
        *buffer = SecureBuffer::new()?;
        loop {
            let frame = self.line.read_frame()?;
            if self.channel.open(&frame, buffer)? {
                return Ok(());
            }
        }
    }
}

/// A daemon of another version answers the handshake in clear.
fn explain_handshake(answer: &[u8]) -> Option<ClientError> {
    let (version, build) = frame::parse_version_answer(answer)?;
    Some(ClientError::OtherVersion { version, build })
}
