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
mod reply;
mod status;
mod transfers;
mod versions;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

pub(super) use reply::{Encoded, Reply, sealed};
pub(super) use transfers::Transfers;

use super::{
    Daemon,
    audit::SecretOperationAudit,
    gate::{self, Facts, Grant, Operation, Rules, Wish},
    millis, now,
    reasons::{Refusal, off_the_loop, refusal},
    runs::{self, Run},
    session::Identity,
    stamp,
};
use crate::{
    config::TrailSync,
    secret::{OutOfSecretMemory, SecureBytes, TrustProfileName},
    wire::message::{KeyInProfile, Plaintext, Problem, Reason, Request, Response},
};

/// Why a handler has no answer of its own.
#[derive(Debug)]
enum NoAnswer {
    /// The request was not granted, or could not be done: the refusal is the answer.
    Refused(Refusal),
    /// There is no memory for the answer.
    OutOfSecretMemory,
}

impl From<Refusal> for NoAnswer {
    fn from(problems: Refusal) -> Self {
        Self::Refused(problems)
    }
}

impl From<OutOfSecretMemory> for NoAnswer {
    fn from(_: OutOfSecretMemory) -> Self {
        Self::OutOfSecretMemory
    }
}

/// What a handler comes to.
type Answer = Result<Reply, NoAnswer>;

/// What else goes on the trail: what a client claims about itself, which never decides
/// anything; the client whose enrolment a request is about; and the run that begins if it is
/// granted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claimed<'r> {
    project: Option<&'r str>,
    command: Option<&'r str>,
    client: Option<&'r str>,
    run: Option<&'r Run>,
}

/// Answers one request. A refusal is an answer.
pub(super) async fn answer(
    daemon: &Arc<Daemon>,
    identity: &Identity,
    transfers: &mut Transfers,
    request: Request<'_>,
) -> Reply {
    let ask = Ask { daemon, identity };
    let answer = match super::field::unsealed(request) {
        Ok(request) => ask.dispatch(transfers, request).await,
        Err(reason) => ask.of_the_other_build(reason),
    };
    match answer {
        Ok(reply) => reply,
        Err(NoAnswer::Refused(problems)) => Reply::plain(&Response::Refused(problems)),
        Err(NoAnswer::OutOfSecretMemory) => Reply::out_of_secret_memory(),
    }
}

/// One request being answered.
#[derive(Debug, Clone, Copy)]
struct Ask<'a> {
    daemon: &'a Arc<Daemon>,
    identity: &'a Identity,
}

