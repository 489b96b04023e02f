//! Gate 2: is the profile active?

use super::{ActivityOf, Wish, each};
use crate::wire::message::{Problem, Reason};

/// What a profile is to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Unlocked, and answering.
    Active,
    /// It has a vault, which is locked.
    Inactive,
    /// It has no vault.
    Unknown,
}

/// Every profile of the request is active.
#[derive(Debug)]
pub(super) struct Active(());

pub(super) fn ask(wishes: &[Wish<'_>], activity: &dyn ActivityOf) -> Result<Active, Vec<Problem>> {
    each(wishes, Active(()), |wish| {
        let activities = wish.profiles.iter().map(|profile| activity.activity(profile));
        // A wish for no profile at all is as unknown as one can be.
        let worst = activities.max_by_key(|activity| match activity {
            Activity::Active => 0,
            Activity::Inactive => 1,
            Activity::Unknown => 2,
        });
        match worst.unwrap_or(Activity::Unknown) {
            Activity::Active => None,
            Activity::Inactive => Some(Reason::ProfileInactive),
            Activity::Unknown => Some(Reason::ProfileUnknown),
        }
    })
}
