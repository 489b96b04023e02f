//! `check`: would `run` start? Every problem at once, no value. Never asks, and prolongs
//! nothing: it may be a hook that runs all day.

use std::ffi::OsStr;

use serde_json::{Value, json};

use super::{CommandError, expiry::Expiring, print};
use crate::{
    cli,
    client::{AskError, Asker, Passwords, Refusal},
    error::{self, Error, Finding, exit_of_refusals, of_refusals, of_run},
    home::Home,
    run::{
        RunError,
        asked::Asked,
        explain::inherited_names,
        look::{Look, Sight, winner},
        plan::Plan,
    },
    say::{self, Told},
    secret::TrustProfileName,
};

pub(super) fn check(options: &cli::Check, home: &Home) -> Result<(), Error> {
    let mut report = Report { manifest_only: options.no_values, ..Report::default() };
    let outcome = report.fill(options, home);
    if options.json {
        if let Err(error) = &outcome {
            report.failed(error);
        }
        print(say::json_line(&report.as_json()).as_bytes())?;
        return match report.findings.is_empty() {
            true => Ok(()),
            false => Err(CommandError::Said { status: 1 }.into()),
        };
    }
    outcome?;
    let expiring = report.expiring.iter().map(Expiring::told).collect();
    say::together(expiring).iter().for_each(Told::say);
    if !report.findings.is_empty() {
        return Err(report.would_not_start().into());
    }
    let good: &[u8] = match report.manifest_only {
        true => b"the manifest can be used; no vault was looked at\n",
        false => b"`pds run` would start\n",
    };
    Ok(print(good)?)
}

#[derive(Debug, Default)]
struct Report {
    manifest_only: bool,
    findings: Vec<Finding>,
    refusals: Vec<Refusal>,
    /// What was said of things that are no refusals, in the words for a person.
    told: Vec<Told>,
    unseen: Vec<(TrustProfileName, Vec<String>)>,
    expiring: Vec<Expiring>,
}

impl Report {
    fn fill(&mut self, options: &cli::Check, home: &Home) -> Result<(), RunError> {
        let asked = Asked::new(options.source.manifest.as_ref(), home);
        asked.wrong.iter().for_each(|error| self.failed(error));
        let Some(manifest) = asked.manifest else { return Ok(()) };
        let plan = Plan::new(Some(&manifest), &options.source.profile, &[])?;
        plan.warn();
        if let Err(error) = plan.refuse_conflicts(&inherited_names(&plan.inherit(false))) {
            self.failed(&error);
        }
        if options.no_values {
            return Ok(());
        }
        // No source of passwords: a locked profile is a finding, not a question.
        let passwords = Passwords::default();
        let look = Look::new(&plan, &mut Asker::new(home, &passwords), OsStr::new("check"))?;
        self.seen(&plan, &look);
        Ok(())
    }

    fn seen(&mut self, plan: &Plan<'_>, look: &Look) {
        self.refused(&look.refusals(plan));
        if let Some(missing) = &look.not_approved {
            self.failed(&RunError::NotApproved(missing.clone()));
        }
        let owned = |keys: Vec<&str>| keys.into_iter().map(str::to_owned).collect();
        self.unseen = look.unseen(plan).into_iter().map(|(p, keys)| (p, owned(keys))).collect();
        for (secret, places) in plan.secrets.iter().zip(&look.secrets) {
            if let Some(place) = winner(places)
                && let Sight::There { expires_at } = place.sight
            {
                self.expiring.extend(Expiring::of(&place.profile, &secret.key, expires_at));
            }
        }
    }

    fn refused(&mut self, all: &[Refusal]) {
        self.refusals.extend_from_slice(all);
        self.findings.extend(of_refusals(all));
    }

    /// Takes what keeps a run from starting apart into single findings.
    fn failed(&mut self, error: &RunError) {
        if let RunError::Ask(AskError::Refused(all)) = error {
            return self.refused(all);
        }
        self.told.extend(error.told());
        self.findings.extend(of_run(error));
    }

    /// For a person: all refusals together, then everything else, then what was not seen.
    fn would_not_start(self) -> CommandError {
        let status = match self.told.is_empty() {
            true => exit_of_refusals(&self.refusals),
            false => 1,
        };
        let mut told = AskError::Refused(self.refusals).told();
        told.extend(self.told);
        told.extend(
            self.unseen.iter().map(|(profile, keys)| Told::new(unseen(profile, keys), None)),
        );
        CommandError::WouldNotStart { told, status }
    }

    fn as_json(&self) -> Value {
        let unseen = |(profile, keys): &(TrustProfileName, Vec<String>)| json!({ "profile": profile.as_str(), "keys": keys });
        json!({
            "would_start": self.findings.is_empty(),
            "manifest_only": self.manifest_only,
            "problems": error::as_json(&self.findings),
            "unseen": self.unseen.iter().map(unseen).collect::<Vec<_>>(),
            "expiring": self.expiring.iter().map(Expiring::as_json).collect::<Vec<_>>(),
        })
    }
}

fn unseen(profile: &TrustProfileName, keys: &[String]) -> String {
    let keys = match keys.len() {
        1 => "1 key".to_owned(),
        n => format!("{n} keys"),
    };
    format!("not seen while `{profile}` is locked: {keys}, and the approval there")
}
