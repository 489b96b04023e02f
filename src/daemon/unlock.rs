//! Passwords: one at a time, and slower with each wrong one.

use std::{
    collections::HashMap,
    fs, io,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    Daemon,
    audit::{HeadNote, Noted, Recipient, Sought},
    place,
    reasons::{Refusal, off_the_loop, refusal},
    vault_state::Vaults,
};
use crate::{
    crypto::KdfParams,
    home::Home,
    secret::{PASSWORD_MAX_BYTES, SecureBytes, TrustProfileName},
    store::{
        AuditKeys, Header, JitDelivery, Note, SqlCipherStore, StoreError, Unlocked, Vault,
        VaultError,
    },
    wire::{
        identity::KeyPair,
        message::{Problem, Reason},
    },
};

/// Each wrong password makes the next try wait this much longer.
const DELAY_STEP: Duration = Duration::from_millis(100);
/// No try waits longer than this.
const DELAY_MAX: Duration = Duration::from_secs(10);
/// Tries that wait for their turn; beyond, they are sent away.
const WAITING_MAX: usize = 8;

/// The wrong passwords so far, by profile. Kept on disk, so that restarting the
/// daemon does not start anew; only the right password does.
#[derive(Debug)]
pub(super) struct Tries {
    folder: PathBuf,
    failures: Mutex<HashMap<TrustProfileName, u32>>,
    /// One Argon2 at a time: its 64 MiB times many would be a way to the OOM killer.
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
}

