//! The tables of format 1.

use rusqlite::{Connection, params};

use crate::{secret::TrustProfileName, store::StoreError};

/// The format this pds writes, and the latest it reads.
pub(super) const FORMAT: u32 = 1;

/// The tables. `secrets` is a rowid table so that the index over its keys, which a listing
/// walks, holds no values; `secrets_times` is there so that a listing with times does not walk
/// them either. Times are in milliseconds since the Unix epoch.
const FORMAT_1: &str = "
CREATE TABLE secrets(
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL);
CREATE INDEX secrets_times ON secrets(key, created_at, updated_at);
CREATE TABLE attributes(
    key TEXT PRIMARY KEY REFERENCES secrets(key) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    set_by TEXT,
    expires_at INTEGER) WITHOUT ROWID;
CREATE TABLE versions(
    key TEXT NOT NULL REFERENCES secrets(key) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    set_by TEXT,
    PRIMARY KEY(key, version));
CREATE TABLE approvals(
    path TEXT PRIMARY KEY,
    owner INTEGER NOT NULL,
    approved_at INTEGER NOT NULL,
    items BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
";

pub(super) fn create(
    connection: &Connection,
    profile: &TrustProfileName,
    vault_id: [u8; 16],
) -> Result<(), StoreError> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(FORMAT_1)?;
    let mut insert = transaction.prepare("INSERT INTO meta(name, value) VALUES (?1, ?2)")?;
    insert.execute(params!["format", FORMAT])?;
    insert.execute(params!["vault_id", vault_id])?;
    insert.execute(params!["profile", profile.as_str()])?;
    insert.execute(params!["generation", 1])?;
    insert.execute(params!["clean", 1])?;
    drop(insert);
    transaction.commit()?;
    Ok(())
}
