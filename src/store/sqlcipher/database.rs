//! What the mutex of the store guards: the connection, the key that seals, and how a write ends.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, InterruptHandle, Transaction, TransactionBehavior};

use super::meta::{self, Identity};
use crate::{
    crypto::{derive_entry_key, entry_aad, open, seal},
    secret::{SecureBytes, TrustProfileName},
    store::{StoreError, vault::GenerationNote},
};

/// How many older versions of a value are kept, unless the configuration says otherwise.
pub const DEFAULT_HISTORY: u32 = 10;

// A write of more rows than this gives SQLite's memory back when it is done. It is locked memory,
// which the values need more: after an import of 50,000 there were 2 MiB of it, of the 8 MiB
// that most people may lock.
const LARGE_WRITE_ROWS: u64 = 1000;

pub(super) struct Database {
    connection: Connection,
    seals: Seals,
    identity: Identity,
    generation: u64,
    note: Option<GenerationNote>,
    // Of this opening: a database that was only read stays cleanly closed.
    written: bool,
    history: u32,
}

/// Seals and opens values for their place in this vault.
pub(super) struct Seals {
    entry_key: SecureBytes,
    profile: TrustProfileName,
}

impl Seals {
    pub(super) fn seal(&self, key: &str, value: &SecureBytes) -> Result<Vec<u8>, StoreError> {
        Ok(seal(&self.entry_key, value.expose(), &entry_aad(&self.profile, key))?)
    }

    pub(super) fn open(&self, key: &str, sealed: &[u8]) -> Result<SecureBytes, StoreError> {
        Ok(open(&self.entry_key, sealed, &entry_aad(&self.profile, key))?)
    }

    /// Sealed bytes of one place, sealed anew for another.
    pub(super) fn reseal(
        &self,
        from: &str,
        to: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        self.seal(to, &self.open(from, sealed)?)
    }
}

impl Database {
    pub(super) fn load(
        connection: Connection,
        vault_key: &SecureBytes,
    ) -> Result<Self, StoreError> {
        let identity = meta::identity(&connection)?;
        let generation = meta::generation(&connection)?;
        let seals =
            Seals { entry_key: derive_entry_key(vault_key)?, profile: identity.profile.clone() };
        Ok(Self {
            connection,
            seals,
            identity,
            generation,
            note: None,
            written: false,
            history: DEFAULT_HISTORY,
        })
    }

    pub(super) fn interrupt_handle(&self) -> InterruptHandle {
        self.connection.get_interrupt_handle()
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn history(&self) -> u32 {
        self.history
    }

    pub(super) fn keep_history(&mut self, versions: u32) {
        self.history = versions;
    }

    pub(super) fn note_generations(&mut self, note: GenerationNote) {
        self.note = Some(note);
    }

    pub(super) fn closed_cleanly(&self) -> Result<bool, StoreError> {
        meta::closed_cleanly(&self.connection)
    }

    pub(super) fn mark_clean(&mut self) -> Result<(), StoreError> {
        self.write_and_mark(true, |_, _| Ok(()))
    }

    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection, &Seals) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(&self.connection, &self.seals)
    }

    /// Does `work` in one transaction, which also raises the generation; then notes that outside.
    /// An error rolls all of it back.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &Seals) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.write_and_mark(false, work)
    }

    fn write_and_mark<T>(
        &mut self,
        clean: bool,
        work: impl FnOnce(&Transaction<'_>, &Seals) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let rows_before = self.connection.total_changes();
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = work(&transaction, &self.seals)?;
        if clean || !self.written {
            meta::mark_clean(&transaction, clean)?;
        }
        let generation = meta::raise_generation(&transaction)?;
        transaction.commit()?;
        if self.connection.total_changes() - rows_before > LARGE_WRITE_ROWS {
            // Stored it is, whatever becomes of this.
            let _ = self.connection.execute_batch("PRAGMA shrink_memory");
        }
        self.generation = generation;
        self.written = !clean;
        if let Some(note) = &self.note {
            // The write is stored for good by now. A note that lags behind only means that a
            // vault put back to this moment would not be recognised; it does not undo the write.
            let _ = note.write(generation);
        }
        Ok(answer)
    }

    pub(super) fn integrity_check(&self) -> Result<(), StoreError> {
        let mut bad_pages = self.connection.prepare("PRAGMA cipher_integrity_check")?;
        if bad_pages.query(())?.next()?.is_some() {
            return Err(StoreError::Damaged { what: "a page was altered" });
        }
        let answer: String =
            self.connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))?;
        if answer != "ok" {
            return Err(StoreError::Damaged { what: "the tables contradict each other" });
        }
        Ok(())
    }

    /// Marks the clean close, then closes. The entry key goes first whatever happens after.
    pub(super) fn close(mut self) -> Result<(), StoreError> {
        let marked = if self.written { self.mark_clean() } else { Ok(()) };
        let Self { connection, seals, note, .. } = self;
        drop((seals, note));
        // Cached statements are finalised by this; no others outlive a call.
        connection.close().map_err(|(_, why)| StoreError::from(why))?;
        marked
    }
}

/// Milliseconds since the Unix epoch, for the columns that say when.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
