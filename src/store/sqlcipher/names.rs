//! The names of secrets that begin with something, for completion.

use rusqlite::{Connection, OptionalExtension};

use super::SqlCipherStore;
use crate::store::StoreError;

/// Each byte of a key is less than this one, the last of ASCII, and more than [`BELOW_ANY`].
const ABOVE_ANY: char = '\x7f';
const BELOW_ANY: char = '\x01';

impl SqlCipherStore {
    /// The names that begin with `prefix` and that `shown` lets pass, sorted: all of them,
    /// or, where that would be more than `max`, each only up to its next `/` and at most
    /// `max` of those. A file's completion shows folders likewise. Of the keys, however many
    /// there are, only those that are answered with or that `shown` rejects are visited. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Damaged`].
    pub fn names(
        &self,
        prefix: &str,
        max: usize,
        shown: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, StoreError> {
        self.with(|database| {
            database.read(|connection, _| {
                let names = walk(connection, prefix, max + 1, &shown, next)?;
                if names.len() <= max {
                    return Ok(names);
                }
                walk(connection, prefix, max, &shown, |key| {
                    let rest = key.get(prefix.len()..).unwrap_or_default();
                    match rest.find('/') {
                        Some(slash) => {
                            let folder = &key[..=prefix.len() + slash];
                            (folder.to_owned(), format!("{folder}{ABOVE_ANY}"))
                        }
                        None => next(key),
                    }
                })
            })
        })
    }
}

/// A key as it is, and the least text that every later key is at or behind.
fn next(key: &str) -> (String, String) {
    (key.to_owned(), format!("{key}{BELOW_ANY}"))
}

/// Goes from key to key: `step` says of one what is answered for it, and from where on to
/// look for the next.
fn walk(
    connection: &Connection,
    prefix: &str,
    max: usize,
    shown: &impl Fn(&str) -> bool,
    step: impl Fn(&str) -> (String, String),
) -> Result<Vec<String>, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT key FROM secrets WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT 1",
    )?;
    let (mut names, mut from) = (Vec::new(), prefix.to_owned());
    let end = format!("{prefix}{ABOVE_ANY}");
    while names.len() < max {
        let key: Option<String> = find.query_row([&from, &end], |row| row.get(0)).optional()?;
        let Some(key) = key else { break };
        let (name, after) = if shown(&key) { step(&key) } else { (String::new(), next(&key).1) };
        from = after;
        names.extend((!name.is_empty()).then_some(name));
    }
    Ok(names)
}
