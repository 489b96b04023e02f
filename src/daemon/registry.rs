//! The Noise registry: whose static key is whose, and what was granted with it.
//!
//! A key counts at one socket alone: the launcher's at the daemon's own, and an
//! enrolled client's at the one that was made for it. There the kernel has told
//! already that the caller is the user it was enrolled for, so that a stolen key
//! is of no use to another one.

use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use tokio::sync::watch;

use super::{
    enrolment::Enrolment,
    gate::{Enrolled, LAUNCHER, Peer},
    place,
};
use crate::{home::Home, secret::validate_client_name, wire::identity::PublicStaticKey};

/// Clients that may be enrolled, revoked ones among them. Each has a socket, which
/// is a descriptor.
const CLIENTS_MAX: usize = 128;

/// An enrolled client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) enrolment: Enrolment,
    revoked: watch::Sender<bool>,
}

impl Client {
    fn new(name: &str, enrolment: Enrolment) -> Self {
        let revoked = watch::Sender::new(enrolment.revoked);
        Self { name: name.to_owned(), enrolment, revoked }
    }

    pub(super) fn is_revoked(&self) -> bool {
        *self.revoked.borrow()
    }

    /// Returns when the client is revoked.
    pub(super) async fn revocation(&self) {
        // An error would mean that the client itself is gone, which `self` is not.
        let _ = self.revoked.subscribe().wait_for(|revoked| *revoked).await;
    }
}

/// Whose key it was that proved itself in a handshake.
#[derive(Debug, Clone)]
pub(super) enum Who {
    Launcher,
    Client(Arc<Client>),
    Unknown,
}

impl Who {
    /// Who it is to the gates, now: a client can be revoked at any time.
    pub(super) fn peer(&self) -> Peer {
        match self {
            Self::Launcher => Peer::Registered(LAUNCHER.to_owned()),
            Self::Client(client) if client.is_revoked() => Peer::Revoked,
            Self::Client(client) => Peer::Registered(client.name.clone()),
            Self::Unknown => Peer::Unknown,
        }
    }

    /// The registered name, for the record; `-` for a peer that has none.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Launcher => LAUNCHER,
            Self::Client(client) => &client.name,
            Self::Unknown => "-",
        }
    }

    /// What was granted at enrolment.
    pub(super) fn enrolled(&self) -> Option<&Enrolled> {
        match self {
            Self::Client(client) => Some(&client.enrolment.grants),
            Self::Launcher | Self::Unknown => None,
        }
    }
}

/// Why a client was not enrolled or revoked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RegistryError {
    #[error("a client of that name is enrolled")]
    Exists,
    #[error("there is no client of that name")]
    Unknown,
    #[error("there are {CLIENTS_MAX} clients")]
    TooMany,
    #[error("can't write the client's file: {0}")]
    Unwritable(super::DaemonError),
}

/// The registered static keys.
#[derive(Debug)]
pub(super) struct Registry {
    launcher: PublicStaticKey,
    folder: PathBuf,
    clients: Mutex<BTreeMap<String, Arc<Client>>>,
}

