//! The process that holds what is unlocked; the only async code.
//!
//! ```text
//! listener ─ session ─ answer ─┬─ gate      may they?
//!                              ├─ vault_state   what is unlocked, and its caches
//!                              ├─ unlock    passwords, slowly
//!                              ├─ audit     on record before anything leaves
//!                              └─ runs      and what becomes of it
//! ```
//!
//! Whoever is at the other end of a connection has several names, by what is known of it:
//! a *caller* is the process that the kernel tells of (`listener::Caller`); *who* it is, is
//! what its static key shows (`registry::Who`): the launcher, an enrolled *client*, or a
//! stranger; a *requester* is the registered name that rules, rates and the audit trail go by.
//!
//! One thread runs everything but SQLite and Argon2, which get blocking ones.
//! That one thread is what makes locking exact: between the question whether
//! an answer may still leave and its leaving, nothing else can happen.
#![forbid(unsafe_code)]

mod answer;
mod approved;
mod audit;
mod confine;
mod enrolment;
mod ephemeral;
mod field;
pub mod gate;
mod lifetime;
mod listener;
mod log;
mod place;
mod reasons;
mod registry;
mod rekey;
mod runs;
mod serve;
mod session;
mod settings;
mod socket;
mod systemd;
mod unlock;
mod vault_state;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

pub use audit::SecretOperationAudit;
#[doc(hidden)]
pub use audit::read_lines as read_audit_lines;
pub use serve::{Served, run};
pub use vault_state::VaultState;

use crate::{
    cli,
    config::{ConfigError, parse_duration},
    home::{Home, HomeError},
    secret::{OutOfSecretMemory, TrustProfileName},
    store::{BootClock, Clock, VaultId},
    sys::heap,
    wire,
};
use gate::Buckets;
use registry::Registry;
use settings::Settings;
use vault_state::Vaults;

/// The version that peers and people are told.
const BUILD: &str = concat!("pds ", env!("CARGO_PKG_VERSION"));

/// How a daemon is to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How long a value stays in the cache, over what the config says.
    pub value_lifetime: Option<Duration>,
    /// How long an unused profile stays unlocked, over what the config says.
    pub idle_lifetime: Option<Duration>,
    /// Started by another command: logs to the file, and leaves once it has
    /// been locked for a while.
    pub detached: bool,
    /// The most talkative level to log.
    pub log: Option<String>,
}

impl Options {
    /// The options of a command line and of the environment.
    ///
    /// # Errors
    /// [`DaemonError::NotADuration`].
    pub fn new(options: &cli::Daemon) -> Result<Self, DaemonError> {
        let value_lifetime = match &options.ttl {
            Some(ttl) => Some(lifetime("--ttl", ttl)?),
            None => match std::env::var("PDS_SECRET_TTL") {
                Ok(ttl) if !ttl.is_empty() => Some(lifetime("PDS_SECRET_TTL", &ttl)?),
                _ => None,
            },
        };
        let idle_lifetime =
            options.idle.as_deref().map(|idle| lifetime("--idle", idle)).transpose()?;
        let log = std::env::var("PDS_LOG").ok();
        Ok(Self { value_lifetime, idle_lifetime, detached: options.detached, log })
    }
}

/// A number of seconds, or a duration with its unit.
fn lifetime(option: &'static str, text: &str) -> Result<Duration, DaemonError> {
    let read = match text.parse() {
        Ok(0) => Err("must be longer than nothing"),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => parse_duration(text),
    };
    read.map_err(|problem| DaemonError::NotADuration { option, problem })
}

