//! Whole vaults: changing a password, making a backup, and restoring one.
//!
//! All of it is the person's own to do: only the launcher may, whatever the rules say.

use std::os::unix::fs::FileExt;

use super::{
    Answer, Ask, Claimed, Refusal, Reply, copy, name, off_the_loop, refusal,
    transfers::{Restoring, Taken, Transfers},
    whole_profile,
};
use crate::{
    daemon::{gate::Operation, rekey, unlock},
    store::{HEADER_MAX_BYTES, VaultError},
    wire::{
        RESTORE_MAX_BYTES, TRANSFER_CHUNK_BYTES,
        message::{
            Backup, BackupPart, Passwd, Plaintext, Reason, Response, RestoreBegin, RestoreCommit,
        },
    },
};

impl Ask<'_> {
    pub(super) async fn passwd(&self, asked: &Passwd<'_>) -> Answer {
        let wishes = [whole_profile(Operation::Unlock, asked.profile)];
        let _grant = self.admit_launcher("passwd", &wishes)?;
        let profile = name(asked.profile)?;
        let (old, new) = (copy(asked.old)?, copy(asked.new)?);
        self.record("passwd", &wishes, Claimed::default(), "granted", &[])?;
        self.settle().await?;
        let outcome = rekey::change_password(self.daemon, &profile, old, new).await;
        self.note_failure("passwd", &wishes, Claimed::default(), outcome)?;
        self.opened(&profile, None)
    }

    /// Takes a copy, or reads a piece of the one that was taken on this connection.
    pub(super) async fn backup(&self, transfers: &mut Transfers, asked: &Backup<'_>) -> Answer {
        if let Some(offset) = asked.offset {
            return read_backup(transfers, asked.profile, offset);
        }
        transfers.backup = None;
        let taken = self.take(asked).await?;
        let Taken { snapshot, .. } = transfers.backup.insert(taken);
        let names = snapshot.keys.iter().filter(|_| asked.names).map(String::as_str);
        Ok(Reply::new(&Response::Backup(BackupPart {
            bytes: Plaintext(&snapshot.header),
            database_bytes: snapshot.database_bytes,
            secrets: snapshot.keys.len() as u64,
            names: names.collect(),
        }))?)
    }

    async fn take(&self, asked: &Backup<'_>) -> Result<Taken, Refusal> {
        let wishes = [whole_profile(Operation::List, asked.profile)];
        let grant = self.admit_launcher("backup", &wishes)?;
        let profile = name(asked.profile)?;
        let taken = match self.daemon.vaults.whole(&grant, asked.profile) {
            Ok((store, master_key, _)) => {
                let vault = unlock::vault(self.daemon, &profile);
                let work = move || vault.snapshot(&store, &master_key);
                off_the_loop(work).await
            }
            Err(reason) => Err(refusal(reason)),
        };
        let snapshot = self.conclude("backup", &wishes, Claimed::default(), taken).await?;
        Ok(Taken { profile, snapshot })
    }

    pub(super) async fn begin_restore(
        &self,
        transfers: &mut Transfers,
        asked: &RestoreBegin<'_>,
    ) -> Result<(), Refusal> {
        transfers.restore = None;
        let wishes = [whole_profile(Operation::Unlock, asked.profile)];
        let _grant = self.admit_launcher("restore", &wishes)?;
        let profile = name(asked.profile)?;
        if asked.database_bytes > RESTORE_MAX_BYTES {
            return Err(refusal(Reason::TransferTooLong));
        }
        if asked.header.0.len() as u64 > HEADER_MAX_BYTES {
            return Err(refusal(Reason::BackupDamaged));
        }
        let vault = unlock::vault(self.daemon, &profile);
        // Told before all of it was sent for nothing.
        if vault.exists() && !asked.replace {
            return Err(refusal(Reason::VaultExists));
        }
        let (header, bytes) = (asked.header.0.to_vec(), asked.database_bytes);
        let upload = off_the_loop(move || vault.begin_upload(&header, bytes)).await?;
        transfers.restore = Some(Restoring { profile, upload, replace: asked.replace });
        Ok(())
    }

    pub(super) async fn write_restore(
        &self,
        transfers: &mut Transfers,
        piece: Plaintext<'_>,
    ) -> Result<(), Refusal> {
        let Some(mut restoring) = transfers.restore.take() else {
            return Err(refusal(Reason::TransferBroken));
        };
        // Ciphertext: no place for it in secret memory.
        let piece = piece.0.to_vec();
        let written = off_the_loop(move || {
            restoring.upload.write(&piece)?;
            Ok::<_, VaultError>(restoring)
        });
        transfers.restore = Some(written.await.map_err(rekey::of_the_backup)?);
        Ok(())
    }

    pub(super) async fn restore(
        &self,
        transfers: &mut Transfers,
        asked: &RestoreCommit<'_>,
    ) -> Answer {
        let restoring = transfers.restore.take().ok_or(refusal(Reason::TransferBroken))?;
        let profile = restoring.profile.clone();
        let secrets = self.swap(restoring, asked).await?;
        self.opened(&profile, Some(secrets))
    }

    async fn swap(&self, restoring: Restoring, asked: &RestoreCommit<'_>) -> Result<u64, Refusal> {
        let Restoring { profile, upload, replace } = restoring;
        let wishes = [whole_profile(Operation::Unlock, &profile)];
        let _grant = self.admit_launcher("restore", &wishes)?;
        let password = copy(asked.password)?;
        self.record("restore", &wishes, Claimed::default(), "granted", &[])?;
        self.settle().await?;
        let outcome = rekey::restore(self.daemon, &profile, upload, password, replace).await;
        self.note_failure("restore", &wishes, Claimed::default(), outcome)
    }
}

/// What was granted when it was taken is read without asking again: it is on record, and
/// encrypted.
fn read_backup(transfers: &Transfers, profile: &str, offset: u64) -> Answer {
    let taken = transfers.backup.as_ref().filter(|taken| taken.profile.as_str() == profile);
    let Taken { snapshot, .. } = taken.ok_or(refusal(Reason::TransferBroken))?;
    let mut piece = vec![0; TRANSFER_CHUNK_BYTES];
    let read = snapshot.database.read_at(&mut piece, offset).map_err(|error| {
        tracing::error!(%error, "can't read the copy of a vault");
        refusal(Reason::VaultUnreadable)
    })?;
    Ok(Reply::new(&Response::Backup(BackupPart {
        bytes: Plaintext(piece.get(..read).unwrap_or_default()),
        database_bytes: snapshot.database_bytes,
        secrets: snapshot.keys.len() as u64,
        names: Vec::new(),
    }))?)
}
