//! Reading, writing and removing secrets.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    SqlCipherStore,
    database::{Seals, now},
};
use crate::{
    secret::SecureBytes,
    store::{StoreError, check_entry},
};

/// A value to store, and what is to be known about it.
#[derive(Debug, Clone, Copy)]
pub struct Put<'a> {
    /// Its name.
    pub key: &'a str,
    /// The value.
    pub value: &'a SecureBytes,
    /// The registered name of the client that sets it.
    pub set_by: Option<&'a str>,
    /// From when on it is out of date, in milliseconds since the Unix epoch. The store only keeps
    /// this; it does not act on it.
    pub expires_at: Option<i64>,
}

impl<'a> Put<'a> {
    /// `value` under `key`, with nothing else known.
    #[must_use]
    pub fn new(key: &'a str, value: &'a SecureBytes) -> Self {
        Self { key, value, set_by: None, expires_at: None }
    }
}

/// A value to store that is sealed for its place already, in memory that need not be locked.
/// Only the store that sealed it can take it.
#[derive(Debug, Clone)]
pub struct SealedEntry {
    key: String,
    sealed: Vec<u8>,
}

impl SealedEntry {
    /// How many bytes it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.key.len() + self.sealed.len()
    }

    /// Its name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Secrets that were not there before.
    pub added: usize,
    /// Secrets that got a new version.
    pub overwritten: usize,
}

impl Imported {
    /// Counts a key in of which `version` was stored just now. One that existed is an error
    /// unless it may be overwritten, and the transaction is then rolled back.
    fn count(&mut self, key: &str, version: u32, overwrite: bool) -> Result<(), StoreError> {
        match version {
            1 => self.added += 1,
            _ if overwrite => self.overwritten += 1,
            _ => return Err(StoreError::Exists { key: key.to_owned() }),
        }
        Ok(())
    }
}

impl SqlCipherStore {
    /// The value of `key`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Damaged`] for a value that was altered or belongs
    /// to another key, [`StoreError::Locked`], [`StoreError::OutOfSecretMemory`].
    pub fn read(&self, key: &str) -> Result<SecureBytes, StoreError> {
        self.with(|database| database.read(|connection, seals| read(connection, seals, key)))
    }

    /// The values of `keys`, in that order, each as [`read`](Self::read) would answer it. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Locked`].
    pub fn read_many(
        &self,
        keys: &[String],
    ) -> Result<Vec<Result<SecureBytes, StoreError>>, StoreError> {
        self.with(|database| {
            database.read(|connection, seals| {
                Ok(keys.iter().map(|key| read(connection, seals, key)).collect())
            })
        })
    }

    /// Stores a value, and says which version it is. The one before is kept as an older version.
    /// Blocks until it is on disk.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`], [`StoreError::ValueTooLong`], [`StoreError::DiskFull`],
    /// [`StoreError::ReadOnly`], [`StoreError::Locked`], [`StoreError::InputOutput`]: what was
    /// stored before is as it was.
    pub fn put(&self, entry: &Put<'_>) -> Result<u32, StoreError> {
        check_entry(entry.key, entry.value)?;
        self.with(|database| {
            let history = database.history();
            database.write(|transaction, seals| put(transaction, seals, entry, history))
        })
    }

