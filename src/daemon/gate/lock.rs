//! Gate 1: is anything unlocked?

use crate::wire::message::{Problem, Reason};

/// Some profile is unlocked.
#[derive(Debug)]
pub(super) struct Unlocked(());

pub(super) fn ask(any_unlocked: bool) -> Result<Unlocked, Vec<Problem>> {
    if any_unlocked { Ok(Unlocked(())) } else { Err(vec![Problem::with_request(Reason::Locked)]) }
}
