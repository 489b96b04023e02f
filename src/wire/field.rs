//! Field encryption: inside the Noise channel, each value is sealed once more, under the IPC
//! key of its profile. Built in with the feature `ipc-field-encryption`; pure code, which
//! knows nothing of where the keys are kept.
//!
//! A request that brings values, asks for some, or unlocks, goes in an envelope
//! ([`Request::Sealed`]), so that a daemon without the feature can say so, and one with it can
//! refuse what came without.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

use super::{
    identity::PublicStaticKey,
    message::{
        self, Import, ImportEntry, ImportPart, KeyInProfile, KeyVersion, Malformed, Plaintext,
        Request, Set,
    },
};
pub use crate::crypto::SealError;
use crate::{
    crypto, hex,
    secret::{SecureBuffer, SecureBytes},
};

/// What opens a profile's values, in the answer to what has unlocked it.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Unlocked<'b> {
    /// The profile.
    #[b(0)]
    pub profile: &'b str,
    /// Its IPC key.
    #[b(1)]
    pub key: Plaintext<'b>,
    /// For how long it stays unlocked at most, in milliseconds.
    #[n(2)]
    pub lifetime_ms: u64,
    /// How many secrets are in it, if it was restored.
    #[n(3)]
    pub secrets: Option<u64>,
}

/// IPC keys, by profile.
pub type IpcKeys = BTreeMap<String, SecureBytes>;

/// Which way a value goes. What was sealed for one is refused in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// In a request.
    ToDaemon,
    /// In an answer.
    ToClient,
}

/// The additional data of a value on the wire:
/// `"pds v2 ipc-field" 0x00 direction 0x00 profile 0x00 key`.
///
/// Injective for the reason that [`crypto::entry_aad`] is.
#[must_use]
pub fn aad(direction: Direction, at: KeyInProfile<'_>) -> Vec<u8> {
    let direction = match direction {
        Direction::ToDaemon => "to-daemon",
        Direction::ToClient => "to-client",
    };
    ["pds v2 ipc-field", direction, at.profile, at.key].join("\0").into_bytes()
}

/// Seals a value: `[12-byte nonce][AES-256-GCM ciphertext][16-byte tag]`.
///
/// # Errors
/// As [`crypto::seal`].
pub fn seal(
    key: &SecureBytes,
    direction: Direction,
    at: KeyInProfile<'_>,
    value: &[u8],
) -> Result<Vec<u8>, SealError> {
    crypto::seal(key, value, &aad(direction, at))
}

/// Opens a value, straight into secret memory.
///
/// # Errors
/// As [`crypto::open`].
pub fn open(
    key: &SecureBytes,
    direction: Direction,
    at: KeyInProfile<'_>,
    sealed: &[u8],
) -> Result<SecureBytes, SealError> {
    crypto::open(key, sealed, &aad(direction, at))
}

/// What a profile's IPC key is called in the kernel's keyring. A user can have several
/// daemons, so the name has half of the daemon's public key in it.
#[must_use]
pub fn keyring_name(daemon: &PublicStaticKey, profile: &str) -> String {
    let (half, _) = daemon.split_at(daemon.len() / 2);
    format!("pds:ipc:{}:{profile}", hex::encode(half))
}

/// Whether a request belongs into an envelope.
#[must_use]
pub fn is_sealed(request: &Request<'_>) -> bool {
    let carries_values = matches!(
        request,
        Request::Resolve(_)
            | Request::Get(_)
            | Request::GetVersion(_)
            | Request::Set(_)
            | Request::Import(_)
            | Request::ImportPart(_)
    );
    carries_values || unlocks(request)
}

/// Whether what answers a request brings an IPC key.
#[must_use]
pub fn unlocks(request: &Request<'_>) -> bool {
    matches!(
        request,
        Request::Unlock(_) | Request::Create(_) | Request::Passwd(_) | Request::RestoreCommit(_)
    )
}

