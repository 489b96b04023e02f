//! All of a vault at once: into another one, into a copy, or looked at to the last value.

use std::path::Path;

use rusqlite::{Connection, Transaction, backup::Backup, params};

use super::{SqlCipherStore, connection, database::Seals, secrets::sealed};
use crate::{secret::SecureBytes, store::StoreError};

impl SqlCipherStore {
    /// Copies everything into `other`, which is empty, each value and version sealed anew under
    /// its keys. All or nothing. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a value does not open; else as [`put`](Self::put).
    pub(in crate::store) fn copy_into(&self, other: &Self) -> Result<(), StoreError> {
        match self.audit_private_key() {
            Ok(private) => other.keep_audit_private_key(&private)?,
            Err(StoreError::NotFound) => {}
            Err(why) => return Err(why),
        }
        self.with(|from| {
            from.read(|connection, old| {
                other.with(|to| {
                    to.write(|transaction, new| {
                        copy_secrets(connection, old, transaction, new)?;
                        copy_attributes(connection, transaction)?;
                        copy_versions(connection, old, transaction, new)?;
                        copy_approvals(connection, transaction)
                    })
                })
            })
        })
    }

    /// Opens every value and every version; says how many secrets there are. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for the first that does not open, or a secret about which
    /// nothing is known.
    pub(in crate::store) fn check_values(&self) -> Result<u64, StoreError> {
        match self.audit_private_key() {
            Ok(_) | Err(StoreError::NotFound) => {}
            Err(why) => return Err(why),
        }
        self.with(|database| {
            database.read(|connection, seals| {
                let secrets = open_all(connection, seals, "SELECT key, value FROM secrets")?;
                open_all(connection, seals, "SELECT key, value FROM versions")?;
                let known: i64 = connection.query_row(
                    "SELECT count(*) FROM secrets JOIN attributes USING(key)",
                    (),
                    |row| row.get(0),
                )?;
                if u64::try_from(known) != Ok(secrets) {
                    return Err(StoreError::Damaged { what: "a secret without its version" });
                }
                Ok(secrets)
            })
        })
    }

    /// Makes a copy of the database, as it is now, at `path`, where nothing may be. `vault_key`
    /// is the key that this store was opened with. Writers wait meanwhile. Blocks.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`], [`StoreError::Locked`], [`StoreError::Damaged`].
    pub(in crate::store) fn snapshot(
        &self,
        path: &Path,
        vault_key: &SecureBytes,
    ) -> Result<(), StoreError> {
        self.with(|database| {
            let mut copy = connection::create(path, vault_key, database.identity().vault_id)?;
            // A copy that is cut off is thrown away, so nothing has to bring it back.
            copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
            database.read(|connection, _| {
                Backup::new(connection, &mut copy)?.step(ALL_PAGES)?;
                Ok(())
            })?;
            copy.close().map_err(|(_, why)| why.into())
        })
    }
}

const ALL_PAGES: std::ffi::c_int = -1;

fn open_all(connection: &Connection, seals: &Seals, query: &str) -> Result<u64, StoreError> {
    let mut find = connection.prepare(query)?;
    let mut rows = find.query(())?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        seals.open(&key, sealed(row, 1)?)?;
        count += 1;
    }
    Ok(count)
}

fn copy_secrets(
    from: &Connection,
    old: &Seals,
    to: &Transaction<'_>,
    new: &Seals,
) -> Result<(), StoreError> {
    let mut find = from.prepare("SELECT key, value, created_at, updated_at FROM secrets")?;
    let mut insert = to.prepare(
        "INSERT INTO secrets(key, value, created_at, updated_at) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut rows = find.query(())?;
    while let Some(row) = rows.next()? {
        let (key, created, updated): (String, i64, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
        let value = new.seal(&key, &old.open(&key, sealed(row, 1)?)?)?;
        insert.execute(params![key, value, created, updated])?;
    }
    Ok(())
}

fn copy_attributes(from: &Connection, to: &Transaction<'_>) -> Result<(), StoreError> {
    let mut find = from.prepare("SELECT key, version, set_by, expires_at FROM attributes")?;
    let mut insert = to.prepare(
        "INSERT INTO attributes(key, version, set_by, expires_at) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut rows = find.query(())?;
    while let Some(row) = rows.next()? {
        let (key, version): (String, u32) = (row.get(0)?, row.get(1)?);
        let (set_by, expires): (Option<String>, Option<i64>) = (row.get(2)?, row.get(3)?);
        insert.execute(params![key, version, set_by, expires])?;
    }
    Ok(())
}

fn copy_versions(
    from: &Connection,
    old: &Seals,
    to: &Transaction<'_>,
    new: &Seals,
) -> Result<(), StoreError> {
    let mut find = from.prepare("SELECT key, value, version, created_at, set_by FROM versions")?;
    let mut insert = to.prepare(
        "INSERT INTO versions(key, value, version, created_at, set_by)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut rows = find.query(())?;
    while let Some(row) = rows.next()? {
        let (key, version, created): (String, u32, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
        let set_by: Option<String> = row.get(4)?;
        let value = new.seal(&key, &old.open(&key, sealed(row, 1)?)?)?;
        insert.execute(params![key, value, version, created, set_by])?;
    }
    Ok(())
}

fn copy_approvals(from: &Connection, to: &Transaction<'_>) -> Result<(), StoreError> {
    let mut find = from.prepare("SELECT path, owner, approved_at, items FROM approvals")?;
    let mut insert = to.prepare(
        "INSERT INTO approvals(path, owner, approved_at, items) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut rows = find.query(())?;
    while let Some(row) = rows.next()? {
        let (path, owner, approved): (String, u32, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let items: Vec<u8> = row.get(3)?;
        insert.execute(params![path, owner, approved, items])?;
    }
    Ok(())
}
