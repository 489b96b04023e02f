//! `passwd`: another password, and with it another key for everything.

use super::{change, passwords_of, profile_of};
use crate::{
    cli,
    client::Asker,
    error::Error,
    home::Home,
    say::note,
    wire::message::{Passwd, Plaintext, Request},
};

pub(super) fn passwd(options: &cli::Passwd, home: &Home) -> Result<(), Error> {
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let old = passwords.of(&profile, true)?;
    let new = passwords.replacement(&profile, options.new_password_file.as_deref())?;
    // Connected only now: the daemon keeps no connection for as long as people type.
    let mut asker = Asker::new(home, &passwords);
    let (old, new) = (Plaintext(old.expose()), Plaintext(new.expose()));
    let request = Request::Passwd(Passwd { profile: &profile, old, new });
    change(&mut asker, &request, &profile, "")?;
    note(format_args!("changed the password of profile `{profile}`"));
    note("backups that were made before open with the old password alone");
    Ok(())
}