/// For each value of a request or of its answer: the profiles that it can be of, the one that
/// counts last, and its key.
fn places<'r>(request: &'r Request<'_>) -> Vec<(Vec<&'r str>, &'r str)> {
    let one = |at: &KeyInProfile<'r>| vec![(vec![at.profile], at.key)];
    let all = |import: &'r Import<'_>| {
        import.entries.iter().map(|entry| (vec![import.profile], entry.key)).collect()
    };
    match request {
        Request::Get(at) | Request::GetVersion(KeyVersion { at, .. }) => one(at),
        Request::Set(set) => one(&set.at),
        Request::Import(import) => all(import),
        Request::ImportPart(part) => all(&part.import),
        Request::Resolve(batch) => {
            batch.entries.iter().map(|entry| (entry.profiles.clone(), entry.key)).collect()
        }
        _ => Vec::new(),
    }
}

/// The profiles whose keys a request and its answer need.
#[must_use]
pub fn profiles<'r>(request: &'r Request<'_>) -> BTreeSet<&'r str> {
    places(request).into_iter().flat_map(|(profiles, _)| profiles).collect()
}

/// Encodes a request in its envelope, with its values sealed. A value whose key is not in
/// `keys` is left out, and no bytes at all are no sealed value: behind the gates, where a
/// locked profile never gets, the daemon refuses it.
///
/// # Errors
/// As [`seal`].
pub fn envelope(request: &Request<'_>, keys: &IpcKeys) -> Result<SecureBuffer, SealError> {
    let sealed = |at: KeyInProfile<'_>, value: Plaintext<'_>| match keys.get(at.profile) {
        Some(key) => seal(key, Direction::ToDaemon, at, value.0),
        None => Ok(Vec::new()),
    };
    let all = |import: &Import<'_>| -> Result<Vec<Vec<u8>>, SealError> {
        let at = |key| KeyInProfile { profile: import.profile, key };
        import.entries.iter().map(|entry| sealed(at(entry.key), entry.value)).collect()
    };
    let inner = match request {
        Request::Set(Set { at, value, create_only, expires_at }) => {
            let value = sealed(*at, *value)?;
            let (create_only, expires_at) = (*create_only, *expires_at);
            let value = Plaintext(&value);
            message::encode(&Request::Set(Set { at: *at, value, create_only, expires_at }))
        }
        Request::Import(import) => {
            message::encode(&Request::Import(with_values(import, &all(import)?)))
        }
        Request::ImportPart(ImportPart { import, before, last }) => {
            let values = all(import)?;
            let import = with_values(import, &values);
            message::encode(&Request::ImportPart(ImportPart {
                import,
                before: *before,
                last: *last,
            }))
        }
        other => message::encode(other),
    }?;
    Ok(message::encode(&Request::Sealed(Plaintext(inner.as_slice())))?)
}

fn with_values<'v>(import: &Import<'v>, values: &'v [Vec<u8>]) -> Import<'v> {
    let entry = |(entry, value): (&ImportEntry<'v>, &'v Vec<u8>)| ImportEntry {
        key: entry.key,
        value: Plaintext(value),
    };
    let entries = import.entries.iter().zip(values).map(entry).collect();
    Import { profile: import.profile, entries, overwrite: import.overwrite }
}

/// The request in an envelope. One that belongs into none, such as another envelope, is
/// refused.
///
/// # Errors
/// [`Malformed`].
pub fn unwrap(inner: &[u8]) -> Result<Request<'_>, Malformed> {
    message::decode(inner).and_then(|request| match is_sealed(&request) {
        true => Ok(request),
        false => Err(Malformed),
    })
}

