//! What stands in the way besides what was met first, so that one try tells all of it.
//!
//! The first gate that refuses ends a request, and a manifest that is not approved is looked
//! into no further. So whoever is refused looks once more, at what there is, without a value.

use std::{collections::HashSet, ffi::OsStr};

use super::{RunError, look::Look, plan::Plan};
use crate::{
    client::{AskError, Asker, Refusal},
    wire::message::Reason,
};

/// `first`, and everything else that can be seen to keep the command from starting; `conflicts`
/// are of the variables that are set already.
pub(super) fn with_the_rest(
    first: RunError,
    plan: &Plan<'_>,
    asker: &mut Asker<'_>,
    command: &OsStr,
    conflicts: impl FnOnce() -> Result<(), RunError>,
) -> RunError {
    if !leaves_more_to_see(&first) {
        return first;
    }
    // Who can't look either has been told what was met first.
    let Ok(look) = Look::new(plan, asker, command) else { return first };
    let (mut refusals, mut missing) = (Vec::new(), look.not_approved.clone());
    match first {
        RunError::Ask(AskError::Refused(all)) => refusals = all,
        RunError::NotApproved(first) => missing = Some(first),
        other => return other,
    }
    let known: HashSet<_> = refusals.iter().map(Refusal::message).collect();
    let more = look.refusals(plan).into_iter();
    refusals.extend(more.filter(|refusal| !known.contains(&refusal.message())));
    let mut all = Vec::new();
    if !refusals.is_empty() {
        all.push(AskError::Refused(refusals).into());
    }
    all.extend(missing.map(RunError::NotApproved));
    all.extend(conflicts().err());
    match all.len() {
        1 => all.remove(0),
        _ => RunError::Several(all),
    }
}

/// Whether it is about a key, a profile or the approval, and not about asking at all.
fn leaves_more_to_see(error: &RunError) -> bool {
    let is_about_one = |refusal: &Refusal| {
        matches!(
            refusal.reason,
            Reason::Locked
                | Reason::ProfileInactive
                | Reason::ProfileUnknown
                | Reason::AccessDenied
                | Reason::InvalidKey
                | Reason::NotFound
                | Reason::VaultDamaged
        )
    };
    match error {
        // Who has said no has seen enough.
        RunError::NotApproved(missing) => !missing.is_declined(),
        RunError::Ask(AskError::Refused(all)) => all.iter().all(is_about_one),
        _ => false,
    }
}
