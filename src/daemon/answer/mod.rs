//! From a request to its answer: ask the gates, do it, record it, and only then
//! let go of anything.

mod audit;
mod bulk;
mod change;
mod client;
mod field;
mod keep;
mod lock;
mod look;
mod names;
mod read;
mod transfers;
mod versions;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

pub(super) use transfers::Transfers;

use super::{
    Daemon,
    audit::SecretOperationAudit,
    gate::{self, Facts, Grant, Operation, Rules, Wish},
    now,
    reasons::reason_of,
    runs::Run,
    session::Identity,
    stamp,
    vault_state::Release,
};
use crate::{
    config::Sync,
    secret::{OutOfSecretMemory, SecureBuffer, SecureBytes},
    store::StoreError,
    wire::message::{self, KeyInProfile, Plaintext, Problem, Reason, Request, Response},
};

/// An answer, encoded, and what it depends on.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) encoded: SecureBuffer,
    /// The unlocked profiles whose values are in it: if one is locked before the
    /// answer has left, it must not leave.
    pub(super) releases: Vec<Release>,
    /// The run that these values are for, which is watched once they have left.
    pub(super) run: Option<Run>,
    /// Whether the daemon is to leave after it.
    pub(super) stop: bool,
}

impl Reply {
    fn new(response: &Response<'_>) -> Result<Self, OutOfSecretMemory> {
        let encoded = message::encode(response)?;
        Ok(Self { encoded, releases: Vec::new(), run: None, stop: false })
    }
}

/// Why a request was not granted, or could not be done.
pub(super) type Refusal = Vec<Problem>;

/// What else goes on the trail: what a client says of itself, which never decides
/// anything, and whose enrolment a request is about.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claimed<'r> {
    project: Option<&'r str>,
    command: Option<&'r str>,
    client: Option<&'r str>,
}

/// Answers one request. A refusal is an answer.
///
/// # Errors
/// [`OutOfSecretMemory`] if not even a refusal could be encoded.
pub(super) async fn answer(
    daemon: &Arc<Daemon>,
    identity: &Identity,
    transfers: &mut Transfers,
    request: Request<'_>,
) -> Result<Reply, OutOfSecretMemory> {
    let ask = Ask { daemon, identity };
    let request = match super::field::unsealed(request) {
        Ok(request) => request,
        Err(reason) => return ask.of_the_other_build(reason),
    };
    let outcome = match request {
        Request::Resolve(batch) => return ask.resolve(&batch).await,
        Request::Get(at) => return ask.get(at).await,
        Request::List(profile) => return ask.list(profile).await,
        Request::Look(batch) => return ask.look(&batch).await,
        Request::Status => return ask.status().await,
        Request::Complete(asked) => return ask.complete(&asked).await,
        Request::Backup(asked) => return ask.backup(transfers, &asked).await,
        Request::RestoreCommit(asked) => return ask.restore(transfers, &asked).await,
        Request::History(at) => return ask.history(at).await,
        Request::GetVersion(asked) => return ask.get_version(asked).await,
        Request::Rollback(asked) => ask.rollback(asked).await,
        Request::Passwd(asked) => {
            return ask.opened(asked.profile, None, ask.passwd(&asked).await);
        }
        Request::RestoreBegin(asked) => ask.begin_restore(transfers, &asked).await,
        Request::RestoreWrite(piece) => ask.write_restore(transfers, piece).await,
        Request::ImportPart(asked) => ask.import_part(transfers, &asked).await,
        Request::Approvals(profile) => return ask.approvals(profile).await,
        Request::AuditVerify => return ask.audit_verify().await,
        Request::AuditRunning => return ask.audit_running(),
        Request::Stop => return ask.stop(),
        Request::ClientAdd(asked) => return ask.client_add(&asked).await,
        Request::ClientList => return ask.client_list(),
        Request::ClientRevoke(name) => ask.client_revoke(name).await,
        Request::Lock(profile) => ask.lock(profile),
        Request::Unlock(asked) => {
            return ask.opened(asked.profile, None, ask.unlock(&asked, false).await);
        }
        Request::Create(asked) => {
            return ask.opened(asked.profile, None, ask.unlock(&asked, true).await);
        }
        Request::Set(asked) => ask.set(&asked).await,
        Request::Delete(at) => ask.delete(at).await,
        Request::Rename(asked) => ask.rename(&asked).await,
        Request::Import(asked) => ask.import(&asked).await,
        Request::Approve(asked) => ask.approve(&asked).await,
        Request::Disapprove(asked) => ask.disapprove(&asked).await,
        Request::Sealed(_) => Err(vec![Problem::with_request(Reason::Malformed)]),
    };
    Reply::new(&outcome.map_or_else(Response::Refused, |()| Response::Done))
}

/// One request being answered.
#[derive(Debug, Clone, Copy)]
struct Ask<'a> {
    daemon: &'a Arc<Daemon>,
    identity: &'a Identity,
}

