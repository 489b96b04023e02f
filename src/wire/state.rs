//! What is answered about the daemon itself.

use minicbor::{Decode, Encode};

/// The state of the daemon.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Status<'b> {
    /// Its version and build.
    #[b(0)]
    pub build: &'b str,
    /// Its process id, in its own namespace.
    #[n(1)]
    pub pid: u32,
    /// How secret memory is protected: 0 memfd_secret, 1 mlock, 2 neither for some buffers.
    #[n(2)]
    pub memory: u8,
    /// Each profile that has a vault.
    #[b(3)]
    pub profiles: Vec<ProfileStatus<'b>>,
    /// For how long a value stays in the cache, in milliseconds.
    #[n(4)]
    pub value_lifetime_ms: u64,
    /// The error in `config.toml`, if the last good one is still in force.
    #[b(5)]
    pub config_error: Option<&'b str>,
    /// How much of what it gave up the kernel enforces.
    #[n(6)]
    pub landlock: LandlockState,
    /// Its limit on locked memory, in bytes; null if there is none.
    #[n(7)]
    pub locked_memory_limit_bytes: Option<u64>,
    /// Whether others of its user could look into it, which they never should.
    #[n(8)]
    pub is_dumpable: bool,
}

/// How much of the daemon's Landlock rules the kernel enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LandlockState {
    /// All of them.
    #[n(0)]
    Full,
    /// Those that it knows.
    #[n(1)]
    Partial,
    /// None.
    #[n(2)]
    None,
}

/// The state of one profile.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct ProfileStatus<'b> {
    /// Its name.
    #[b(0)]
    pub profile: &'b str,
    /// For how long it stays unlocked, in milliseconds; null if it is locked.
    #[n(1)]
    pub unlocked_for_ms: Option<u64>,
    /// How many of its secrets have expired; null if it is locked or busy.
    #[n(2)]
    pub expired: Option<u32>,
    /// How many will within [`EXPIRES_SOON_DAYS`](super::EXPIRES_SOON_DAYS); null likewise.
    #[n(3)]
    pub expiring: Option<u32>,
    /// Whether it is locked because its vault was found damaged; null if not.
    #[n(4)]
    pub damaged: Option<bool>,
}
