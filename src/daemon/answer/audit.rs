//! The audit trail, asked about: whether it is whole, and what runs now. Both are
//! the person's to ask: what is on the trail names every profile's keys.

use std::sync::Arc;

use super::{Ask, Claimed, Refusal, Reply};
use crate::{
    daemon::{
        audit::{self, Opener, Report},
        gate::{Operation, Wish},
        runs::Run,
    },
    secret::OutOfSecretMemory,
    wire::message::{AuditFinding, AuditReport, Problem, Reason, Response, RunRow},
};

impl Ask<'_> {
    pub(super) async fn audit_verify(&self) -> Result<Reply, OutOfSecretMemory> {
        match self.verified().await {
            Ok(report) => Reply::new(&Response::AuditReport(to_wire(&report))),
            Err(problems) => Reply::new(&Response::Refused(problems)),
        }
    }

    async fn verified(&self) -> Result<Report, Refusal> {
        const WORD: &str = "audit-verify";
        let wishes = self.admit_person(WORD)?;
        let stores = self.daemon.vaults.unlocked_stores();
        if stores.is_empty() {
            let problems = vec![Problem::with_request(Reason::Locked)];
            let _ = self.record(WORD, &wishes, Claimed::default(), "denied", &problems);
            return Err(problems);
        }
        let daemon = Arc::clone(self.daemon);
        let checked = tokio::task::spawn_blocking(move || {
            // A vault without an audit key, or one that is locked meanwhile, opens nothing.
            let opener = |(name, store): &(_, crate::store::SqlCipherStore)| {
                let vault = daemon.vault_id(name)?;
                Some(Opener { vault, private: store.audit_private_key().ok()? })
            };
            let openers: Vec<_> = stores.iter().filter_map(opener).collect();
            audit::verify(&daemon.trail, &openers)
        })
        .await;
        let outcome = match checked {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(error)) => {
                tracing::error!(%error, "the audit trail can't be read");
                Err(vec![Problem::with_request(Reason::AuditUnreadable)])
            }
            Err(_) => Err(vec![Problem::with_request(Reason::Internal)]),
        };
        self.conclude(WORD, &wishes, Claimed::default(), outcome).await
    }

    pub(super) fn audit_running(&self) -> Result<Reply, OutOfSecretMemory> {
        const WORD: &str = "audit-running";
        let recorded = self
            .admit_person(WORD)
            .and_then(|wishes| self.record(WORD, &wishes, Claimed::default(), "granted", &[]));
        if let Err(problems) = recorded {
            return Reply::new(&Response::Refused(problems));
        }
        let runs = self.daemon.runs.all();
        Reply::new(&Response::Running(runs.iter().map(row).collect()))
    }

    /// Asks the gates, and lets nobody but the launcher pass, whatever the rules say.
    pub(super) fn admit_person(&self, word: &'static str) -> Result<[Wish<'static>; 1], Refusal> {
        let wishes = [Wish { operation: Operation::Status, profiles: Vec::new(), key: None }];
        let _grant = self.admit(word, &wishes, Claimed::default())?;
        if !self.identity.is_launcher() {
            let problems = vec![Problem::with_request(Reason::AccessDenied)];
            let _ = self.record(word, &wishes, Claimed::default(), "denied", &problems);
            return Err(problems);
        }
        Ok(wishes)
    }
}

fn row(run: &Run) -> RunRow<'_> {
    RunRow {
        pid: run.pid,
        requester: &run.requester,
        project: run.project.as_deref(),
        command: run.command.as_deref(),
        profiles: run.profiles.iter().map(String::as_str).collect(),
        keys: run.keys.iter().map(String::as_str).collect(),
        since: &run.since,
    }
}

fn to_wire(report: &Report) -> AuditReport<'_> {
    AuditReport {
        files: report.files,
        segments: report.segments,
        lines: report.lines,
        findings: report.findings.iter().map(finding).collect(),
        more: report.more,
        more_notes: report.more_notes,
    }
}

fn finding(found: &audit::Finding) -> AuditFinding<'_> {
    AuditFinding {
        what: found.what,
        file: found.place.file,
        line: found.place.line,
        segment: found.place.segment,
        from: found.from,
        to: found.to,
        profiles: &found.profiles,
    }
}