impl Ask<'_> {
    /// Asks the gates. A denial is recorded here, and nothing further runs.
    fn admit<'r>(
        &self,
        word: &'static str,
        wishes: &'r [Wish<'r>],
        claimed: Claimed<'_>,
    ) -> Result<Grant<'r>, Refusal> {
        let outcome = self.ask_gates(wishes);
        if let Err(problems) = &outcome {
            self.hold(&self.daemon.settings.current().limits, problems);
            // A denial that can't be recorded stays a denial.
            let _ = self.record(word, wishes, claimed, "denied", problems);
            self.identity.count_denial();
        }
        outcome
    }

    /// Asks the gates and records nothing.
    fn ask_gates<'r>(&self, wishes: &'r [Wish<'r>]) -> Result<Grant<'r>, Refusal> {
        self.daemon.checkpoint();
        let settings = self.daemon.settings.current();
        let facts = Facts {
            any_unlocked: self.daemon.vaults.any_unlocked(),
            activity: &self.daemon.vaults,
            peer: self.identity.who.peer(),
            rules: self.rules(&settings.access),
            limits: &settings.limits,
            now: now(),
        };
        gate::admit(wishes, &facts, &mut self.daemon.buckets())
    }

    /// Whoever was told to wait is not listened to meanwhile, and neither is a client that
    /// is denied more often than it may ask: the gates before the rate cost something too.
    fn hold(&self, limits: &gate::RateLimits, problems: &[Problem]) {
        let told = problems.iter().filter_map(|problem| problem.retry_after_ms).max();
        let wait = told.map(Duration::from_millis).or_else(|| {
            let name = self.identity.client_name()?;
            self.daemon.denials().take(name, limits.of(name), now()).err()
        });
        wait.into_iter().for_each(|wait| self.identity.hold(wait));
    }

    /// What says what this requester may do.
    fn rules<'a>(&'a self, access: &'a gate::Access) -> Rules<'a> {
        Rules { access, enrolled: self.identity.who.enrolled() }
    }

    /// The one place that writes the audit event and the log line beside it.
    fn record(
        &self,
        operation: &'static str,
        wishes: &[Wish<'_>],
        claimed: Claimed<'_>,
        outcome: &'static str,
        problems: &[Problem],
    ) -> Result<(), Refusal> {
        self.daemon.checkpoint();
        let requester = self.identity.name();
        let who = Requester { name: requester, pid: self.identity.caller.pid };
        let event = SecretOperationAudit {
            time: stamp(),
            ..event(who, operation, wishes, claimed, outcome, problems)
        };
        let appended = self.daemon.trail.append(&event, now());
        // Of a flood that the trail sums up the log has no line either.
        if !matches!(appended, Ok(false)) {
            tracing::info!(
                requester,
                pid = event.pid,
                operation,
                profiles = ?event.profiles,
                outcome,
                reasons = ?event.reasons,
                "request"
            );
        }
        appended.map(drop).map_err(|error| {
            tracing::error!(%error, "the audit trail can't be written");
            vec![Problem::with_request(Reason::AuditUnavailable)]
        })
    }

    /// Waits, if the config says so, until what is on record is on the disk for good.
    async fn settle(&self) -> Result<(), Refusal> {
        self.daemon.checkpoint();
        if self.daemon.settings.current().sync != Sync::Always {
            return Ok(());
        }
        let daemon = Arc::clone(self.daemon);
        let synced = tokio::task::spawn_blocking(move || daemon.trail.sync()).await;
        match synced {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, "the audit trail can't be synced");
                Err(vec![Problem::with_request(Reason::AuditUnavailable)])
            }
            Err(_) => Err(vec![Problem::with_request(Reason::Internal)]),
        }
    }

    /// Records the outcome of something that was tried: what can't be recorded
    /// is not released.
    async fn conclude<T>(
        &self,
        word: &'static str,
        wishes: &[Wish<'_>],
        claimed: Claimed<'_>,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        match &outcome {
            Ok(_) => {
                self.record(word, wishes, claimed, "granted", &[])?;
                self.settle().await?;
            }
            Err(problems) => self.record(word, wishes, claimed, "failed", problems)?,
        }
        outcome
    }
}

/// Who is on record as having asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requester<'r> {
    pub(super) name: &'r str,
    pub(super) pid: i32,
}

/// What goes on record, but for when: a pure function of what was asked and decided.
pub(super) fn event<'e>(
    requester: Requester<'e>,
    operation: &'e str,
    wishes: &[Wish<'e>],
    claimed: Claimed<'e>,
    outcome: &'static str,
    problems: &[Problem],
) -> SecretOperationAudit<'e> {
    let profiles: BTreeSet<&str> =
        wishes.iter().flat_map(|wish| wish.profiles.iter().copied()).collect();
    let reasons: BTreeSet<&'static str> =
        problems.iter().map(|problem| problem.reason.word()).collect();
    SecretOperationAudit {
        requester: requester.name,
        pid: requester.pid,
        operation,
        profiles: profiles.into_iter().collect(),
        keys: wishes.iter().filter_map(|wish| wish.key).collect(),
        outcome,
        reasons: reasons.into_iter().collect(),
        project: claimed.project,
        command: claimed.command,
        client: claimed.client,
        ..SecretOperationAudit::default()
    }
}

fn wish<'r>(operation: Operation, at: KeyInProfile<'r>) -> Wish<'r> {
    Wish { operation, profiles: vec![at.profile], key: Some(at.key) }
}

fn whole_profile(operation: Operation, profile: &str) -> Wish<'_> {
    Wish { operation, profiles: vec![profile], key: None }
}

async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Refusal> {
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome
        .unwrap_or(Err(StoreError::Abandoned))
        .map_err(|error| vec![Problem::with_request(reason_of(&error))])
}

fn copy(value: Plaintext<'_>) -> Result<SecureBytes, Refusal> {
    SecureBytes::copy_from(value.0)
        .map_err(|_| vec![Problem::with_request(Reason::OutOfSecretMemory)])
}
