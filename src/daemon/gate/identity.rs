//! Gate 3: who is asking?

use crate::wire::message::{Problem, Reason};

/// The peer, as the registry knows its static key. The name comes from there and
/// never from the peer's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Its key is registered under this name.
    Registered(String),
    /// Its key was registered and then revoked.
    Revoked,
    /// Nobody registered its key.
    Unknown,
}

/// The peer is registered.
#[derive(Debug)]
pub(super) struct Known {
    name: String,
}

impl Known {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

pub(super) fn ask(peer: &Peer) -> Result<Known, Vec<Problem>> {
    match peer {
        Peer::Registered(name) => Ok(Known { name: name.clone() }),
        Peer::Revoked => Err(vec![Problem::with_request(Reason::IdentityRevoked)]),
        Peer::Unknown => Err(vec![Problem::with_request(Reason::IdentityUnknown)]),
    }
}
