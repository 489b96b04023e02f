//! Older versions of values, and moving all of a secret's versions to another name.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    SqlCipherStore,
    database::Seals,
    secrets::{Put, put, read, sealed},
};
use crate::{
    secret::{SecureBytes, validate_secret_key},
    store::StoreError,
};

/// One version of a secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// Its number, from 1.
    pub version: u32,
    /// When it was set, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// The client that set it.
    pub set_by: Option<String>,
    /// Whether it is the current one.
    pub current: bool,
}

impl SqlCipherStore {
    /// The versions of `key`, the current one first, then the older ones that are kept, newest
    /// first. Blocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Locked`], [`StoreError::Damaged`].
    pub fn versions(&self, key: &str) -> Result<Vec<VersionInfo>, StoreError> {
        self.with(|database| database.read(|connection, _| versions(connection, key)))
    }

    /// The value of one version of `key`, be it the current one or an older. Blocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a version that never was or is not kept any more; else as
    /// [`read`](Self::read).
    pub fn get_version(&self, key: &str, version: u32) -> Result<SecureBytes, StoreError> {
        self.with(|database| {
            database.read(|connection, seals| get_version(connection, seals, key, version))
        })
    }

    /// Makes the value of an older version the current one again, as a new version, and says
    /// which. Blocks.
    ///
    /// # Errors
    /// As [`get_version`](Self::get_version) and [`put`](Self::put).
    pub fn rollback(
        &self,
        key: &str,
        version: u32,
        set_by: Option<&str>,
    ) -> Result<u32, StoreError> {
        self.with(|database| {
            let history = database.history();
            database.write(|transaction, seals| {
                let value = get_version(transaction, seals, key, version)?;
                let entry = Put { set_by, ..Put::new(key, &value) };
                put(transaction, seals, &entry, history)
            })
        })
    }

    /// Gives a secret another name, with all its versions, each sealed anew for its new place.
    /// Blocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for `from`; [`StoreError::Exists`] for `to`;
    /// [`StoreError::InvalidKey`]; else as [`put`](Self::put).
    pub fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        validate_secret_key(to)?;
        self.with(|database| {
            database.write(|transaction, seals| {
                move_current(transaction, seals, from, to)?;
                for version in older(transaction, from)? {
                    move_version(transaction, seals, from, to, version)?;
                }
                transaction.execute("UPDATE attributes SET key = ?2 WHERE key = ?1", [from, to])?;
                transaction.execute("DELETE FROM secrets WHERE key = ?1", [from])?;
                Ok(())
            })
        })
    }
}

fn versions(connection: &Connection, key: &str) -> Result<Vec<VersionInfo>, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT a.version, s.updated_at, a.set_by, 1
         FROM secrets AS s INDEXED BY secrets_times JOIN attributes AS a ON a.key = s.key
         WHERE s.key = ?1
         UNION ALL SELECT version, created_at, set_by, 0 FROM versions WHERE key = ?1
         ORDER BY 1 DESC",
    )?;
    let found: Vec<VersionInfo> = find
        .query_map([key], |row| {
            Ok(VersionInfo {
                version: row.get(0)?,
                created_at: row.get(1)?,
                set_by: row.get(2)?,
                current: row.get(3)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    if found.is_empty() { Err(StoreError::NotFound) } else { Ok(found) }
}

fn get_version(
    connection: &Connection,
    seals: &Seals,
    key: &str,
    version: u32,
) -> Result<SecureBytes, StoreError> {
    let current: Option<u32> = connection
        .prepare_cached("SELECT version FROM attributes WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    if current == Some(version) {
        return read(connection, seals, key);
    }
    let mut find =
        connection.prepare_cached("SELECT value FROM versions WHERE key = ?1 AND version = ?2")?;
    let mut rows = find.query(params![key, version])?;
    let row = rows.next()?.ok_or(StoreError::NotFound)?;
    seals.open(key, sealed(row, 0)?)
}

fn older(connection: &Connection, key: &str) -> Result<Vec<u32>, StoreError> {
    let mut find = connection.prepare_cached("SELECT version FROM versions WHERE key = ?1")?;
    let versions = find.query_map([key], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(versions)
}

fn move_current(
    transaction: &Transaction<'_>,
    seals: &Seals,
    from: &str,
    to: &str,
) -> Result<(), StoreError> {
    let taken: bool = transaction.query_row(
        "SELECT EXISTS(SELECT 1 FROM secrets WHERE key = ?1)",
        [to],
        |row| row.get(0),
    )?;
    let mut find = transaction
        .prepare_cached("SELECT value, created_at, updated_at FROM secrets WHERE key = ?1")?;
    let mut rows = find.query([from])?;
    let row = rows.next()?.ok_or(StoreError::NotFound)?;
    if taken {
        return Err(StoreError::Exists { key: to.to_owned() });
    }
    let value = seals.reseal(from, to, sealed(row, 0)?)?;
    let (created_at, updated_at): (i64, i64) = (row.get(1)?, row.get(2)?);
    transaction.execute(
        "INSERT INTO secrets(key, value, created_at, updated_at) VALUES (?1, ?2, ?3, ?4)",
        params![to, value, created_at, updated_at],
    )?;
    Ok(())
}

fn move_version(
    transaction: &Transaction<'_>,
    seals: &Seals,
    from: &str,
    to: &str,
    version: u32,
) -> Result<(), StoreError> {
    let mut find =
        transaction.prepare_cached("SELECT value FROM versions WHERE key = ?1 AND version = ?2")?;
    let mut rows = find.query(params![from, version])?;
    let row = rows.next()?.ok_or(StoreError::NotFound)?;
    let value = seals.reseal(from, to, sealed(row, 0)?)?;
    drop(rows);
    transaction
        .prepare_cached("UPDATE versions SET key = ?3, value = ?4 WHERE key = ?1 AND version = ?2")?
        .execute(params![from, version, to, value])?;
    Ok(())
}
