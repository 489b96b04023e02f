//! What is known of secrets without decrypting one: names, times, versions, expiry.

use rusqlite::{OptionalExtension, Row};

use super::SqlCipherStore;
use crate::store::StoreError;

/// What is known of a secret without decrypting it. Times are in milliseconds since the Unix
/// epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub key: String,
    /// The version that is current: 1 at first, raised by each write.
    pub version: u32,
    /// When its first version was set.
    pub created_at: i64,
    /// When its current version was set.
    pub updated_at: i64,
    /// The client that set it.
    pub set_by: Option<String>,
    /// From when on it is out of date.
    pub expires_at: Option<i64>,
}

/// How many secrets are out of date, and how many soon will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expiry {
    /// Out of date.
    pub expired: u32,
    /// Soon.
    pub expiring: u32,
}

const LIST: &str = "
    SELECT s.key, a.version, s.created_at, s.updated_at, a.set_by, a.expires_at
    FROM secrets AS s INDEXED BY secrets_times JOIN attributes AS a ON a.key = s.key";

impl SqlCipherStore {
    /// The names of all secrets, sorted by bytes. Reads an index that holds no values. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Damaged`].
    pub fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.with(|database| {
            database.read(|connection, _| {
                let mut list = connection.prepare_cached("SELECT key FROM secrets ORDER BY key")?;
                let keys = list.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
                Ok(keys)
            })
        })
    }

    /// What is known of all secrets, sorted by key. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Damaged`].
    pub fn list(&self) -> Result<Vec<SecretInfo>, StoreError> {
        self.with(|database| {
            database.read(|connection, _| {
                let mut list = connection.prepare_cached(&format!("{LIST} ORDER BY s.key"))?;
                let infos = list.query_map((), info)?.collect::<Result<_, _>>()?;
                Ok(infos)
            })
        })
    }

    /// What is known of `key`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and as [`list`](Self::list).
    pub fn info(&self, key: &str) -> Result<SecretInfo, StoreError> {
        self.with(|database| {
            database.read(|connection, _| {
                let mut find = connection.prepare_cached(&format!("{LIST} WHERE s.key = ?1"))?;
                find.query_row([key], info).optional()?.ok_or(StoreError::NotFound)
            })
        })
    }

    /// How many secrets are out of date at `now`, and how many more will be at `soon`, in
    /// milliseconds since the Unix epoch. `None` if the store is busy: it is not waited for.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Damaged`].
    pub fn expiry(&self, now: i64, soon: i64) -> Result<Option<Expiry>, StoreError> {
        self.with_if_idle(|database| {
            database.read(|connection, _| {
                let mut count = connection.prepare_cached(
                    "SELECT count(*) FILTER (WHERE expires_at <= ?1), count(*)
                     FROM attributes WHERE expires_at <= ?2",
                )?;
                Ok(count.query_row([now, soon], |row| {
                    let (expired, all): (u32, u32) = (row.get(0)?, row.get(1)?);
                    Ok(Expiry { expired, expiring: all - expired })
                })?)
            })
        })
    }
}

fn info(row: &Row<'_>) -> rusqlite::Result<SecretInfo> {
    Ok(SecretInfo {
        key: row.get(0)?,
        version: row.get(1)?,
        created_at: row.get(2)?,
        updated_at: row.get(3)?,
        set_by: row.get(4)?,
        expires_at: row.get(5)?,
    })
}