impl Ask<'_> {
    async fn dispatch(&self, transfers: &mut Transfers, request: Request<'_>) -> Answer {
        match request {
            Request::Resolve(batch) => return self.resolve(&batch).await,
            Request::Look(batch) => return self.look(&batch).await,
            Request::Get(at) => return self.get(at).await,
            Request::GetVersion(asked) => return self.get_version(asked).await,
            Request::List(profile) => return self.list(profile).await,
            Request::Complete(asked) => return self.complete(&asked).await,
            Request::History(at) => return self.history(at).await,
            Request::Approvals(profile) => return self.approvals(profile).await,
            Request::Status => return self.status().await,
            Request::Unlock(asked) => return self.unlock(&asked).await,
            Request::Create(asked) => return self.create(&asked).await,
            Request::Passwd(asked) => return self.passwd(&asked).await,
            Request::Backup(asked) => return self.backup(transfers, &asked).await,
            Request::RestoreCommit(asked) => return self.restore(transfers, &asked).await,
            Request::AuditVerify => return self.audit_verify().await,
            Request::AuditRunning => return self.audit_running(),
            Request::ClientAdd(asked) => return self.client_add(&asked).await,
            Request::ClientList => return self.client_list(),
            Request::Stop => return self.stop(),
            Request::Lock(profile) => self.lock(profile)?,
            Request::Set(asked) => self.set(&asked).await?,
            Request::Delete(at) => self.delete(at).await?,
            Request::Rename(asked) => self.rename(&asked).await?,
            Request::Rollback(asked) => self.rollback(asked).await?,
            Request::Import(asked) => self.import(&asked).await?,
            Request::ImportPart(asked) => self.import_part(transfers, &asked).await?,
            Request::Approve(asked) => self.approve(&asked).await?,
            Request::Disapprove(asked) => self.disapprove(&asked).await?,
            Request::RestoreBegin(asked) => self.begin_restore(transfers, &asked).await?,
            Request::RestoreWrite(piece) => self.write_restore(transfers, piece).await?,
            Request::ClientRevoke(name) => self.client_revoke(name).await?,
            Request::Sealed(_) => return Err(refusal(Reason::Malformed).into()),
        }
        Ok(Reply::done())
    }

    /// Asks the gates. A denial is recorded here, and nothing further runs.
    fn admit<'r>(
        &self,
        word: &'static str,
        wishes: &'r [Wish<'r>],
        claimed: Claimed<'_>,
    ) -> Result<Grant<'r>, Refusal> {
        let outcome = self.ask_gates(wishes);
        let outcome =
            outcome.map_err(|problems| self.daemon.vaults.naming_damage(wishes, problems));
        if let Err(problems) = &outcome {
            self.hold(&self.daemon.settings.current().limits, problems);
            // A denial that can't be recorded stays a denial.
            let _ = self.record(word, wishes, claimed, "denied", problems);
            self.identity.count_denial();
        }
        outcome
    }

    /// Asks the gates, and that it is the launcher who asks: for what is the person's own to do,
    /// whatever the rules say.
    fn admit_launcher<'r>(
        &self,
        word: &'static str,
        wishes: &'r [Wish<'r>],
    ) -> Result<Grant<'r>, Refusal> {
        let grant = self.admit(word, wishes, Claimed::default())?;
        if self.identity.is_launcher() {
            return Ok(grant);
        }
        Err(self.deny(word, wishes, Claimed::default(), refusal(Reason::AccessDenied)))
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
            time: claimed.run.map_or_else(stamp, |run| run.since.clone()),
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
        appended.map_err(|error| {
            tracing::error!(%error, "the audit trail can't be written");
            refusal(Reason::AuditUnavailable)
        })?;
        // Whatever may still keep the values back: each run that is on record gets an end.
        if let Some(run) = claimed.run.filter(|_| outcome == "granted") {
            runs::watch(self.daemon, run.clone(), self.identity.caller.process.as_ref());
        }
        Ok(())
    }

    /// Records a denial beyond the gates. One that can't be recorded stays a denial.
    fn deny(
        &self,
        word: &'static str,
        wishes: &[Wish<'_>],
        claimed: Claimed<'_>,
        problems: Refusal,
    ) -> Refusal {
        let _ = self.record(word, wishes, claimed, "denied", &problems);
        problems
    }

    /// Records the failure of what was on record as granted before it was tried. One that can't
    /// be recorded stays a failure.
    fn note_failure<T>(
        &self,
        word: &'static str,
        wishes: &[Wish<'_>],
        claimed: Claimed<'_>,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if let Err(problems) = &outcome {
            let _ = self.record(word, wishes, claimed, "failed", problems);
        }
        outcome
    }

    /// Waits, if the config says so, until what is on record is on the disk for good.
    async fn settle(&self) -> Result<(), Refusal> {
        self.daemon.checkpoint();
        if self.daemon.settings.current().sync != TrailSync::Always {
            return Ok(());
        }
        let daemon = Arc::clone(self.daemon);
        let synced = tokio::task::spawn_blocking(move || daemon.trail.sync()).await;
        match synced {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, "the audit trail can't be synced");
                Err(refusal(Reason::AuditUnavailable))
            }
            Err(_) => Err(refusal(Reason::Internal)),
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
        let outcome =
            outcome.map_err(|problems| self.daemon.vaults.naming_damage(wishes, problems));
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
    let begun = claimed.run.filter(|_| outcome == "granted");
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
        process: begun.and_then(|run| run.process),
        uptime_ms: begun.map(|run| millis(run.begun)),
        ..SecretOperationAudit::default()
    }
}

fn wish<'r>(operation: Operation, at: KeyInProfile<'r>) -> Wish<'r> {
    Wish { operation, profiles: vec![at.profile], key: Some(at.key) }
}

fn whole_profile(operation: Operation, profile: &str) -> Wish<'_> {
    Wish { operation, profiles: vec![profile], key: None }
}

/// A wish for the daemon itself, which names no profile and no key.
fn of_the_daemon() -> [Wish<'static>; 1] {
    [Wish { operation: Operation::Status, profiles: Vec::new(), key: None }]
}

fn name(profile: &str) -> Result<TrustProfileName, Refusal> {
    TrustProfileName::new(profile).map_err(|_| refusal(Reason::InvalidProfile))
}

fn copy(value: Plaintext<'_>) -> Result<SecureBytes, Refusal> {
    SecureBytes::copy_from(value.0).map_err(|_| refusal(Reason::OutOfSecretMemory))
}
