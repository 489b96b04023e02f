//! `allow` and `disallow`: given on purpose, they ask no more.

use std::{os::unix::ffi::OsStrExt, path::Path};

use super::{expiry::stamp, passwords_of, print};
use crate::{
    cli,
    client::{Asker, ClientError, Wanted},
    error::Error,
    home::Home,
    run::{
        self, RunError,
        approval::{self, Claim},
        manifest::Manifest,
        plan::Plan,
    },
    say::{escaped, json_line},
    secret::{SecureBuffer, TrustProfileName},
    wire::message::{ManifestInProfile, Request, Response},
};

pub(super) fn allow(options: &cli::Allow, home: &Home) -> Result<(), Error> {
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    if options.list {
        return list(options, &mut asker);
    }
    let manifest = run::asked::manifest(options.file.as_ref(), home)?;
    let plan = Plan::new(Some(&manifest), &options.profile, &[]).map_err(RunError::from)?;
    plan.warn();
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
        text = json_line(&objects.into());
    }
    Ok(print(text.as_bytes())?)
}

/// A path is enough: an approval is to be taken back most of all where the file is gone, or
/// is not what it was.
pub(super) fn disallow(options: &cli::Disallow, home: &Home) -> Result<(), Error> {
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    let (paths, profiles) = match run::asked::unjudged_manifest(options.file.as_ref()) {
        Ok(manifest) => {
            let plan = Plan::new(Some(&manifest), &options.profile, &[]).map_err(RunError::from)?;
            let claim = Claim::new(&manifest, &plan.profiles);
            (vec![claim.path().to_owned()], approval::vaults(&plan).into_iter().collect())
        }
        Err(RunError::Manifest(error)) if error.path().is_some() => {
            let path = error.path().unwrap_or(Path::new(""));
            (paths_of(path), options.profile.clone())
        }
        Err(error) => return Err(error.into()),
    };
    let profiles =
        if profiles.is_empty() { run::look::all_profiles(&mut asker)? } else { profiles };
    for (profile, path) in profiles.iter().flat_map(|p| paths.iter().map(move |path| (p, path))) {
        take_back(&mut asker, profile, path)?;
    }
    Ok(())
}

/// What an approval of the file `path` can be kept by: its path without links, and what was
/// typed, which `allow --list` may have shown for a folder that is gone.
fn paths_of(path: &Path) -> Vec<String> {
    let real = Manifest::path_of(path).ok();
    let real = real.map(|path| approval::path_as_text(path.as_os_str().as_bytes()));
    let typed = path.to_str().filter(|path| path.starts_with('/')).map(str::to_owned);
    let typed = typed.filter(|typed| Some(typed) != real.as_ref());
    real.into_iter().chain(typed).collect()
}

fn take_back(asker: &mut Asker<'_>, profile: &TrustProfileName, path: &str) -> Result<(), Error> {
    let request = Request::Disapprove(ManifestInProfile { profile, path });
    super::change(asker, &request, profile, "")
}
