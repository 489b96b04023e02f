//! What the daemon refuses, in words, with the very command that helps.

mod words;

use std::collections::HashSet;

use crate::{
    say::{Told, escaped, table},
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

    /// What is wrong with its key, for a table; `None` if it is about no single key.
    #[must_use]
    pub fn state(&self) -> Option<String> {
        let state = match self.reason {
            _ if self.key.is_empty() => return None,
            Reason::NotFound => format!("not in `{}`", escaped(&self.profile)),
            Reason::AccessDenied => format!("not granted in `{}`", escaped(&self.profile)),
            Reason::InvalidKey => "can't be a key".to_owned(),
            Reason::Exists => format!("there already in `{}`", escaped(&self.profile)),
            _ => return None,
        };
        Some(state)
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        words::hint(self.reason, &self.key).map(|hint| self.filled(hint))
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

    /// What to do about its key, in a table.
    fn remedy(&self) -> String {
        match self.reason {
            Reason::AccessDenied => "the vault's owner can grant it".to_owned(),
            Reason::InvalidKey | Reason::Exists => "choose another name".to_owned(),
            _ => self.hint().unwrap_or_default(),
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

/// Everything that was refused: several keys in one table, with the state of each and the
/// very command that helps; the rest one by one, before it.
#[must_use]
pub(super) fn told(refusals: &[Refusal]) -> Vec<Told> {
    // Two variables may ask for one key.
    let mut seen = HashSet::new();
    let (keys, others): (Vec<&Refusal>, Vec<_>) = refusals
        .iter()
        .filter(|refusal| seen.insert(*refusal))
        .partition(|refusal| refusal.state().is_some());
    let one = |refusal: &Refusal| Told::new(refusal.message(), refusal.hint());
    let mut told: Vec<_> = others.into_iter().map(one).collect();
    if let [only] = keys.as_slice() {
        told.push(one(only));
    } else if !keys.is_empty() {
        let row = |refusal: &&Refusal| {
            let key = format!("`{}`", escaped(&refusal.key));
            [key, refusal.state().unwrap_or_default(), refusal.remedy()]
        };
        let rows: Vec<_> = keys.iter().map(row).collect();
        told.push(Told::new(table(format_args!("{} keys can't be had:", keys.len()), &rows), None));
    }
    told
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
        let told = told(&all);
        let rows: Vec<_> = told[0].message.lines().skip(1).map(|row| &row[..5]).collect();
        assert_eq!((told.len(), rows), (1, vec!["  `b`", "  `a`", "  `c`"]));
    }
}
