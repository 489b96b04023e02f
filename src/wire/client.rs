//! Enrolled clients: what is said when one is added, listed or revoked.

use minicbor::{Decode, Encode};

use super::{identity::PublicStaticKey, message::bounded};

/// A public static key as it crosses the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct StaticKey(#[cbor(n(0), with = "minicbor::bytes")] pub PublicStaticKey);

/// A client to enrol. Its private key never comes here.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClientAdd<'b> {
    /// The name it gets.
    #[b(0)]
    pub name: &'b str,
    /// Its public static key.
    #[n(1)]
    pub key: StaticKey,
    /// The user that may use it; null for the daemon's own.
    #[n(2)]
    pub uid: Option<u32>,
    /// What it may do.
    #[cbor(b(3), decode_with = "bounded")]
    pub grants: Vec<GrantRow<'b>>,
}

/// One thing that a rule grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct GrantRow<'b> {
    /// In which profile.
    #[b(0)]
    pub profile: &'b str,
    /// `get`, `set`, `delete`, `list`, `unlock` or `lock`.
    #[b(1)]
    pub operation: &'b str,
    /// A glob over keys.
    #[b(2)]
    pub keys: &'b str,
}

/// What an enrolled client needs to know.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClientAdded<'b> {
    /// The daemon's public static key, to pin.
    #[n(0)]
    pub daemon: StaticKey,
    /// The client's socket, where the daemon has it.
    #[b(1)]
    pub socket: &'b str,
}

/// One enrolled client.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClientRow<'b> {
    /// Its name.
    #[b(0)]
    pub name: &'b str,
    /// Its public static key.
    #[n(1)]
    pub key: StaticKey,
    /// The user that may use it.
    #[n(2)]
    pub uid: u32,
    /// When it last shook hands, in milliseconds since 1970; null for never.
    #[n(3)]
    pub last_used_at: Option<i64>,
    /// Whether it was revoked.
    #[n(4)]
    pub revoked: bool,
    /// What it may do, by its enrolment and by `config.toml`.
    #[b(5)]
    pub grants: Vec<GrantRow<'b>>,
}
