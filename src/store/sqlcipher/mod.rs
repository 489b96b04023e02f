//! [`SqlCipherStore`]: one SQLCipher database per profile.
//!
//! Each value is sealed before it reaches SQL and opened after, so what SQLite handles is
//! ciphertext twice over; the names of keys are what SQLCipher itself protects. One mutex
//! serialises the connection. A panic while it is held does not keep the store from being closed
//! and wiped, which is what [`SqlCipherStore::pragma_rekey_clear`] does.
//!
//! The inherent methods block: call them on a thread that may. Those of [`SecretsStore`] hop to
//! such a thread themselves.

mod approvals;
mod connection;
mod database;
mod history;
mod listing;
mod meta;
mod names;
mod schema;
mod secrets;
mod sqlite_error;
mod transfer;
mod vault_facts;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use rusqlite::InterruptHandle;

use self::database::Database;
pub use self::{
    approvals::Approval,
    database::DEFAULT_HISTORY,
    history::VersionInfo,
    listing::{Expiry, SecretInfo},
    secrets::{Imported, Put, SealedEntry},
};
pub(super) use self::{connection::SALT_BYTES, meta::Identity};
use super::{SecretsStore, StoreError, vault::GenerationNote};
use crate::secret::{SecureBytes, TrustProfileName};

/// The production backend. Clones share one connection.
#[derive(Clone)]
pub struct SqlCipherStore {
    shared: Arc<Shared>,
}

struct Shared {
    database: Mutex<Option<Database>>,
    /// Outside the mutex: locking does not wait for a long read to end.
    interrupt: InterruptHandle,
}

impl SqlCipherStore {
    /// Opens the database at `path` with `vault_key` (32 bytes), of which it keeps no copy, and
    /// derives the entry key.
    ///
    /// Never creates a file. Replays the journal of a writer that was killed.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for a file that is cut, altered, empty, or of another key;
    /// [`StoreError::Newer`] for a later format; [`StoreError::Unreachable`] for one that is
    /// missing or a symbolic link; [`StoreError::InUse`].
    pub fn open(path: &Path, vault_key: &SecureBytes) -> Result<Self, StoreError> {
        let connection = connection::open(path, vault_key)?;
        Ok(Self::over(Database::load(connection, vault_key)?))
    }

    /// Makes a database at `path`, where nothing may be, mode 0600 under any umask.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::DiskFull`], [`StoreError::ReadOnly`],
    /// [`StoreError::Unreachable`].
    pub fn create(
        path: &Path,
        vault_key: &SecureBytes,
        profile: &TrustProfileName,
        vault_id: [u8; 16],
    ) -> Result<Self, StoreError> {
        let connection = connection::create(path, vault_key, vault_id)?;
        schema::create(&connection, profile, vault_id)?;
        Ok(Self::over(Database::load(connection, vault_key)?))
    }

    fn over(database: Database) -> Self {
        let interrupt = database.interrupt_handle();
        let shared = Shared { database: Mutex::new(Some(database)), interrupt };
        Self { shared: Arc::new(shared) }
    }

    /// Scrubs SQLCipher's copies of the key, and ours of the entry key: later calls answer
    /// [`StoreError::Locked`].
    ///
    /// SQLCipher has no pragma for it (`PRAGMA rekey = ''` is an error that changes nothing);
    /// closing the connection overwrites the key. A statement that is running is interrupted.
    /// Works after a panic elsewhere, and a second time. Blocks.
    ///
    /// # Errors
    /// What kept the connection from closing, or the clean close from being noted. The entry key
    /// is wiped in any case.
    pub fn pragma_rekey_clear(&self) -> Result<(), StoreError> {
        self.shared.interrupt.interrupt();
        let taken = self.lock().take();
        taken.map_or(Ok(()), Database::close)
    }

    /// Checks every page against its MAC and the tables against each other. Blocks for as long as
    /// reading the whole file takes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`]; [`StoreError::Locked`] if interrupted by locking.
    pub fn integrity_check(&self) -> Result<(), StoreError> {
        self.with(|database| database.integrity_check())
    }

    /// From now on, notes the generation in `note` after each commit.
    pub(super) fn note_generations(&self, note: GenerationNote) -> Result<(), StoreError> {
        self.with(|database| {
            database.note_generations(note);
            Ok(())
        })
    }

    /// Keeps `versions` older versions of each value from now on ([`DEFAULT_HISTORY`] at first).
    ///
    /// # Errors
    /// [`StoreError::Locked`].
    pub fn keep_history(&self, versions: u32) -> Result<(), StoreError> {
        self.with(|database| {
            database.keep_history(versions);
            Ok(())
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut guard = self.lock();
        work(guard.as_mut().ok_or(StoreError::Locked)?)
    }

    fn with_if_idle<T>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut guard = match self.shared.database.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        work(guard.as_mut().ok_or(StoreError::Locked)?).map(Some)
    }

    /// A thread that panicked with the lock held has rolled its transaction back on the way out.
    fn lock(&self) -> MutexGuard<'_, Option<Database>> {
        self.shared.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn off_the_loop<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let task = tokio::task::spawn_blocking(move || work(&store));
        task.await.unwrap_or(Err(StoreError::Abandoned))
    }
}

impl SecretsStore for SqlCipherStore {
    async fn get(&self, key: &str) -> Result<SecureBytes, StoreError> {
        let key = key.to_owned();
        self.off_the_loop(move |store| store.read(&key)).await
    }

    async fn set(&self, key: &str, value: &SecureBytes) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.try_clone()?);
        self.off_the_loop(move |store| store.put(&Put::new(&key, &value)).map(drop)).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.off_the_loop(move |store| store.remove(&key)).await
    }

    async fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        self.off_the_loop(Self::keys).await
    }

    async fn get_many(&self, keys: &[&str]) -> Vec<Result<SecureBytes, StoreError>> {
        let count = keys.len();
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let answers = self.off_the_loop(move |store| store.read_many(&keys)).await;
        answers.unwrap_or_else(|why| (0..count).map(|_| Err(why.clone())).collect())
    }
}

impl fmt::Debug for SqlCipherStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqlCipherStore")
    }
}

#[cfg(test)]
mod tests;
