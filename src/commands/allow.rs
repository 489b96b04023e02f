//! `allow` and `disallow`: given on purpose, they ask no more.

use super::{expiry::stamp, passwords_of, print};
use crate::{
    cli,
    client::{Asker, ClientError, Wanted},
    error::Error,
    home::Home,
    run::{
        self, RunError,
        approval::{self, Claim},
        plan::Plan,
    },
    say::escaped,
    secret::{SecureBuffer, TrustProfileName},
    wire::message::{ManifestInProfile, Request, Response},
};

pub(super) fn allow(options: &cli::Allow, home: &Home) -> Result<(), Error> {
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    if options.list {
        return list(options, &mut asker);
    }
    let manifest = run::plan::manifest(options.file.as_ref())?;
    let plan = Plan::new(Some(&manifest), &options.profile, &[]).map_err(RunError::from)?;
    plan.refuse_variables(home)?;
    let claim = Claim::new(&manifest, &plan.profiles);
    let mut text = format!("`{}` may now ask for:\n", escaped(claim.path()));
    for line in approval::asks_for(&manifest, &plan).lines() {
        text.push_str(&format!("  {line}\n"));
    }
    approval::approve(&mut asker, &claim, &approval::vaults(&plan))?;
    Ok(print(text.as_bytes())?)
}

fn list(options: &cli::Allow, asker: &mut Asker<'_>) -> Result<(), Error> {
    let (mut text, mut objects) = (String::new(), Vec::new());
    for profile in run::plan::profiles(&options.profile, None).map_err(RunError::from)? {
        let about = [Wanted { profiles: vec![&profile], key: "" }];
        let mut buffer = SecureBuffer::new()?;
        let answer = asker.ask(&Request::Approvals(&profile), &about, &mut buffer)?;
        let Response::Approvals(rows) = answer else {
            return Err(ClientError::Malformed.into());
        };
        rows.iter().for_each(|row| text.push_str(&format!("{}\n", escaped(row.path))));
        objects.extend(rows.iter().map(|row| {
            serde_json::json!({
                "profile": profile.as_str(),
                "path": row.path,
                "approved": stamp(row.approved_at),
            })
        }));
    }
    if options.json {
        text = format!("{}\n", serde_json::Value::Array(objects));
    }
    Ok(print(text.as_bytes())?)
}

pub(super) fn disallow(options: &cli::Disallow, home: &Home) -> Result<(), Error> {
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    let manifest = run::plan::manifest(options.file.as_ref())?;
    let plan = Plan::new(Some(&manifest), &options.profile, &[]).map_err(RunError::from)?;
    let claim = Claim::new(&manifest, &plan.profiles);
    for profile in approval::vaults(&plan) {
        take_back(&mut asker, &profile, claim.path())?;
    }
    Ok(())
}

fn take_back(asker: &mut Asker<'_>, profile: &TrustProfileName, path: &str) -> Result<(), Error> {
    let request = Request::Disapprove(ManifestInProfile { profile, path });
    super::change(asker, &request, profile, "")
}