impl Tries {
    pub(super) fn open(home: &Home) -> Self {
        Self {
            folder: home.tries(),
            failures: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    fn failures(&self, profile: &TrustProfileName) -> u32 {
        let mut known = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(profile.clone()).or_insert_with(|| {
            let noted = fs::read_to_string(self.folder.join(profile.as_str())).ok();
            noted.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
        })
    }

    pub(super) fn note(&self, profile: &TrustProfileName, failures: u32) {
        let mut known = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(profile.clone(), failures);
        let path = self.folder.join(profile.as_str());
        if failures == 0 {
            let _ = fs::remove_file(path);
            return;
        }
        let _ = fs::create_dir_all(&self.folder);
        if let Err(error) = place::write_private(&path, failures.to_string().as_bytes()) {
            tracing::warn!(%error, "can't note a wrong password");
        }
    }

    /// Whether a password is being tried, or waits for its turn.
    pub(super) fn are_under_way(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn delay(&self, profile: &TrustProfileName) -> Duration {
        (DELAY_STEP * self.failures(profile).min(1_000)).min(DELAY_MAX)
    }
}

/// Counts a waiting try for as long as it lives.
#[derive(Debug)]
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Option<Self> {
        let entered = Self(waiting);
        // From here on the drop counts it out again.
        (waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Opens a profile's vault with its password.
pub(super) async fn unlock(
    daemon: &Daemon,
    profile: &TrustProfileName,
    password: SecureBytes,
    accept_older: bool,
) -> Result<(), Refusal> {
    let vault = vault(daemon, profile);
    attempt(daemon, profile, password, move |password| vault.unlock(password, accept_older)).await
}

/// Makes a profile's vault and leaves it unlocked.
pub(super) async fn create(
    daemon: &Daemon,
    profile: &TrustProfileName,
    password: SecureBytes,
) -> Result<(), Refusal> {
    let vault = vault(daemon, profile);
    attempt(daemon, profile, password, move |password| {
        let pair = KeyPair::generate()?;
        let keys = AuditKeys { public: *pair.public(), private: pair.private().try_clone()? };
        vault.create(password, &KdfParams::DEFAULT, Some(&keys))
    })
    .await
}

pub(super) fn vault(daemon: &Daemon, profile: &TrustProfileName) -> Vault {
    Vault::new(&daemon.home.vaults(), &daemon.home.generations(), profile)
}

async fn attempt(
    daemon: &Daemon,
    profile: &TrustProfileName,
    password: SecureBytes,
    work: impl FnOnce(&[u8]) -> Result<Unlocked, VaultError> + Send + 'static,
) -> Result<(), Refusal> {
    let (unlocked, _turn) = trial(daemon, profile, password, work).await?;
    daemon.tries.note(profile, 0);
    take_in(daemon, profile, unlocked).await
}

/// The right to work with a password: nobody else unlocks or makes a vault meanwhile.
#[derive(Debug)]
pub(super) struct Turn<'d> {
    _turn: tokio::sync::MutexGuard<'d, ()>,
    _waiting: Waiting<'d>,
}

/// Tries a password: waits for its turn, and then for as long as the wrong ones before have
/// earned. A wrong one is counted here. A right one ends the count only when the caller says so,
/// who knows whether it was the password of the profile's own vault.
pub(super) async fn trial<'d, T: Send + 'static>(
    daemon: &'d Daemon,
    profile: &TrustProfileName,
    password: SecureBytes,
    work: impl FnOnce(&[u8]) -> Result<T, VaultError> + Send + 'static,
) -> Result<(T, Turn<'d>), Refusal> {
    check_form(&password)?;
    let Some(waiting) = Waiting::enter(&daemon.tries.waiting) else {
        let wait = daemon.tries.delay(profile).max(DELAY_STEP);
        let retry_after_ms = u64::try_from(wait.as_millis()).ok();
        let problem = Problem { retry_after_ms, ..Problem::with_request(Reason::TooSoon) };
        return Err(vec![problem]);
    };
    let turn = Turn { _turn: daemon.tries.turn.lock().await, _waiting: waiting };
    daemon.checkpoint();
    tokio::time::sleep(daemon.tries.delay(profile)).await;
    let opened = tokio::task::spawn_blocking(move || work(password.expose())).await;
    match opened {
        Ok(Ok(opened)) => Ok((opened, turn)),
        Ok(Err(error)) => {
            if error == VaultError::WrongPassword {
                daemon.tries.note(profile, daemon.tries.failures(profile).saturating_add(1));
            }
            tracing::info!(%profile, %error, "not unlocked");
            Err(refusal(error))
        }
        Err(_) => Err(refusal(Reason::Internal)),
    }
}

/// Whether it has the length of a password.
pub(super) fn check_form(password: &SecureBytes) -> Result<(), Refusal> {
    if password.is_empty() || password.len() > PASSWORD_MAX_BYTES {
        return Err(refusal(Reason::UnusablePassword));
    }
    Ok(())
}

/// Puts an opened vault behind its cache.
pub(super) async fn take_in(
    daemon: &Daemon,
    profile: &TrustProfileName,
    unlocked: Unlocked,
) -> Result<(), Refusal> {
    if unlocked.note == Note::Absent || unlocked.note == Note::Accepted {
        tracing::warn!(%profile, note = ?unlocked.note, "the vault's generation was not vouched for");
    }
    daemon.checkpoint();
    let settings = daemon.settings.current();
    let (store, history) = (unlocked.store, settings.history);
    let (heads, header) = (daemon.home.audit_heads(), unlocked.header);
    let trail = daemon.home.audit();
    let to = recipient(profile, &header);
    let suspect = daemon.vaults.is_suspect(profile) && !unlocked.integrity_checked;
    let prepared = off_the_loop(move || {
        if suspect {
            store.integrity_check()?;
        }
        store.keep_history(history)?;
        let approvals = store.approvals_list()?;
        let note = head_note(heads, &header, &store)?;
        // What can't be read is as good as altered: it does not vouch for the trail.
        let noted = note.as_ref().map(|note| note.read().unwrap_or(Noted::Altered));
        let sought = noted.map(|noted| noted.seek(&trail).map(|sought| (noted, sought)));
        Ok::<_, StoreError>((store, approvals, note, sought))
    })
    .await?;
    let (store, approvals, note, sought) = prepared;
    trust_trail(daemon, profile, to.as_ref(), sought)?;
    let checked = store.clone();
    let delivery = JitDelivery::new(store, settings.lifetimes.value);
    daemon.vaults.activate(profile, unlocked.master_key, delivery, approvals, note);
    daemon.vaults.acquit(profile);
    if !unlocked.integrity_checked && !suspect {
        check_beside(daemon, profile, checked);
    }
    Ok(())
}

/// The place of the note of the trail's head, for a vault that has an audit key.
fn head_note(
    heads: PathBuf,
    header: &Header,
    store: &SqlCipherStore,
) -> Result<Option<HeadNote>, StoreError> {
    match store.audit_private_key() {
        Ok(private) => Ok(Some(HeadNote::new(heads, header.vault_id(), &private)?)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lets a vault vouch for the trail from here on, and judges what was noted for it when
/// it was unlocked last by what the trail has of it.
fn trust_trail(
    daemon: &Daemon,
    profile: &TrustProfileName,
    to: Option<&Recipient>,
    sought: Option<io::Result<(Noted, Sought)>>,
) -> Result<(), Refusal> {
    let recorded = || {
        to.map_or(Ok(()), |to| daemon.trail.admit(to))?;
        let judge = |(noted, sought)| daemon.trail.judge(profile, &noted, sought);
        if !sought.map_or(Ok(true), |sought| sought.and_then(judge))? {
            tracing::error!(%profile, "the audit trail is not the one that was noted last");
        }
        Ok(())
    };
    recorded().map_err(|error: io::Error| {
        tracing::error!(%error, "the audit trail can't be written");
        refusal(Reason::AuditUnavailable)
    })
}

/// The vaults that the audit trail's keys are sealed to, whenever it is asked.
pub(super) fn recipients(home: &Home) -> impl Fn() -> Vec<Recipient> + Send + Sync + 'static {
    let (vaults, home) = (Vaults::new(home.clone()), home.clone());
    move || {
        let one = |profile: TrustProfileName| {
            let header = Vault::new(&home.vaults(), &home.generations(), &profile).header().ok()?;
            recipient(&profile, &header)
        };
        vaults.on_disk().into_iter().filter_map(one).collect()
    }
}

fn recipient(profile: &TrustProfileName, header: &Header) -> Option<Recipient> {
    let public = header.audit_public_key()?;
    Some(Recipient { profile: profile.to_string(), vault: header.vault_id(), public })
}

/// Checks the whole vault while it already serves; damage locks it.
fn check_beside(daemon: &Daemon, profile: &TrustProfileName, store: crate::store::SqlCipherStore) {
    let (vaults, profile) = (daemon.vaults.clone(), profile.clone());
    tokio::spawn(async move {
        let outcome = tokio::task::spawn_blocking(move || store.integrity_check()).await;
        if let Ok(Err(error)) = outcome
            && error != crate::store::StoreError::Locked
        {
            tracing::error!(%profile, %error, "locked: the vault is damaged");
            vaults.lock_damaged(&profile);
        }
    });
}
