//! Gate 5: may they have it?

use std::collections::BTreeMap;

use super::{LAUNCHER, Operation, Wish, each};
use crate::{
    config::{Grants, ProfileKey},
    wire::message::{Problem, Reason},
};

/// The access rules in force: profile → requester → grants.
pub type Access = BTreeMap<ProfileKey, BTreeMap<String, Grants>>;

/// What one client was granted when it was enrolled, by profile.
pub type Enrolled = BTreeMap<ProfileKey, Grants>;

/// Everything that says what one requester may do: the rules of the config, and
/// what it was granted at its enrolment. It may do what either grants.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'f> {
    /// All rules of the config.
    pub access: &'f Access,
    /// This requester's own grants; `None` for one that was not enrolled.
    pub enrolled: Option<&'f Enrolled>,
}

impl<'f> Rules<'f> {
    /// Those that are about one requester in one profile.
    pub fn about(
        self,
        requester: &str,
        profile: &str,
    ) -> impl Iterator<Item = &'f Grants> + use<'f> {
        let by_config = self.access.get(profile).and_then(|rules| rules.get(requester));
        let by_enrolment = self.enrolled.and_then(|enrolled| enrolled.get(profile));
        by_config.into_iter().chain(by_enrolment)
    }

    /// Whether some rule names this requester in this profile.
    #[must_use]
    pub fn name(self, requester: &str, profile: &str) -> bool {
        self.about(requester, profile).next().is_some()
    }
}

/// What `grants` lists for an operation.
#[must_use]
pub fn globs_of(grants: &Grants, operation: Operation) -> &[String] {
    match operation {
        Operation::Get => &grants.get,
        Operation::Set => &grants.set,
        Operation::Delete => &grants.delete,
        Operation::List => &grants.list,
        Operation::Unlock => &grants.unlock,
        Operation::Lock => &grants.lock,
        Operation::Status => &[],
    }
}

/// The rules grant everything that the request wants.
#[derive(Debug)]
pub(super) struct Granted(());

pub(super) fn ask(
    requester: &str,
    wishes: &[Wish<'_>],
    rules: Rules<'_>,
) -> Result<Granted, Vec<Problem>> {
    each(wishes, Granted(()), |wish| {
        let may = |profile: &&str| permits(rules, requester, profile, wish.operation, wish.key);
        let granted = match wish.operation {
            // What is running is no secret from a registered peer, and names none.
            Operation::Status => true,
            // Locking everything is about every profile, hence for the launcher alone.
            _ if wish.profiles.is_empty() => requester == LAUNCHER,
            _ => wish.profiles.iter().all(may),
        };
        (!granted).then_some(Reason::AccessDenied)
    })
}

/// Whether the rules let `requester` do `operation` in `profile`: with `key`, or,
/// where that is `None`, with at least one key.
///
/// The launcher may do everything unless a rule of the profile names it; every
/// other requester may do exactly what the rules that name it grant.
#[must_use]
pub fn permits(
    rules: Rules<'_>,
    requester: &str,
    profile: &str,
    operation: Operation,
    key: Option<&str>,
) -> bool {
    if operation == Operation::Status || (requester == LAUNCHER && !rules.name(LAUNCHER, profile)) {
        return true;
    }
    let mut globs = rules.about(requester, profile).flat_map(|grants| globs_of(grants, operation));
    match key {
        Some(key) => globs.any(|glob| matches(glob.as_bytes(), key.as_bytes())),
        None => globs.next().is_some(),
    }
}

/// Whether `glob` matches all of `text`: `?` is one byte but `/`, `*` any number
/// of them, `**` any number of any bytes.
///
/// Linear in the product of both lengths: it keeps one place to go back to for
/// each kind of star instead of trying all ways.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    let mut reachable = vec![false; text.len() + 1];
    reachable[0] = true;
    let mut at = 0;
    while at < glob.len() {
        let double = glob[at..].starts_with(b"**");
        step(&mut reachable, glob[at], double, text);
        at += if double { 2 } else { 1 };
    }
    reachable[text.len()]
}

/// One step of the automaton: from the prefixes of `text` that the glob so far
/// matches to those that it matches with one token more.
fn step(reachable: &mut [bool], token: u8, double: bool, text: &[u8]) {
    if token == b'*' {
        for end in 1..reachable.len() {
            let goes_on = reachable[end - 1] && (double || text[end - 1] != b'/');
            reachable[end] = reachable[end] || goes_on;
        }
        return;
    }
    for end in (1..reachable.len()).rev() {
        let byte = text[end - 1];
        let same = byte == token || (token == b'?' && byte != b'/');
        reachable[end] = reachable[end - 1] && same;
    }
    reachable[0] = false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_documented() {
        for (glob, yes, no) in [
            ("db/*", &["db/a", "db/"][..], &["db", "db/a/b", "xdb/a"][..]),
            ("**", &["", "a", "a/b/c"], &[]),
            ("db/**", &["db/a", "db/a/b"], &["db", "d/b"]),
            ("*/token", &["a/token", "/token"], &["a/b/token", "token"]),
            ("a?c", &["abc"], &["ac", "a/c", "abbc"]),
            ("exact", &["exact"], &["exac", "exactly", ""]),
            ("", &[""], &["a"]),
        ] {
            for text in yes {
                assert!(matches(glob.as_bytes(), text.as_bytes()), "{glob} should match {text}");
            }
            for text in no {
                assert!(!matches(glob.as_bytes(), text.as_bytes()), "{glob} matches {text}");
            }
        }
    }

    #[test]
    fn a_glob_made_to_explode_takes_no_time() {
        let glob = "*a".repeat(100);
        let text = "a".repeat(255);
        assert!(!matches(format!("{glob}b").as_bytes(), text.as_bytes()));
    }
}
