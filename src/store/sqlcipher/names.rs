//! The names of secrets that begin with something, for completion.

use super::SqlCipherStore;
use crate::store::StoreError;

/// Each byte of a key is less than this one, the last of ASCII.
const ABOVE_ANY_KEY: char = '\x7f';

impl SqlCipherStore {
    /// The names that begin with `prefix` and that `shown` lets pass, sorted: all of them,
    /// or, where that would be more than `max`, each only up to its next `/` and at most
    /// `max` of those. A file's completion shows folders likewise. Blocks.
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
                let mut find = connection.prepare_cached(
                    "SELECT key FROM secrets WHERE key >= ?1 AND key < ?2 ORDER BY key",
                )?;
                let mut rows = find.query([prefix, &format!("{prefix}{ABOVE_ANY_KEY}")])?;
                let mut names = Names::new(prefix, max);
                while let Some(row) = rows.next()? {
                    let damaged = |_| StoreError::Damaged { what: "a name is no text" };
                    let key = row.get_ref(0)?.as_str().map_err(damaged)?;
                    if shown(key) {
                        names.add(key);
                    }
                }
                Ok(names.end())
            })
        })
    }
}

/// Names as they come, sorted.
struct Names<'p> {
    prefix: &'p str,
    max: usize,
    whole: Vec<String>,
    count: usize,
    /// Each up to its next `/`, without repetition: sorted names with the same beginning
    /// are together.
    short: Vec<String>,
}

impl<'p> Names<'p> {
    fn new(prefix: &'p str, max: usize) -> Self {
        Self { prefix, max, whole: Vec::new(), count: 0, short: Vec::new() }
    }

    fn add(&mut self, key: &str) {
        self.count += 1;
        if self.whole.len() < self.max {
            self.whole.push(key.to_owned());
        }
        let rest = key.get(self.prefix.len()..).unwrap_or_default();
        let end = rest.find('/').map_or(key.len(), |slash| self.prefix.len() + slash + 1);
        let short = &key[..end];
        if self.short.len() < self.max && self.short.last().is_none_or(|last| last != short) {
            self.short.push(short.to_owned());
        }
    }

    fn end(self) -> Vec<String> {
        if self.count > self.max { self.short } else { self.whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(keys: &[&str], prefix: &str, max: usize) -> Vec<String> {
        let mut names = Names::new(prefix, max);
        keys.iter().for_each(|key| names.add(key));
        names.end()
    }

    #[test]
    fn what_is_too_many_is_shown_by_its_folders() {
        let keys = ["api", "db/a", "db/b", "db/c/d", "web/x"];
        assert_eq!(names(&keys, "", 5), keys);
        assert_eq!(names(&keys, "", 4), ["api", "db/", "web/"]);
        assert_eq!(names(&keys, "", 2), ["api", "db/"]);
        assert_eq!(names(&keys[1..4], "d", 2), ["db/"]);
        assert_eq!(names(&keys[1..4], "db/", 2), ["db/a", "db/b"]);
        assert_eq!(names(&keys[1..4], "db/", 3), ["db/a", "db/b", "db/c/d"]);
    }
}
