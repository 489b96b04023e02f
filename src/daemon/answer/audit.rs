//! The audit trail, asked about: whether it is whole, and what runs now. Both are
//! the person's to ask: what is on the trail names every profile's keys.

use std::sync::Arc;

use super::{Answer, Ask, Claimed, Reply, of_the_daemon, off_the_loop, refusal};
use crate::{
    daemon::{
        audit::{self, Opener, Report},
        runs::Run,
    },
    wire::message::{AuditFinding, AuditReport, Reason, Response, RunRow},
};

impl Ask<'_> {
    pub(super) async fn audit_verify(&self) -> Answer {
        const WORD: &str = "audit-verify";
        let wishes = of_the_daemon();
        let _grant = self.admit_launcher(WORD, &wishes)?;
        let stores = self.daemon.vaults.unlocked_stores();
        if stores.is_empty() {
            let problems = refusal(Reason::Locked);
            return Err(self.deny(WORD, &wishes, Claimed::default(), problems).into());
        }
        let daemon = Arc::clone(self.daemon);
        let checked = off_the_loop(move || {
            // A vault without an audit key, or one that is locked meanwhile, opens nothing.
            let opener = |(name, store): &(_, crate::store::SqlCipherStore)| {
                let vault = daemon.vault_id(name)?;
                Some(Opener { vault, private: store.audit_private_key().ok()? })
            };
            let openers: Vec<_> = stores.iter().filter_map(opener).collect();
            audit::verify(&daemon.trail, &openers).map_err(|error| {
                tracing::error!(%error, "the audit trail can't be read");
                Reason::AuditUnreadable
            })
        })
        .await;
        let report = self.conclude(WORD, &wishes, Claimed::default(), checked).await?;
        Ok(Reply::new(&Response::AuditReport(to_wire(&report)))?)
    }

    pub(super) fn audit_running(&self) -> Answer {
        const WORD: &str = "audit-running";
        let wishes = of_the_daemon();
        let _grant = self.admit_launcher(WORD, &wishes)?;
        self.record(WORD, &wishes, Claimed::default(), "granted", &[])?;
        let runs = self.daemon.runs.all();
        Ok(Reply::new(&Response::Running(runs.iter().map(row).collect()))?)
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
