//! A keyed connection: the flags, the key and the pragmas that everything else relies on.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{
    secret::{SecureBuffer, SecureBytes, encode},
    store::StoreError,
};

/// SQLCipher's salt: the first bytes of the file, in the clear. pds puts the vault's id there,
/// so that another vault's file is told apart from a damaged one without any key.
pub(in crate::store) const SALT_BYTES: usize = 16;

const PAGE_BYTES: u64 = 4096;
const WAIT_FOR_LOCKS: Duration = Duration::from_secs(1);
/// SQLite's page cache. The index over 100,000 keys takes half of it; the rest of a vault is
/// read through it.
const PAGE_CACHE_KIB: u32 = 2048;

pub(super) fn open(path: &Path, vault_key: &SecureBytes) -> Result<Connection, StoreError> {
    let path = resolved(path)?;
    let length = length(&path)?;
    if length == 0 {
        // SQLite takes an empty file for a new database.
        return Err(StoreError::Damaged { what: "the database is empty" });
    }
    let connection = keyed(&path, &raw_key(vault_key, &[])?)?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if tables == 0 {
        return Err(StoreError::Damaged { what: "the database has no tables" });
    }
    check_length(&connection, &path)?;
    Ok(connection)
}

pub(super) fn create(
    path: &Path,
    vault_key: &SecureBytes,
    salt: [u8; SALT_BYTES],
) -> Result<Connection, StoreError> {
    let path = resolved(path)?;
    // SQLite would create it with what the umask leaves of 0644, and its journal likewise.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(&path)
        .map_err(|why| from_io(&why))?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(|why| from_io(&why))?;
    file.flush().map_err(|why| from_io(&why))?;
    keyed(&path, &raw_key(vault_key, &salt)?)
}

/// `path` with the links in its folder resolved. SQLite refuses a symbolic link anywhere in a
/// path, but a home may well lie behind one: only the file itself must not be a link.
fn resolved(path: &Path) -> Result<PathBuf, StoreError> {
    let name = path.file_name().ok_or(StoreError::Unreachable)?;
    let folder = path.parent().ok_or(StoreError::Unreachable)?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    Ok(folder.canonicalize().map_err(|why| from_io(&why))?.join(name))
}

fn length(path: &Path) -> Result<u64, StoreError> {
    Ok(fs::symlink_metadata(path).map_err(|why| from_io(&why))?.len())
}

fn keyed(path: &Path, key: &SecureBytes) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(WAIT_FOR_LOCKS)?;
    connection.set_prepared_statement_cache_capacity(64);
    // SQLCipher logs to standard error unless told not to. Told to look after its memory it would
    // lock and unlock the pages of each block, also those that other blocks are on: in memory
    // that is locked by mlock(2), which does not count, that leaves them unlocked. The daemon's
    // heap is locked for good, and wipes each block (`sys::heap`).
    connection
        .execute_batch("PRAGMA cipher_log_level = NONE; PRAGMA cipher_memory_security = OFF;")?;
    connection.key(None::<&str>, key.expose(), false)?;
    // Truncating the journal is the commit, and with EXTRA it is synced: what is acknowledged is
    // then in the main file, every page of which has a MAC. A write-ahead log that is cut or
    // bent makes SQLite open an older vault without a word.
    connection.execute_batch(&format!(
        "PRAGMA cipher_page_size = {PAGE_BYTES};
         PRAGMA journal_mode = TRUNCATE;
         PRAGMA synchronous = EXTRA;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA foreign_keys = ON;
         PRAGMA cell_size_check = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cache_size = -{PAGE_CACHE_KIB};"
    ))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(connection)
}

/// `x'…'` with the key, and the salt where the file has none yet, in hexadecimal: the raw form,
/// which SQLCipher does not stretch. <https://www.zetetic.net/sqlcipher/sqlcipher-api/#key>
fn raw_key(key: &SecureBytes, salt: &[u8]) -> Result<SecureBytes, StoreError> {
    let mut text = SecureBuffer::new()?;
    for part in [b"x'", encode::hex(key.expose())?.expose(), encode::hex(salt)?.expose(), b"'"] {
        text.extend(part)?;
    }
    Ok(text.into_bytes())
}

/// Whether the file is as long as its own header says. Asked after the first query, which
/// replays a journal and so gives the file its length back.
fn check_length(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let pages: u32 = connection.query_row("PRAGMA page_count", (), |row| row.get(0))?;
    if length(path)? == u64::from(pages) * PAGE_BYTES {
        return Ok(());
    }
    Err(StoreError::Damaged { what: "the database has another length than it says" })
}

fn from_io(why: &io::Error) -> StoreError {
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => StoreError::ReadOnly,
        _ => StoreError::Unreachable,
    }
}
