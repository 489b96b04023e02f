//! What a client is granted of profiles that are not there. No error: a client may well be
//! enrolled before the vault is made.

use std::collections::BTreeSet;

use crate::{
    client::profile_option,
    home::Home,
    say::{self, Told, escaped},
    wire::message::GrantRow,
};

/// Warns of each profile without a vault that `client` is granted keys of: most often its name
/// is another one's, with a letter wrong.
pub(super) fn warn_of_absent_profiles(client: &str, grants: &[GrantRow<'_>], home: &Home) {
    let named: BTreeSet<&str> = grants.iter().map(|grant| grant.profile).collect();
    let absent = |profile: &&str| home.vaults().join(profile).symlink_metadata().is_err();
    let warning = |profile: &str| {
        let profile_shown = format!("`{}`", escaped(profile));
        let message = format!(
            "warning: there is no vault for profile {profile_shown}, of which `{client}` is granted keys"
        );
        let hint = format!("pds init{}", profile_option(profile));
        let cells = [profile_shown, "has no vault".to_owned(), hint.clone()];
        Told::new(message, Some(hint)).in_table("profiles of these grants are not there", cells)
    };
    let warnings = named.into_iter().filter(absent).map(warning).collect();
    say::together(warnings).iter().for_each(Told::say);
}
