//! Variables through which a value would take over the process that gets it.
//!
//! The list is data: `refused-variables.txt`. It is indexed while this crate is
//! compiled, into numbers and not into pointers, because each pointer would be one
//! more relocation at every start of a static-PIE.

use super::{
    VariableName,
    pattern::{Case, matches},
};
use crate::say::Told;

/// Why a variable is on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The loader, the C library, shell start-up, pds's own: never.
    A,
    /// Runs code or loads modules in a common runtime: unless lifted.
    B,
    /// Session plumbing: unless lifted.
    C,
    /// Proxies: a warning.
    D,
}

impl Class {
    /// Whether the user's own config can lift it for a project.
    #[must_use]
    pub fn can_be_lifted(self) -> bool {
        matches!(self, Self::B | Self::C)
    }
}

/// The line of the list that a name is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its class.
    pub class: Class,
    /// The pattern that matched.
    pub pattern: &'static str,
    /// What could be done through it, in words that complete "because …".
    pub reason: &'static str,
}

/// What is judged without anybody's config.
pub const NOTHING_LIFTED: &[&str] = &[];

/// What [`judge`] says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not on the list, excepted, or lifted.
    Allowed,
    /// It may not be set.
    Refused(Listed),
    /// It may, but the person should know.
    Warned(Listed),
}

/// A variable that may not be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` can't be set: {}", listed.reason)]
pub struct RefusedVariable {
    /// The name that was asked for.
    pub name: VariableName,
    /// The line that refuses it.
    pub listed: Listed,
}

impl RefusedVariable {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let lift = "if you mean it, list it under `[lift.\"FOLDER\"]` in your config.toml";
        self.listed.class.can_be_lifted().then(|| lift.to_owned())
    }

    /// All that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Told {
        let hint = self.hint();
        let remedy = if hint.is_some() { "`[lift]` allows it" } else { "" };
        let cells = [format!("`{}`", self.name), self.listed.reason.to_owned(), remedy.to_owned()];
        let told = Told::new(self, hint);
        told.in_table("variables can't be set", cells)
    }
}

/// Whether the variable `name` may be set, `lifted` being the names or patterns that the
/// user's own config lifts for this project. Lifting reaches classes B and C alone.
#[must_use]
pub fn judge(name: &str, lifted: &[impl AsRef<str>]) -> Verdict {
    let is_lifted = |pattern: &str| matches(pattern.as_bytes(), name.as_bytes(), Case::Ignored);
    let mut excepted = false;
    for line in lines_on(name.as_bytes()) {
        match line.class {
            b'A' => return Verdict::Refused(line.listed(Class::A)),
            b'D' => return Verdict::Warned(line.listed(Class::D)),
            b'O' => excepted = true,
            _ if excepted => {}
            _ if lifted.iter().any(|pattern| is_lifted(pattern.as_ref())) => excepted = true,
            b'B' => return Verdict::Refused(line.listed(Class::B)),
            _ => return Verdict::Refused(line.listed(Class::C)),
        }
    }
    Verdict::Allowed
}

/// Those of `names` that may not be set, in their order.
pub fn refusals<'a>(
    names: impl IntoIterator<Item = &'a VariableName>,
    lifted: &[impl AsRef<str>],
) -> Vec<RefusedVariable> {
    let refused = |name: &VariableName| match judge(name, lifted) {
        Verdict::Refused(listed) => Some(RefusedVariable { name: name.clone(), listed }),
        _ => None,
    };
    names.into_iter().filter_map(refused).collect()
}

const LIST: &str = include_str!("refused-variables.txt");
const LINES: usize = count();
static INDEX: [Line; LINES] = index();

/// Where in [`LIST`] a line's parts are.
#[derive(Clone, Copy)]
struct Line {
    class: u8,
    first: u8,
    pattern: u16,
    pattern_end: u16,
    end: u16,
}