/// Why a daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A folder of the daemon's can't be made or read.
    #[error("can't use the folder `{path}`: {error}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// A file of the daemon's can't be read or written.
    #[error("can't use the file `{path}`: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// Something that others could have put there or can read.
    #[error("`{path}` {what}")]
    NotPrivate {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The socket can't be bound.
    #[error("can't listen on `{path}`: {error}")]
    Socket {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The config file can't be used.
    #[error("{}", config_refused(path, error))]
    Config {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: ConfigError,
    },
    /// The kernel refused to protect this process.
    #[error("can't protect the process: {0}")]
    Unprotected(io::Error),
    /// The kernel refused to confine this process.
    #[error("can't confine the process")]
    Unconfined,
    /// SQLite's and OpenSSL's memory can't be protected.
    #[error(transparent)]
    UnprotectedHeap(#[from] heap::TooLate),
    /// The event loop can't be set up.
    #[error("can't run the event loop: {0}")]
    EventLoop(io::Error),
    /// Another daemon holds the lock and does not answer.
    #[error("another daemon holds `{0}` and does not answer")]
    Stuck(PathBuf),
    /// The environment does not say where things are.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A lifetime is not one.
    #[error("`{option}`: {problem}")]
    NotADuration {
        /// The option or variable.
        option: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no memory for the daemon's own keys.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}

impl DaemonError {
    /// Whether the command line is wrong.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NotADuration { option, .. } if option.starts_with("--"))
    }
}

/// In full: whoever reads it is the person who wrote the file.
fn config_refused(path: &Path, error: &ConfigError) -> String {
    match error {
        ConfigError::Invalid(invalid) => format!("the config can't be used\n{invalid}"),
        other => format!("`{}`: {other}", path.display()),
    }
}

/// Everything that the daemon's tasks share.
#[derive(Debug)]
pub(crate) struct Daemon {
    home: Home,
    keys: place::Keys,
    next_ephemeral: ephemeral::NextEphemeral,
    registry: Registry,
    vaults: Vaults,
    buckets: Mutex<Buckets>,
    /// How many denials each enrolled client may still cause before it is held.
    denials: Mutex<Buckets>,
    settings: Settings,
    trail: audit::Trail,
    runs: runs::Runs,
    tries: unlock::Tries,
    seats: listener::Seats,
    doors: listener::Doors,
    stop: Notify,
    detached: bool,
    /// systemd or a command brings it back when it is needed.
    comes_back: bool,
    landlock: wire::message::LandlockState,
    #[cfg(test)]
    stumble: tests::Stumble,
}

/// What outlives a rest of the daemon: no secret is in it, and whoever is slowed down for
/// asking too much, or for wrong passwords, stays slowed down.
struct Counted {
    processes: audit::Processes,
    buckets: Mutex<Buckets>,
    denials: Mutex<Buckets>,
    settings: Settings,
    tries: unlock::Tries,
}

impl Daemon {
    fn new(
        home: &Home,
        options: &Options,
        landlock: wire::message::LandlockState,
        processes: audit::Processes,
    ) -> Result<Self, DaemonError> {
        let counted = Counted {
            processes,
            buckets: Mutex::default(),
            denials: Mutex::default(),
            settings: Settings::read(home, options)?,
            tries: unlock::Tries::open(home),
        };
        Self::with(home, options, landlock, counted)
    }

    /// As [`new`](Self::new), where another one has counted and read before.
    fn with(
        home: &Home,
        options: &Options,
        landlock: wire::message::LandlockState,
        Counted { processes, buckets, denials, settings, tries }: Counted,
    ) -> Result<Self, DaemonError> {
        let keys = place::keys(home)?;
        let trail = audit::Trail::open(&home.audit(), unlock::recipients(home), processes)
            .map_err(|error| DaemonError::File { path: home.audit(), error })?;
        Ok(Self {
            registry: Registry::open(home, keys.launcher),
            vaults: Vaults::new(home.clone())
                .with_keyring(field::Keyring::of(keys.daemon.public())),
            keys,
            next_ephemeral: ephemeral::NextEphemeral::default(),
            buckets,
            denials,
            settings,
            trail,
            runs: runs::Runs::default(),
            tries,
            seats: listener::Seats::default(),
            doors: listener::Doors::default(),
            stop: Notify::new(),
            detached: options.detached,
            comes_back: options.detached || systemd::is_activated(),
            landlock,
            home: home.clone(),
            #[cfg(test)]
            stumble: tests::Stumble::default(),
        })
    }

    /// A place where a test can make a handler panic.
    #[inline]
    fn checkpoint(&self) {
        #[cfg(test)]
        self.stumble.step();
    }

    /// Notes how far the trail has come, for each vault that is unlocked.
    fn note_head(&self) {
        let notes = self.vaults.head_notes();
        self.trail.note_head(notes.iter().map(AsRef::as_ref));
    }

    fn vault_id(&self, profile: &TrustProfileName) -> Option<VaultId> {
        unlock::vault(self, profile).header().ok().map(|header| header.vault_id())
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn denials(&self) -> MutexGuard<'_, Buckets> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now, on CLOCK_BOOTTIME.
fn now() -> Duration {
    BootClock.now()
}

/// A time in whole milliseconds.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Now, as the trail and the log write it: RFC 3339, UTC.
fn stamp() -> String {
    jiff::Timestamp::now().to_string()
}

#[allow(clippy::unwrap_used, clippy::expect_used)]
#[cfg(test)]
mod tests;