/// Opens the values of the answer to a request. A value is sealed under the key of the
/// profile that it is of, which of several is found out by trying, the one that counts first.
///
/// # Errors
/// [`SealError::Forged`] for a value that no key opens at its place, or for more or fewer
/// values than were asked for.
pub fn open_values(
    request: &Request<'_>,
    values: &[Option<Plaintext<'_>>],
    keys: &IpcKeys,
) -> Result<Vec<Option<SecureBytes>>, SealError> {
    let places = places(request);
    if places.len() != values.len() {
        return Err(SealError::Forged);
    }
    let one = |((profiles, key), value): (&(Vec<&str>, &str), &Option<Plaintext<'_>>)| {
        let Some(value) = value else { return Ok(None) };
        for profile in profiles.iter().rev() {
            let Some(ipc_key) = keys.get(*profile) else { continue };
            match open(ipc_key, Direction::ToClient, KeyInProfile { profile, key }, value.0) {
                Err(SealError::Forged) => {}
                opened => return opened.map(Some),
            }
        }
        Err(SealError::Forged)
    };
    places.iter().zip(values).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::{Batch, Entry, Response, Unlock};

    fn keys(profiles: &[&str]) -> IpcKeys {
        let key = |name: &&str| (name.to_string(), SecureBytes::random(32).unwrap());
        profiles.iter().map(key).collect()
    }

    fn at<'r>(profile: &'r str, key: &'r str) -> KeyInProfile<'r> {
        KeyInProfile { profile, key }
    }

    /// The request in an envelope that was encoded.
    fn inner(envelope: &SecureBuffer) -> Request<'_> {
        let Ok(Request::Sealed(inner)) = message::decode(envelope.as_slice()) else {
            panic!("no envelope");
        };
        unwrap(inner.0).unwrap()
    }

    #[test]
    fn a_value_opens_at_its_own_place_in_its_own_direction_and_nowhere_else() {
        let key = SecureBytes::random(32).unwrap();
        let place = at("work", "db/password");
        let sealed = seal(&key, Direction::ToDaemon, place, b"hunter2").unwrap();
        assert_eq!(sealed.len(), 12 + 7 + 16);
        let opens = |direction, place| open(&key, direction, place, &sealed);
        assert!(opens(Direction::ToDaemon, place).unwrap().ct_eq(b"hunter2"));
        assert_eq!(opens(Direction::ToClient, place).unwrap_err(), SealError::Forged);
        for other in [at("ops", "db/password"), at("work", "db"), at("work", "db/password2")] {
            assert_eq!(opens(Direction::ToDaemon, other).unwrap_err(), SealError::Forged);
        }
        let other = SecureBytes::random(32).unwrap();
        assert!(open(&other, Direction::ToDaemon, place, &sealed).is_err());
    }

    #[test]
    fn the_additional_data_is_as_the_manual_has_it() {
        assert_eq!(aad(Direction::ToDaemon, at("p", "k")), b"pds v2 ipc-field\0to-daemon\0p\0k");
        assert_eq!(aad(Direction::ToClient, at("p", "k")), b"pds v2 ipc-field\0to-client\0p\0k");
    }

    #[test]
    fn an_envelope_has_every_value_of_a_request_sealed_and_all_else_as_it_was() {
        let keys = keys(&["work"]);
        let value = Plaintext(b"correct horse battery");
        let import = || Import {
            profile: "work",
            entries: vec![ImportEntry { key: "a", value }, ImportEntry { key: "b", value }],
            overwrite: true,
        };
        let requests = [
            Request::Set(Set {
                at: at("work", "a"),
                value,
                create_only: true,
                expires_at: Some(7),
            }),
            Request::Import(import()),
            Request::ImportPart(ImportPart { import: import(), before: 3, last: true }),
        ];
        let opened = |sealed: Plaintext<'_>, key: &str| {
            open(&keys["work"], Direction::ToDaemon, at("work", key), sealed.0).unwrap()
        };
        for request in requests {
            let sealed = envelope(&request, &keys).unwrap();
            assert!(!sealed.as_slice().windows(7).any(|window| window == b"correct"));
            match inner(&sealed) {
                Request::Set(set) => {
                    assert!(opened(set.value, "a").ct_eq(value.0));
                    assert!(set.create_only && set.expires_at == Some(7));
                }
                Request::Import(all) | Request::ImportPart(ImportPart { import: all, .. }) => {
                    assert!(all.overwrite && all.entries.len() == 2);
                    for entry in all.entries {
                        assert!(opened(entry.value, entry.key).ct_eq(value.0));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn without_the_key_a_value_stays_at_home() {
        let value = Plaintext(b"correct horse battery");
        let set = Set { at: at("work", "a"), value, create_only: false, expires_at: None };
        let sealed = envelope(&Request::Set(set), &keys(&["ops"])).unwrap();
        let Request::Set(set) = inner(&sealed) else { panic!("another request") };
        assert!(set.value.0.is_empty());
        assert!(open(&keys(&["work"])["work"], Direction::ToDaemon, set.at, b"").is_err());
    }

    #[test]
    fn an_envelope_holds_no_other_and_nothing_that_needs_none() {
        let encoded = |request: &Request<'_>| message::encode(request).unwrap();
        let get = encoded(&Request::Get(at("work", "a")));
        let nested = encoded(&Request::Sealed(Plaintext(get.as_slice())));
        assert!(unwrap(get.as_slice()).is_ok());
        for refused in [nested, encoded(&Request::Status), encoded(&Request::Lock(None))] {
            assert_eq!(unwrap(refused.as_slice()), Err(Malformed));
        }
        assert_eq!(unwrap(b""), Err(Malformed));
    }

    #[test]
    fn of_several_profiles_the_value_opens_under_the_key_of_the_one_that_it_is_of() {
        let keys = keys(&["work", "ops"]);
        let entry = |key| Entry { profiles: vec!["work", "ops"], key, required: false };
        let request = Request::Resolve(Batch {
            entries: vec![entry("a"), entry("b"), entry("c")],
            manifest: None,
            project: None,
            command: None,
            check_only: false,
        });
        assert_eq!(profiles(&request), BTreeSet::from(["work", "ops"]));
        let sealed = |profile: &str, key, value: &[u8]| {
            seal(&keys[profile], Direction::ToClient, at(profile, key), value).unwrap()
        };
        let (first, second) = (sealed("ops", "a", b"of ops"), sealed("work", "b", b"of work"));
        let values = [Some(Plaintext(&first)), Some(Plaintext(&second)), None];
        let opened = open_values(&request, &values, &keys).unwrap();
        assert!(opened[0].as_ref().unwrap().ct_eq(b"of ops"));
        assert!(opened[1].as_ref().unwrap().ct_eq(b"of work"));
        assert!(opened[2].is_none());
        for wrong in [
            &[values[1], values[0], None][..], // at each other's place
            &values[..2],                      // too few
            &[Some(Plaintext(b"plain")), None, None][..],
        ] {
            assert!(matches!(open_values(&request, wrong, &keys), Err(SealError::Forged)));
        }
    }

    #[test]
    fn no_key_shows_in_debug() {
        let unlocked = Unlocked {
            profile: "work",
            key: Plaintext(b"0123456789abcdef0123456789abcdef"),
            lifetime_ms: 1,
            secrets: None,
        };
        let shown = format!("{:?}", Response::Unlocked(unlocked));
        assert!(shown.contains("work") && !shown.contains("0123"), "{shown}");
    }

    #[test]
    fn what_unlocks_belongs_into_an_envelope_and_needs_no_key() {
        let unlock = Unlock { profile: "p", password: Plaintext(b"x"), accept_older: false };
        let request = Request::Unlock(unlock);
        assert!(unlocks(&request) && is_sealed(&request) && profiles(&request).is_empty());
        assert!(!is_sealed(&Request::List("p")) && !is_sealed(&Request::Stop));
    }
}
