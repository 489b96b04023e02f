//! Whole vaults: another password, a copy to keep, and a copy that is brought back.
//!
//! All of it is the person's own to do: only the launcher may, whatever the rules say.

use std::os::unix::fs::FileExt;

use super::{
    Ask, Claimed, Refusal, Reply, copy,
    transfers::{Brought, Taken, Transfers},
    whole_profile,
};
use crate::{
    daemon::{
        gate::{Grant, Operation, Wish},
        rekey, unlock,
    },
    secret::{OutOfSecretMemory, TrustProfileName},
    store::HEADER_MAX_BYTES,
    wire::{
        RESTORE_MAX_BYTES, TRANSFER_CHUNK_BYTES,
        message::{
            Backup, BackupPart, Passwd, Plaintext, Problem, Reason, Response, RestoreBegin,
            RestoreCommit,
        },
    },
};

impl Ask<'_> {
    pub(super) async fn passwd(&self, asked: &Passwd<'_>) -> Result<(), Refusal> {
        let wishes = [whole_profile(Operation::Unlock, asked.profile)];
        let _grant = self.admit_launcher("passwd", &wishes)?;
        let profile = name(asked.profile)?;
        let (old, new) = (copy(asked.old)?, copy(asked.new)?);
        self.record("passwd", &wishes, Claimed::default(), "granted", &[])?;
        self.settle().await?;
        let outcome = rekey::change_password(self.daemon, &profile, old, new).await;
        self.note_failure("passwd", &wishes, outcome)
    }

    pub(super) async fn backup(
        &self,
        transfers: &mut Transfers,
        asked: &Backup<'_>,
    ) -> Result<Reply, OutOfSecretMemory> {
        let outcome = match asked.offset {
            None => self.take(transfers, asked).await,
            Some(offset) => return self.read_backup(transfers, asked.profile, offset),
        };
        match (outcome, &transfers.backup) {
            (Ok(()), Some(Taken { snapshot, .. })) => {
                let names = snapshot.keys.iter().filter(|_| asked.names).map(String::as_str);
                Reply::new(&Response::Backup(BackupPart {
                    bytes: Plaintext(&snapshot.header),
                    database_bytes: snapshot.database_bytes,
                    secrets: snapshot.keys.len() as u64,
                    names: names.collect(),
                }))
            }
            (Ok(()), None) => Reply::new(&Response::Refused(problem(Reason::TransferBroken))),
            (Err(problems), _) => Reply::new(&Response::Refused(problems)),
        }
    }

    async fn take(&self, transfers: &mut Transfers, asked: &Backup<'_>) -> Result<(), Refusal> {
        transfers.backup = None;
        let wishes = [whole_profile(Operation::List, asked.profile)];
        let grant = self.admit_launcher("backup", &wishes)?;
        let profile = name(asked.profile)?;
        let taken = match self.daemon.vaults.whole(&grant, asked.profile) {
            Ok((store, master_key, _)) => {
                let vault = unlock::vault(self.daemon, &profile);
                let work = move || vault.snapshot(&store, &master_key);
                off_the_loop(work).await
            }
            Err(reason) => Err(problem(reason)),
        };
        let snapshot = self.conclude("backup", &wishes, Claimed::default(), taken).await?;
        transfers.backup = Some(Taken { profile, snapshot });
        Ok(())
    }

    /// What was granted when it was taken is read without asking again: it is on record, and
    /// encrypted.
    fn read_backup(
        &self,
        transfers: &mut Transfers,
        profile: &str,
        offset: u64,
    ) -> Result<Reply, OutOfSecretMemory> {
        let taken = transfers.backup.as_ref().filter(|taken| taken.profile.as_str() == profile);
        let Some(Taken { snapshot, .. }) = taken else {
            return Reply::new(&Response::Refused(problem(Reason::TransferBroken)));
        };
        let mut piece = vec![0; TRANSFER_CHUNK_BYTES];
        match snapshot.database.read_at(&mut piece, offset) {
            Ok(read) => Reply::new(&Response::Backup(BackupPart {
                bytes: Plaintext(piece.get(..read).unwrap_or_default()),
                database_bytes: snapshot.database_bytes,
                secrets: snapshot.keys.len() as u64,
                names: Vec::new(),
            })),
            Err(error) => {
                tracing::error!(%error, "can't read the copy of a vault");
                Reply::new(&Response::Refused(problem(Reason::VaultUnreadable)))
            }
        }
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
            return Err(problem(Reason::TransferTooLong));
        }
        if asked.header.0.len() as u64 > HEADER_MAX_BYTES {
            return Err(problem(Reason::BackupDamaged));
        }
        let vault = unlock::vault(self.daemon, &profile);
        // Told before all of it was sent for nothing.
        if vault.exists() && !asked.replace {
            return Err(problem(Reason::VaultExists));
        }
        let (header, bytes) = (asked.header.0.to_vec(), asked.database_bytes);
        let upload = off_the_loop(move || vault.begin_upload(&header, bytes)).await?;
        transfers.restore = Some(Brought { profile, upload, replace: asked.replace });
        Ok(())
    }

    pub(super) async fn write_restore(
        &self,
        transfers: &mut Transfers,
        piece: Plaintext<'_>,
    ) -> Result<(), Refusal> {
        let Some(mut brought) = transfers.restore.take() else {
            return Err(problem(Reason::TransferBroken));
        };
        // Ciphertext: no place for it in secret memory.
        let piece = piece.0.to_vec();
        let written = off_the_loop(move || {
            brought.upload.write(&piece)?;
            Ok(brought)
        });
        transfers.restore = Some(written.await.map_err(rekey::of_the_backup)?);
        Ok(())
    }

    pub(super) async fn restore(
        &self,
        transfers: &mut Transfers,
        asked: &RestoreCommit<'_>,
    ) -> Result<Reply, OutOfSecretMemory> {
        let Some(brought) = transfers.restore.take() else {
            return Reply::new(&Response::Refused(problem(Reason::TransferBroken)));
        };
        let profile = brought.profile.clone();
        match self.put_back(brought, asked).await {
            Ok(secrets) => self.opened(&profile, Some(secrets), Ok(())),
            Err(problems) => Reply::new(&Response::Refused(problems)),
        }
    }

    async fn put_back(&self, brought: Brought, asked: &RestoreCommit<'_>) -> Result<u64, Refusal> {
        let Brought { profile, upload, replace } = brought;
        let wishes = [whole_profile(Operation::Unlock, &profile)];
        let _grant = self.admit_launcher("restore", &wishes)?;
        let password = copy(asked.password)?;
        self.record("restore", &wishes, Claimed::default(), "granted", &[])?;
        self.settle().await?;
        let outcome = rekey::restore(self.daemon, &profile, upload, password, replace).await;
        self.note_failure("restore", &wishes, outcome)
    }

    /// Asks the gates, and that it is the launcher who asks.
    pub(super) fn admit_launcher<'r>(
        &self,
        word: &'static str,
        wishes: &'r [Wish<'r>],
    ) -> Result<Grant<'r>, Refusal> {
        let grant = self.admit(word, wishes, Claimed::default())?;
        if self.identity.is_launcher() {
            return Ok(grant);
        }
        let problems = problem(Reason::AccessDenied);
        let _ = self.record(word, wishes, Claimed::default(), "denied", &problems);
        Err(problems)
    }

    /// For what was on record as granted before it was tried.
    pub(super) fn note_failure<T>(
        &self,
        word: &'static str,
        wishes: &[Wish<'_>],
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if let Err(problems) = &outcome {
            let _ = self.record(word, wishes, Claimed::default(), "failed", problems);
        }
        outcome
    }
}

fn name(profile: &str) -> Result<TrustProfileName, Refusal> {
    TrustProfileName::new(profile).map_err(|_| problem(Reason::InvalidProfile))
}

fn problem(reason: Reason) -> Refusal {
    vec![Problem::with_request(reason)]
}

async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::store::VaultError> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| problem(unlock::reason(&error))),
        Err(_) => Err(problem(Reason::Internal)),
    }
}