impl Registry {
    /// The launcher's key, and the clients that were enrolled. A file that can't be
    /// read enrols nobody.
    pub(super) fn open(home: &Home, launcher: PublicStaticKey) -> Self {
        let folder = home.clients();
        let clients = read_all(&folder).unwrap_or_else(|error| {
            tracing::error!(%error, "can't read who is enrolled");
            BTreeMap::new()
        });
        Self { launcher, folder, clients: Mutex::new(clients) }
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose key this is at the daemon's own socket.
    pub(super) fn at_own_socket(&self, key: &PublicStaticKey) -> Who {
        if *key == self.launcher { Who::Launcher } else { Who::Unknown }
    }

    /// Whose key this is at a client's socket.
    pub(super) fn at_socket_of(&self, name: &str, key: &PublicStaticKey) -> Who {
        match self.get(name) {
            Some(client) if client.enrolment.key == *key => Who::Client(client),
            _ => Who::Unknown,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Client>> {
        self.clients().get(name).cloned()
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> Vec<Arc<Client>> {
        self.clients().values().cloned().collect()
    }

    /// Enrols a client, in the place of a revoked one of that name if there is one.
    pub(super) fn add(&self, name: &str, enrolment: Enrolment) -> Result<(), RegistryError> {
        let mut clients = self.clients();
        match clients.get(name) {
            Some(client) if !client.is_revoked() => return Err(RegistryError::Exists),
            None if clients.len() >= CLIENTS_MAX => return Err(RegistryError::TooMany),
            _ => {}
        }
        self.write(name, &enrolment)?;
        let _ = fs::remove_file(self.use_note(name));
        clients.insert(name.to_owned(), Arc::new(Client::new(name, enrolment)));
        Ok(())
    }

    /// Takes a client's rights: at once, and then for good. What can't be written
    /// counts for as long as this daemon runs, and is an error.
    pub(super) fn revoke(&self, name: &str) -> Result<(), RegistryError> {
        let client = self.get(name).ok_or(RegistryError::Unknown)?;
        client.revoked.send_replace(true);
        self.write(name, &Enrolment { revoked: true, ..client.enrolment.clone() })
    }

    fn write(&self, name: &str, enrolment: &Enrolment) -> Result<(), RegistryError> {
        let path = self.folder.join(format!("{name}.toml"));
        place::write_private(&path, enrolment.to_text().as_bytes())
            .inspect_err(|error| tracing::error!(%error, "a client's file can't be written"))
            .map_err(RegistryError::Unwritable)
    }

    /// An empty file, whose time of change is when the client was last used: that
    /// costs a use one system call and no byte.
    fn use_note(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.used"))
    }

    /// Notes that a client uses its key now.
    pub(super) fn note_use(&self, name: &str) {
        let touch = || {
            let file =
                fs::OpenOptions::new().create(true).append(true).open(self.use_note(name))?;
            file.set_modified(SystemTime::now())
        };
        let noted: io::Result<()> = touch();
        if let Err(error) = noted {
            tracing::warn!(%error, "can't note that a client was used");
        }
    }

    /// When a client was last used, in milliseconds since 1970.
    pub(super) fn last_used(&self, name: &str) -> Option<i64> {
        let at = fs::metadata(self.use_note(name)).ok()?.modified().ok()?;
        i64::try_from(at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok()
    }
}

fn read_all(folder: &std::path::Path) -> io::Result<BTreeMap<String, Arc<Client>>> {
    let mut clients = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        let Some(name) = file.strip_suffix(".toml").filter(|name| validate_client_name(name))
        else {
            continue;
        };
        match Enrolment::read(&path) {
            Ok(enrolment) if clients.len() < CLIENTS_MAX => {
                clients.insert(name.to_owned(), Arc::new(Client::new(name, enrolment)));
            }
            Ok(_) => tracing::error!(name, "not enrolled: there are {CLIENTS_MAX} clients"),
            Err(error) => tracing::error!(path = %path.display(), %error, "not enrolled"),
        }
    }
    Ok(clients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> (tempfile::TempDir, Registry) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::below(folder.path());
        fs::create_dir_all(home.clients()).unwrap();
        let registry = Registry::open(&home, [7; 32]);
        (folder, registry)
    }

    fn enrolment(key: u8) -> Enrolment {
        Enrolment { key: [key; 32], uid: 1000, revoked: false, grants: Enrolled::new() }
    }

    #[test]
    fn a_key_has_a_name_at_its_own_socket_alone() {
        let (_folder, registry) = registry();
        registry.add("ci", enrolment(1)).unwrap();
        registry.add("agent", enrolment(2)).unwrap();
        assert_eq!(registry.at_own_socket(&[7; 32]).name(), "launcher");
        assert_eq!(registry.at_socket_of("ci", &[1; 32]).name(), "ci");
        for who in [
            registry.at_own_socket(&[1; 32]),
            registry.at_own_socket(&[8; 32]),
            registry.at_socket_of("ci", &[2; 32]),
            registry.at_socket_of("ci", &[7; 32]),
            registry.at_socket_of("gone", &[1; 32]),
        ] {
            assert_eq!((who.peer(), who.name()), (Peer::Unknown, "-"));
        }
    }

    #[test]
    fn who_is_revoked_is_so_at_once_and_after_a_restart_and_until_enrolled_anew() {
        let (folder, registry) = registry();
        registry.add("ci", enrolment(1)).unwrap();
        let open = registry.at_socket_of("ci", &[1; 32]);
        assert!(matches!(registry.add("ci", enrolment(3)), Err(RegistryError::Exists)));
        registry.revoke("ci").unwrap();
        assert_eq!(open.peer(), Peer::Revoked);
        let again = read_all(&registry.folder).unwrap();
        assert!(again["ci"].is_revoked());
        registry.add("ci", enrolment(3)).unwrap();
        assert_eq!(open.peer(), Peer::Revoked, "the earlier key stays what it is");
        assert_eq!(registry.at_socket_of("ci", &[1; 32]).peer(), Peer::Unknown);
        assert_eq!(registry.at_socket_of("ci", &[3; 32]).peer(), Peer::Registered("ci".into()));
        drop(folder);
    }

    #[test]
    fn a_broken_file_enrols_nobody_and_keeps_nobody_else_out() {
        let (_folder, registry) = registry();
        registry.add("ci", enrolment(1)).unwrap();
        fs::write(registry.folder.join("torn.toml"), "key = \"00").unwrap();
        fs::write(registry.folder.join("a.b.toml"), enrolment(2).to_text()).unwrap();
        assert_eq!(read_all(&registry.folder).unwrap().keys().collect::<Vec<_>>(), ["ci"]);
    }

    #[test]
    fn there_is_an_end_to_how_many_there_are() {
        let (_folder, registry) = registry();
        for n in 0..CLIENTS_MAX {
            registry.add(&format!("c{n}"), enrolment(1)).unwrap();
        }
        assert!(matches!(registry.add("more", enrolment(1)), Err(RegistryError::TooMany)));
    }
}
