//! What the daemon refuses, in words, with the very command that helps.

mod words;

use std::collections::HashSet;

use crate::{
    say::{Told, escaped},
    wire::message::{Problem, Reason},
};

/// One thing that the daemon refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The profile it is about; empty if about none.
    pub profile: String,
    /// The key it is about; empty if about none.
    pub key: String,
    /// When to try again, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A problem with what it is about, which the daemon does not repeat.
    #[must_use]
    pub fn new(problem: Problem, profile: &str, key: &str) -> Self {
        Self {
            reason: problem.reason,
            profile: profile.to_owned(),
            key: key.to_owned(),
            retry_after_ms: problem.retry_after_ms,
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> String {
        let about_none = words::message_about_none(self.reason, &self.profile, &self.key);
        self.filled(about_none.unwrap_or_else(|| words::message(self.reason)))
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        words::hint(self.reason, &self.profile, &self.key).map(|hint| self.filled(hint))
    }

    /// Words with what they are about. In one pass, since a name may look like a place.
    fn filled(&self, words: &str) -> String {
        let mut text = String::new();
        for (n, part) in words.split(['{', '}']).enumerate() {
            match part {
                "profile" if n % 2 == 1 => text.push_str(&escaped(&self.profile).to_string()),
                "key" if n % 2 == 1 => text.push_str(&escaped(&self.key).to_string()),
                "option" if n % 2 == 1 => text.push_str(&profile_option(&self.profile)),
                "wait" if n % 2 == 1 => text.push_str(&self.wait()),
                words => text.push_str(words),
            }
        }
        text
    }

    fn wait(&self) -> String {
        let shown = |wait: u64| format!(" in {} s", wait.div_ceil(1000));
        self.retry_after_ms.map_or_else(String::new, shown)
    }

    /// All that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Told {
        let (profile, key) = (escaped(&self.profile), escaped(&self.key));
        let remedy = self.hint().unwrap_or_default();
        let other = "choose another name".to_owned();
        let of_key = |state: String, remedy| ("keys can't be had", &key, state, remedy);
        let of_profile =
            |state: &str, remedy| ("profiles can't be used", &profile, state.to_owned(), remedy);
        let told = Told::new(self.message(), self.hint());
        let (title, what, state, remedy) = match self.reason {
            Reason::NotFound => of_key(format!("not in `{profile}`"), remedy),
            // One thing helps all of them, and it is no command of who asks.
            Reason::AccessDenied => (
                "keys are not granted",
                &key,
                format!("in `{profile}`"),
                "the vault's owner can grant it".to_owned(),
            ),
            Reason::InvalidKey => of_key("can't be a key".to_owned(), other),
            Reason::Exists => of_key(format!("there already in `{profile}`"), other),
            Reason::Locked | Reason::ProfileInactive => of_profile("locked", remedy),
            Reason::ProfileUnknown => of_profile("has no vault", remedy),
            _ => return told,
        };
        match what.to_string() {
            nothing if nothing.is_empty() => told,
            what => told.in_table(title, [format!("`{what}`"), state, remedy]),
        }
    }

    /// The exit status of a command, other than `run`, that ends with it.
    #[must_use]
    pub fn exit_status(&self) -> i32 {
        match self.reason {
            Reason::Locked | Reason::ProfileInactive => 3,
            Reason::NotFound | Reason::ProfileUnknown | Reason::ClientUnknown => 4,
            Reason::IdentityUnknown
            | Reason::IdentityRevoked
            | Reason::RateLimited
            | Reason::AccessDenied
            | Reason::NotApproved => 5,
            _ => 1,
        }
    }
}

/// Everything that was refused, each once: what is about keys after the rest.
#[must_use]
pub(super) fn told(refusals: &[Refusal]) -> Vec<Told> {
    // Two variables may ask for one key, and many keys be in one profile that has no vault.
    let mut seen = HashSet::new();
    let each = refusals.iter().map(|refusal| (refusal.key.is_empty(), refusal.told()));
    let mut each: Vec<_> = each.filter(|(_, told)| seen.insert(told.message.clone())).collect();
    each.sort_by_key(|(about_none, _)| !about_none);
    each.into_iter().map(|(_, told)| told).collect()
}

/// `-p PROFILE`, unless it is the one that is meant without.
#[must_use]
pub fn profile_option(profile: &str) -> String {
    match profile {
        "" | DEFAULT_PROFILE => String::new(),
        other => format!(" -p {}", shell_words::quote(&escaped(other).to_string())),
    }
}

/// The profile where nothing names one.
pub const DEFAULT_PROFILE: &str = "default";

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(reason: Reason, profile: &str, key: &str) -> Refusal {
        Refusal::new(Problem::with_request(reason), profile, key)
    }

    #[test]
    fn every_place_in_the_words_is_filled_and_nothing_that_a_name_holds() {
        let encoded = |n: u8| if n < 24 { vec![n] } else { vec![0x18, n] };
        let reason = |n| crate::wire::message::decode::<Reason>(&encoded(n)).ok();
        let mut reasons = 0;
        for reason in (0..=u8::MAX).filter_map(reason) {
            for (profile, key) in [("", ""), ("work", "db/a")] {
                let refusal = refusal(reason, profile, key);
                let text = format!("{} {:?}", refusal.message(), refusal.hint());
                assert!(!text.contains(['{', '}']), "{text}");
            }
            reasons += 1;
        }
        assert!(reasons > 40);
        let odd = refusal(Reason::InvalidKey, "", "{profile}{key}");
        assert_eq!(odd.message(), "`{profile}{key}` can't be a key");
        let slowed = Refusal { retry_after_ms: Some(1_500), ..refusal(Reason::TooSoon, "", "") };
        assert_eq!(slowed.hint().unwrap(), "try again in 2 s");
    }

    #[test]
    fn what_is_refused_twice_is_told_once_and_in_its_order() {
        let keys = ["b", "a", "b", "c", "a"];
        let all = keys.map(|key| refusal(Reason::NotFound, "work", key));
        let told = crate::say::together(told(&all));
        let rows: Vec<_> = told[0].message.lines().skip(1).map(|row| &row[..5]).collect();
        assert_eq!((told.len(), rows), (1, vec!["  `b`", "  `a`", "  `c`"]));
    }

    #[test]
    fn what_is_about_a_profile_is_told_once_however_many_keys_it_keeps_away() {
        for reason in [Reason::ProfileUnknown, Reason::ProfileInactive, Reason::VaultDamaged] {
            let all = ["a", "b", "c"].map(|key| refusal(reason, "work", key));
            let told = crate::say::together(told(&all));
            assert_eq!((told.len(), &told[0].message), (1, &all[0].message()));
            assert_eq!(told[0].hint, all[0].hint());
        }
    }
}