impl Line {
    fn pattern(self) -> &'static str {
        &LIST[usize::from(self.pattern)..usize::from(self.pattern_end)]
    }

    fn listed(self, class: Class) -> Listed {
        let reason = LIST[usize::from(self.pattern_end)..usize::from(self.end)].trim();
        Listed { class, pattern: self.pattern(), reason }
    }
}

/// The lines that `name` is on, in the order in which the classes count. Most are passed
/// over by their first letter: this runs for each variable of each start.
fn lines_on(name: &[u8]) -> impl Iterator<Item = Line> {
    let by_first = name.first().map_or(&BY_FIRST[0], |&first| &BY_FIRST[bucket(first)]);
    let set = |word: usize| {
        let mut left = by_first[word];
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            INDEX.get(64 * word + bit).filter(|_| bit < 64)
        })
    };
    let of_form = |line: &&Line| matches(line.pattern().as_bytes(), name, Case::Ignored);
    (0..WORDS).flat_map(set).filter(of_form).copied()
}

const WORDS: usize = LINES.div_ceil(64);
const BUCKETS: usize = 32;
/// For each bucket of first letters the lines that can match, a bit each.
static BY_FIRST: [[u64; WORDS]; BUCKETS] = by_first();

/// One for each letter in either case, and for `_`.
const fn bucket(first: u8) -> usize {
    first as usize % BUCKETS
}

const fn by_first() -> [[u64; WORDS]; BUCKETS] {
    let index = index();
    let mut by_first = [[0; WORDS]; BUCKETS];
    let mut at = 0;
    while at < LINES * BUCKETS {
        let (line, letter) = (at / BUCKETS, at % BUCKETS);
        if index[line].first == b'*' || bucket(index[line].first) == letter {
            by_first[letter][line / 64] |= 1 << (line % 64);
        }
        at += 1;
    }
    by_first
}

/// In which order the classes count, and have to stand.
const fn rank(class: u8) -> u8 {
    match class {
        b'A' => 0,
        b'O' => 1,
        b'B' => 2,
        b'C' => 3,
        b'D' => 4,
        _ => panic!("no such class"),
    }
}

const fn is_entry(text: &[u8], at: usize) -> bool {
    text[at] != b'#' && text[at] != b'\n'
}

const fn past(text: &[u8], mut at: usize, byte: u8, found: bool) -> usize {
    while (text[at] == byte) == found {
        at += 1;
    }
    at
}

const fn count() -> usize {
    let text = LIST.as_bytes();
    let (mut at, mut lines) = (0, 0);
    while at < text.len() {
        lines += is_entry(text, at) as usize;
        at = past(text, at, b'\n', false) + 1;
    }
    lines
}

