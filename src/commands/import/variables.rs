//! Named variables of the environment that pds was started in.

use super::Imported;
use crate::{commands::CommandError, secret::SecureBytes, sys::process};

/// The values of `VAR` or `VAR=KEY`, copied from where the kernel has put them.
pub(super) fn read(named: &[String]) -> Result<Vec<Imported>, CommandError> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for text in named {
        let (variable, name) = text.split_once('=').unwrap_or((text, text));
        let value = process::environment().find_map(|entry| {
            entry.to_bytes().strip_prefix(variable.as_bytes())?.strip_prefix(b"=")
        });
        match value {
            Some(value) => {
                let value = SecureBytes::copy_from(value)?;
                found.push(Imported { name: name.to_owned(), value });
            }
            None => missing.push(variable.to_owned()),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(CommandError::NotSet(missing)) }
}
