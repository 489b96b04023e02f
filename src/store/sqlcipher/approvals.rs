//! Approvals of manifests, kept where nobody can plant one while the vault is locked.

use rusqlite::{OptionalExtension, Row, params};

use super::{SqlCipherStore, database::now};
use crate::store::StoreError;

/// One approved manifest. What `items` means is the approver's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The manifest's canonical path.
    pub path: String,
    /// The user id that owned it.
    pub owner: u32,
    /// When it was approved, in milliseconds since the Unix epoch.
    pub approved_at: i64,
    /// What was approved.
    pub items: Vec<u8>,
}

impl SqlCipherStore {
    /// The approval for `path`, if there is one. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Damaged`].
    pub fn approvals_get(&self, path: &str) -> Result<Option<Approval>, StoreError> {
        self.with(|database| {
            database.read(|connection, _| {
                let mut find = connection.prepare_cached(
                    "SELECT path, owner, approved_at, items FROM approvals WHERE path = ?1",
                )?;
                Ok(find.query_row([path], approval).optional()?)
            })
        })
    }

    /// All approvals, sorted by path. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Damaged`].
    pub fn approvals_list(&self) -> Result<Vec<Approval>, StoreError> {
        self.with(|database| {
            database.read(|connection, _| {
                let mut list = connection.prepare_cached(
                    "SELECT path, owner, approved_at, items FROM approvals ORDER BY path",
                )?;
                let all = list.query_map((), approval)?.collect::<Result<_, _>>()?;
                Ok(all)
            })
        })
    }

    /// Approves `items` for `path`, in place of what was approved for it before. Blocks.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn approvals_put(&self, path: &str, owner: u32, items: &[u8]) -> Result<(), StoreError> {
        self.with(|database| {
            database.write(|transaction, _| {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO approvals(path, owner, approved_at, items)
                         VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![path, owner, now(), items])?;
                Ok(())
            })
        })
    }

    /// Takes the approval for `path` back. Blocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and as [`put`](Self::put).
    pub fn approvals_delete(&self, path: &str) -> Result<(), StoreError> {
        self.with(|database| {
            database.write(|transaction, _| {
                match transaction.execute("DELETE FROM approvals WHERE path = ?1", [path])? {
                    0 => Err(StoreError::NotFound),
                    _ => Ok(()),
                }
            })
        })
    }
}

fn approval(row: &Row<'_>) -> rusqlite::Result<Approval> {
    Ok(Approval {
        path: row.get(0)?,
        owner: row.get(1)?,
        approved_at: row.get(2)?,
        items: row.get(3)?,
    })
}
