//! Changing a password, and restoring a vault: what swaps a vault, and so needs it alone.
//!
//! Whoever holds the [`Turn`] is the only one to open or make a vault. So a profile that is
//! locked under it stays locked until the swap is done.

use super::{
    Daemon,
    reasons::{Refusal, refusal},
    unlock::{self, Turn},
};
use crate::{
    crypto::KdfParams,
    secret::{SecureBytes, TrustProfileName},
    store::{Unlocked, Upload, VaultError},
    wire::message::Reason,
};

/// Gives a profile's vault another password, and leaves it unlocked. Where that fails, an
/// unlocked profile is unlocked again as it was.
pub(super) async fn change_password(
    daemon: &Daemon,
    profile: &TrustProfileName,
    old: SecureBytes,
    new: SecureBytes,
) -> Result<(), Refusal> {
    unlock::check_form(&new)?;
    let vault = unlock::vault(daemon, profile);
    let proving = vault.clone();
    // Both runs of Argon2 before anything is locked: it takes that long only once more.
    let ((proven, fresh), turn) = unlock::trial(daemon, profile, old, move |old| {
        let proven = proving.prove(old)?;
        let fresh = proven.fresh(new.expose(), &KdfParams::DEFAULT)?;
        Ok((proven, fresh))
    })
    .await?;
    daemon.tries.note(profile, 0);
    let was_unlocked = daemon.vaults.is_active(profile);
    daemon.vaults.lock_profile(profile);
    let outcome = tokio::task::spawn_blocking(move || match vault.rekey(&proven, &fresh) {
        Ok(unlocked) => (Ok(()), Some(unlocked)),
        Err(error) if was_unlocked => (Err(error), vault.open_proven(&proven).ok()),
        Err(error) => (Err(error), None),
    })
    .await;
    settle(daemon, profile, outcome, turn).await
}

/// Puts an uploaded vault in a profile's place, and leaves it unlocked; says how many secrets
/// are in it. Nothing is replaced unless all of the upload was found whole.
pub(super) async fn restore(
    daemon: &Daemon,
    profile: &TrustProfileName,
    upload: Upload,
    password: SecureBytes,
    replace: bool,
) -> Result<u64, Refusal> {
    let vault = unlock::vault(daemon, profile);
    // Before the password is tried: this is no way to learn whether it is right.
    if vault.exists() && !replace {
        return Err(refusal(Reason::VaultExists));
    }
    let checking = vault.clone();
    let ((upload, checked), turn) = unlock::trial(daemon, profile, password, move |password| {
        let checked = checking.check_upload(&upload, password)?;
        Ok((upload, checked))
    })
    .await
    .map_err(of_the_backup)?;
    let secrets = checked.secrets;
    daemon.vaults.lock_profile(profile);
    let outcome =
        tokio::task::spawn_blocking(move || match vault.restore(upload, checked, replace) {
            Ok(unlocked) => (Ok(()), Some(unlocked)),
            Err(error) => (Err(error), None),
        })
        .await;
    settle(daemon, profile, outcome, turn).await?;
    daemon.tries.note(profile, 0);
    Ok(secrets)
}

/// Takes in what is unlocked after a swap, whether or not that succeeded.
async fn settle(
    daemon: &Daemon,
    profile: &TrustProfileName,
    outcome: Result<(Result<(), VaultError>, Option<Unlocked>), tokio::task::JoinError>,
    turn: Turn<'_>,
) -> Result<(), Refusal> {
    let Ok((done, unlocked)) = outcome else { return Err(refusal(Reason::Internal)) };
    if let Some(unlocked) = unlocked {
        unlock::take_in(daemon, profile, unlocked).await?;
    }
    drop(turn);
    done.map_err(|error| {
        tracing::error!(%profile, %error, "the vault was not swapped");
        refusal(error)
    })
}

/// What is wrong with an uploaded vault is wrong with the backup, and not with the vault that
/// is there.
pub(super) fn of_the_backup(refusal: Refusal) -> Refusal {
    let name = |reason| match reason {
        Reason::VaultDamaged
        | Reason::HeaderMissing
        | Reason::DatabaseMissing
        | Reason::OtherVault => Reason::BackupDamaged,
        other => other,
    };
    refusal
        .into_iter()
        .map(|mut problem| {
            problem.reason = name(problem.reason);
            problem
        })
        .collect()
}