const fn index() -> [Line; LINES] {
    let text = LIST.as_bytes();
    assert!(text.len() <= u16::MAX as usize, "offsets are 16 bits wide");
    let mut index = [Line { class: 0, first: 0, pattern: 0, pattern_end: 0, end: 0 }; LINES];
    let (mut at, mut line) = (0, 0);
    while at < text.len() {
        let end = past(text, at, b'\n', false);
        if is_entry(text, at) {
            let pattern = past(text, past(text, at, b' ', false), b' ', true);
            let pattern_end = past(text, pattern, b' ', false);
            let after = line == 0 || rank(index[line - 1].class) <= rank(text[at]);
            assert!(after, "classes stand in the order in which they count");
            assert!(pattern_end < end, "a line is class, pattern, reason");
            index[line] = Line {
                class: text[at],
                first: text[pattern].to_ascii_uppercase(),
                pattern: pattern as u16,
                pattern_end: pattern_end as u16,
                end: end as u16,
            };
            line += 1;
        }
        at = end + 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &[&str] = &[];

    fn class_of(name: &str) -> Option<Class> {
        match judge(name, NONE) {
            Verdict::Allowed => None,
            Verdict::Refused(listed) | Verdict::Warned(listed) => Some(listed.class),
        }
    }

    #[test]
    fn each_line_of_the_list_does_what_it_says() {
        let lines = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(lines.clone().count(), LINES);
        for line in lines {
            let mut words = line.split_whitespace();
            let (class, pattern) = (words.next().unwrap(), words.next().unwrap());
            for filling in ["", "X", "x_1"] {
                let name = pattern.replace('*', filling);
                for name in [name.to_ascii_lowercase(), name.to_ascii_uppercase(), name] {
                    let verdict = judge(&name, NONE);
                    let agrees = match class {
                        "OK" => !matches!(verdict, Verdict::Refused(_)),
                        "D" => matches!(verdict, Verdict::Warned(l) if l.class == Class::D),
                        _ => matches!(verdict, Verdict::Refused(l)
                            if format!("{:?}", l.class) == class && !l.reason.is_empty()),
                    };
                    assert!(agrees, "{line}: {name} is {verdict:?}");
                }
            }
        }
    }

    #[test]
    fn no_pattern_is_listed_twice_in_one_class() {
        let mut seen = std::collections::BTreeSet::new();
        for line in INDEX {
            assert!(seen.insert((line.class, line.pattern())), "{}", line.pattern());
            assert!(line.pattern().is_ascii());
        }
    }

    #[test]
    fn names_that_only_look_like_a_listed_one_pass() {
        for name in [
            "STRIPE_KEY",
            "DATABASE_URL",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "NPM_TOKEN",
            "APP_ENV",
            "ENVIRONMENT",
            "MY_PATH",
            "PATHS",
            "HOME_TOKEN",
            "MAILGUN_API_KEY",
            "LDAP_PASSWORD",
            "DOCKER_PASSWORD",
            "LANGSMITH_API_KEY",
            "USERNAME",
            "CC_TOKEN",
            "NODE_AUTH_TOKEN",
            "DYLD",
            "RLD_KEY",
            "PDS",
            "XPDS_PROFILE",
            "EDITOR_KEY",
            "TZ_KEY",
            "GIT_TOKEN",
            "JAVA_KEY",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_MINE_TOKEN",
            "npm_config__authToken",
            "AWS_ACCESS_KEY_ID",
            "ANSIBLE_VAULT_PASSWORD",
            "VAULT_TOKEN",
            "TF_VAR_KEY",
            "GH_TOKEN",
            "BORG_PASSPHRASE",
            "RESTIC_PASSWORD",
            "PGPASSWORD",
            "MAKE_KEY",
            "VIMEO_KEY",
            "",
        ] {
            assert_eq!(class_of(name), None, "{name}");
        }
    }

    #[test]
    fn an_exception_does_not_reach_class_a() {
        let listed = |class| INDEX.iter().filter(move |line| line.class == class);
        for exception in listed(b'O') {
            assert_ne!(class_of(exception.pattern()), Some(Class::A));
        }
        assert_eq!(class_of("CARGO_REGISTRIES_TOKEN_HOME"), Some(Class::B));
    }

    #[test]
    fn lifting_reaches_classes_b_and_c_alone() {
        let everything = ["*"];
        for (name, lifted) in [("NODE_OPTIONS", true), ("PATH", true), ("LD_PRELOAD", false)] {
            assert_eq!(judge(name, &everything) == Verdict::Allowed, lifted, "{name}");
        }
        assert!(matches!(judge("PATH", &["HOME", "PAT"]), Verdict::Refused(_)));
        assert_eq!(judge("PATH", &["path"]), Verdict::Allowed);
    }

    #[test]
    fn a_refusal_names_the_variable_its_reason_and_the_way_out_if_there_is_one() {
        let names = ["STRIPE_KEY", "PATH", "LD_AUDIT"].map(|name| VariableName::new(name).unwrap());
        let refused = refusals(&names, NONE);
        let told: Vec<_> =
            refused.iter().map(|r| (r.to_string(), r.told().hint.is_some())).collect();
        assert_eq!(
            told,
            [
                ("`PATH` can't be set: it decides which programs are found".to_owned(), true),
                ("`LD_AUDIT` can't be set: the dynamic loader obeys it".to_owned(), false),
            ]
        );
    }
}
