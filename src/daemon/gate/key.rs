//! Gate 5.5: can the name be a key's?

use super::{Wish, each};
use crate::{
    secret::validate_secret_key,
    wire::message::{Problem, Reason},
};

/// Every key of the request has the form that keys have.
#[derive(Debug)]
pub(super) struct Valid(());

pub(super) fn ask(wishes: &[Wish<'_>]) -> Result<Valid, Vec<Problem>> {
    each(wishes, Valid(()), |wish| {
        let invalid = wish.key.is_some_and(|key| validate_secret_key(key).is_err());
        invalid.then_some(Reason::InvalidKey)
    })
}
