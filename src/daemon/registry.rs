//! The Noise registry: whose static key is whose.

use super::gate::{LAUNCHER, Peer};
use crate::wire::identity::PublicStaticKey;

/// The registered static keys.
#[derive(Debug)]
pub(super) struct Registry {
    launcher: PublicStaticKey,
}

impl Registry {
    pub(super) fn new(launcher: PublicStaticKey) -> Self {
        Self { launcher }
    }

    /// Who has this key. The key has proved itself in the handshake by then.
    pub(super) fn look_up(&self, key: &PublicStaticKey) -> Peer {
        if *key == self.launcher { Peer::Registered(LAUNCHER.to_owned()) } else { Peer::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_registered_key_has_a_name() {
        let registry = Registry::new([7; 32]);
        assert_eq!(registry.look_up(&[7; 32]), Peer::Registered("launcher".into()));
        assert_eq!(registry.look_up(&[8; 32]), Peer::Unknown);
    }
}
