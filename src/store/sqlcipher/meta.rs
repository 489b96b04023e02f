//! The table `meta`: which vault this is, and how far it has come.

use rusqlite::{Connection, OptionalExtension, ToSql, types::FromSql};

use super::schema::FORMAT;
use crate::{secret::TrustProfileName, store::StoreError};

/// Which vault a database belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Identity {
    pub(in crate::store) vault_id: [u8; 16],
    pub(in crate::store) profile: TrustProfileName,
}

/// The identity, after the format was found to be one that this pds knows.
pub(super) fn identity(connection: &Connection) -> Result<Identity, StoreError> {
    let version: u32 = value(connection, "format")?;
    if version > FORMAT {
        return Err(StoreError::Newer { version });
    }
    let profile: String = value(connection, "profile")?;
    let profile = TrustProfileName::new(&profile)
        .map_err(|_| StoreError::Damaged { what: "the name of the profile" })?;
    Ok(Identity { vault_id: value(connection, "vault_id")?, profile })
}

pub(super) fn generation(connection: &Connection) -> Result<u64, StoreError> {
    counted(value(connection, "generation")?)
}

/// Raises the generation by one, and says to what.
pub(super) fn raise_generation(connection: &Connection) -> Result<u64, StoreError> {
    let mut raise = connection.prepare_cached(
        "UPDATE meta SET value = value + 1 WHERE name = 'generation' RETURNING value",
    )?;
    counted(raise.query_row((), |row| row.get(0))?)
}

/// A generation as SQLite has it, whose integers are signed.
fn counted(generation: i64) -> Result<u64, StoreError> {
    u64::try_from(generation).map_err(|_| StoreError::Damaged { what: "the generation" })
}

/// Whether the last writer closed the database, or was killed.
pub(super) fn closed_cleanly(connection: &Connection) -> Result<bool, StoreError> {
    value(connection, "clean")
}

pub(super) fn mark_clean(connection: &Connection, clean: bool) -> Result<(), StoreError> {
    put(connection, "clean", &clean)
}

pub(super) fn put(
    connection: &Connection,
    name: &str,
    value: &dyn ToSql,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta(name, value) VALUES (?1, ?2)")?
        .execute(rusqlite::params![name, value])?;
    Ok(())
}

pub(super) fn find<T: FromSql>(
    connection: &Connection,
    name: &str,
) -> Result<Option<T>, StoreError> {
    let mut find = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?)
}

fn value<T: FromSql>(connection: &Connection, name: &str) -> Result<T, StoreError> {
    find(connection, name)?.ok_or(StoreError::Damaged { what: "the table of the vault's identity" })
}
