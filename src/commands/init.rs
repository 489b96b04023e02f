//! `init`: a vault, and a manifest if the folder has none.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{CommandError, current_folder, passwords_of, profile_of};
use crate::{
    cli,
    client::{Asker, profile_option},
    error::Error,
    home::Home,
    run::{
        self, RunError,
        approval::{self, Claim},
        manifest::FILE_NAME,
        plan::Plan,
    },
    say::note,
    secret::TrustProfileName,
};

pub(super) fn init(options: &cli::Init, home: &Home) -> Result<(), Error> {
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    let made = make_vault(&mut asker, &profile, home)?;
    let manifest = current_folder()?.join(FILE_NAME);
    let written = write_manifest(&manifest, &profile)
        .map_err(|error| CommandError::File { path: manifest.clone(), error })?;
    if written {
        approve(&mut asker, &manifest)?;
    }
    let option = profile_option(&profile);
    match (made, written) {
        (true, true) => note(format_args!("made a vault for profile `{profile}`, and {FILE_NAME}")),
        (true, false) => note(format_args!("made a vault for profile `{profile}`")),
        (false, true) => note(format_args!("made {FILE_NAME}; the vault was there already")),
        (false, false) => note("the vault and the manifest were there already"),
    }
    note(format_args!("hint: pds set KEY{option}, and name the key in {FILE_NAME}"));
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

/// Writes a manifest to begin with; false if there is one already.
fn write_manifest(path: &Path, profile: &TrustProfileName) -> io::Result<bool> {
    /// Read by all, since it holds no secret and belongs into the repository.
    const MODE: u32 = 0o644;
    let text = format!(
        "# What this project needs. It holds no secret: commit it.\n\
         pds = 1\n\n\
         [run]\n\
         profile = \"{profile}\"\n\n\
         [vars]\n\
         # RUST_LOG = \"info\"\n\n\
         [secrets]\n\
         # STRIPE_KEY = \"stripe/api-key\"\n"
    );
    match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// What this command wrote is approved: the person has just asked for it.
fn approve(asker: &mut Asker<'_>, path: &Path) -> Result<(), Error> {
    let manifest = run::plan::manifest(Some(&path.to_owned()))?;
    let plan = Plan::new(Some(&manifest), &[], &[]).map_err(RunError::from)?;
    let claim = Claim::new(&manifest, &plan.profiles);
    approval::approve(asker, &claim, &approval::vaults(&plan))?;
    Ok(())
}