    /// Stores all of `entries`, or none. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Exists`] with the first key that does, unless `overwrite`; else as
    /// [`put`](Self::put).
    pub fn import(&self, entries: &[Put<'_>], overwrite: bool) -> Result<Imported, StoreError> {
        entries.iter().try_for_each(|entry| check_entry(entry.key, entry.value))?;
        self.with(|database| {
            let history = database.history();
            database.write(|transaction, seals| {
                let mut imported = Imported::default();
                for entry in entries {
                    let version = put(transaction, seals, entry, history)?;
                    imported.count(entry.key, version, overwrite)?;
                }
                Ok(imported)
            })
        })
    }

    /// Seals `value` for its place in this vault, to be stored later by
    /// [`import_sealed`](Self::import_sealed) of the same store. Blocks.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`], [`StoreError::ValueTooLong`], [`StoreError::Locked`].
    pub fn seal(&self, key: &str, value: &SecureBytes) -> Result<SealedEntry, StoreError> {
        check_entry(key, value)?;
        let sealed = self.with(|database| database.read(|_, seals| seals.seal(key, value)))?;
        Ok(SealedEntry { key: key.to_owned(), sealed })
    }

    /// Stores all of `entries`, or none. Blocks.
    ///
    /// # Errors
    /// As [`import`](Self::import).
    pub fn import_sealed(
        &self,
        entries: &[SealedEntry],
        set_by: Option<&str>,
        overwrite: bool,
    ) -> Result<Imported, StoreError> {
        self.with(|database| {
            let history = database.history();
            database.write(|transaction, _| {
                let mut imported = Imported::default();
                for SealedEntry { key, sealed } in entries {
                    let row = Row { key, sealed, set_by, expires_at: None };
                    let version = put_sealed(transaction, &row, history)?;
                    imported.count(key, version, overwrite)?;
                }
                Ok(imported)
            })
        })
    }

    /// Removes `key`, its value and the older versions of it. Blocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and as [`put`](Self::put).
    pub fn remove(&self, key: &str) -> Result<(), StoreError> {
        self.with(|database| {
            database.write(|transaction, _| {
                // The foreign keys take the versions and attributes along.
                let mut delete =
                    transaction.prepare_cached("DELETE FROM secrets WHERE key = ?1")?;
                match delete.execute([key])? {
                    0 => Err(StoreError::NotFound),
                    _ => Ok(()),
                }
            })
        })
    }
}

pub(super) fn read(
    connection: &Connection,
    seals: &Seals,
    key: &str,
) -> Result<SecureBytes, StoreError> {
    let mut find = connection.prepare_cached("SELECT value FROM secrets WHERE key = ?1")?;
    let mut rows = find.query([key])?;
    let row = rows.next()?.ok_or(StoreError::NotFound)?;
    seals.open(key, sealed(row, 0)?)
}

/// The sealed bytes in a column, where SQLite has them.
pub(super) fn sealed<'a>(
    row: &'a rusqlite::Row<'_>,
    column: usize,
) -> Result<&'a [u8], StoreError> {
    row.get_ref(column)?.as_blob().map_err(|_| StoreError::Damaged { what: "a value is no blob" })
}

pub(super) fn put(
    transaction: &Transaction<'_>,
    seals: &Seals,
    entry: &Put<'_>,
    history: u32,
) -> Result<u32, StoreError> {
    let sealed = seals.seal(entry.key, entry.value)?;
    let (set_by, expires_at) = (entry.set_by, entry.expires_at);
    put_sealed(transaction, &Row { key: entry.key, sealed: &sealed, set_by, expires_at }, history)
}

struct Row<'a> {
    key: &'a str,
    sealed: &'a [u8],
    set_by: Option<&'a str>,
    expires_at: Option<i64>,
}

fn put_sealed(
    transaction: &Transaction<'_>,
    entry: &Row<'_>,
    history: u32,
) -> Result<u32, StoreError> {
    let now = now();
    let version = match set_aside(transaction, entry.key, history)? {
        Some(current) => {
            transaction
                .prepare_cached("UPDATE secrets SET value = ?2, updated_at = ?3 WHERE key = ?1")?
                .execute(params![entry.key, entry.sealed, now])?;
            current + 1
        }
        None => {
            transaction
                .prepare_cached(
                    "INSERT INTO secrets(key, value, created_at, updated_at)
                     VALUES (?1, ?2, ?3, ?3)",
                )?
                .execute(params![entry.key, entry.sealed, now])?;
            1
        }
    };
    transaction
        .prepare_cached(
            "INSERT INTO attributes(key, version, set_by, expires_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT(key) DO UPDATE SET version = excluded.version,
             set_by = excluded.set_by, expires_at = excluded.expires_at",
        )?
        .execute(params![entry.key, version, entry.set_by, entry.expires_at])?;
    Ok(version)
}

/// Copies the current version of `key`, sealed as it is, to the older ones, of which `history`
/// stay. Says which version it was; `None` if there is no such key yet.
fn set_aside(
    transaction: &Transaction<'_>,
    key: &str,
    history: u32,
) -> Result<Option<u32>, StoreError> {
    let current: Option<u32> = transaction
        .prepare_cached("SELECT version FROM attributes WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    let Some(version) = current else {
        return Ok(None);
    };
    if history > 0 {
        transaction
            .prepare_cached(
                "INSERT INTO versions(key, version, value, created_at, set_by)
                 SELECT s.key, a.version, s.value, s.updated_at, a.set_by
                 FROM secrets AS s JOIN attributes AS a ON a.key = s.key WHERE s.key = ?1",
            )?
            .execute([key])?;
    }
    transaction
        .prepare_cached("DELETE FROM versions WHERE key = ?1 AND version <= ?2")?
        .execute(params![key, i64::from(version) - i64::from(history)])?;
    Ok(Some(version))
}
