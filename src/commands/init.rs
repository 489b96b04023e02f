//! `init`: a vault, and a manifest if the folder has none.

use std::path::Path;

use super::{CommandError, current_folder, passwords_of, profile_of, takeover};
use crate::{
    cli,
    client::{Asker, profile_option},
    error::Error,
    home::Home,
    run::{
        self, RunError,
        approval::{self, Claim},
        manifest::{FILE_NAME, Manifest},
        plan::Plan,
    },
    say::{hint, note},
    secret::TrustProfileName,
};

pub(super) fn init(options: &cli::Init, home: &Home) -> Result<(), Error> {
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let folder = current_folder()?;
    let manifest = folder.join(FILE_NAME);
    let is_new = manifest.symlink_metadata().is_err();
    let taken = if is_new { takeover::offer(&folder, passwords.may_ask())? } else { None };
    let mut asker = Asker::new(home, &passwords);
    let made = make_vault(&mut asker, &profile, home)?;
    if let Some(taken) = &taken {
        taken.store(&mut asker, &profile)?;
    }
    let text = taken.as_ref().map_or_else(|| blank(&profile), |taken| taken.manifest(&profile));
    let written = takeover::write_new(&manifest, &text)
        .map_err(|error| CommandError::File { path: manifest.clone(), error })?;
    let approved = if written { Some(approve(&mut asker, &manifest)?) } else { None };
    match (made, written) {
        (true, true) => note(format_args!("made a vault for profile `{profile}`, and {FILE_NAME}")),
        (true, false) => note(format_args!("made a vault for profile `{profile}`")),
        (false, true) => note(format_args!("made {FILE_NAME}; the vault was there already")),
        (false, false) => note("the vault and the manifest were there already"),
    }
    let is_over = match (taken, approved) {
        (Some(taken), Some(approved)) => {
            taken.finish(&mut asker, &profile, &approved)?;
            true
        }
        (None, None) => takeover::resume(&mut asker, &folder, &manifest, &profile)?,
        _ => false,
    };
    if is_over {
        hint("pds run -- CMD");
    } else {
        let option = profile_option(&profile);
        hint(format_args!("pds set KEY{option}, and name the key in {FILE_NAME}"));
    }
    Ok(())
}

/// Makes the vault; false if there is one already.
fn make_vault(
    asker: &mut Asker<'_>,
    profile: &TrustProfileName,
    home: &Home,
) -> Result<bool, Error> {
    // Asked before the password is: nobody should choose one for nothing.
    if home.vaults().join(profile.as_str()).symlink_metadata().is_ok() {
        return Ok(false);
    }
    asker.create(profile)?;
    Ok(true)
}

/// A manifest to begin with.
fn blank(profile: &TrustProfileName) -> String {
    format!(
        "# What this project needs. It holds no secret: commit it.\n\
         pds = 1\n\n\
         [run]\n\
         profile = \"{profile}\"\n\n\
         [vars]\n\
         # RUST_LOG = \"info\"\n\n\
         [secrets]\n\
         # STRIPE_KEY = \"stripe/api-key\"\n"
    )
}

/// What this command wrote is approved: the person has just asked for it.
fn approve(asker: &mut Asker<'_>, path: &Path) -> Result<Manifest, Error> {
    let manifest = run::asked::unjudged_manifest(Some(&path.to_owned()))?;
    let plan = Plan::new(Some(&manifest), &[], &[]).map_err(RunError::from)?;
    let claim = Claim::new(&manifest, &plan.profiles);
    approval::approve(asker, &claim, &approval::vaults(&plan))?;
    Ok(manifest)
}
