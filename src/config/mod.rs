//! The user's own `config.toml`: lifetimes, access rules, rates, and what a
//! project may lift. pds reads it and never writes it; no manifest can change it.
#![forbid(unsafe_code)]

mod parse;
mod problem;

use std::{collections::BTreeMap, io, path::Path, time::Duration};

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{mistake::Invalid, secret::TrustProfileName};
pub use problem::ConfigProblem;

/// A config file has at most this many bytes.
pub const CONFIG_MAX_BYTES: u64 = 256 << 10;

/// Everything that `config.toml` can say. Each part is optional.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Whether manifests need an approval.
    pub approval: Approval,
    /// How many earlier versions of a value a vault keeps.
    pub history: u32,
    /// How long things stay in memory.
    pub lifetimes: Lifetimes,
    /// When the audit trail reaches the disk.
    pub audit: Audit,
    /// Token buckets, by requester.
    pub rate: BTreeMap<String, Rate>,
    /// Access rules, by profile and requester.
    pub acl: BTreeMap<ProfileKey, BTreeMap<String, Grants>>,
    /// Refused variables that a project may set all the same, by the folder of its manifest.
    pub lift: BTreeMap<String, Lift>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            approval: Approval::On,
            history: 10,
            lifetimes: Lifetimes::default(),
            audit: Audit::default(),
            rate: BTreeMap::new(),
            acl: BTreeMap::new(),
            lift: BTreeMap::new(),
        }
    }
}

/// Whether a manifest needs an approval before anything is resolved for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// It does.
    On,
    /// It doesn't: for those who want none.
    Off,
}

/// Three lifetimes, all on `CLOCK_BOOTTIME`, which goes on during suspend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of a value in the cache.
    pub value: Duration,
    /// Of an unlocked profile, however much it is used.
    pub unlocked: Duration,
    /// Of an unlocked profile that nobody uses.
    pub idle: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            value: Duration::from_secs(300),
            unlocked: Duration::from_secs(8 * 3600),
            idle: Duration::from_secs(3600),
        }
    }
}

/// When the audit trail reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// Before each release, or within a time of it.
    pub sync: TrailSync,
}

impl Default for Audit {
    fn default() -> Self {
        Self { sync: TrailSync::Within(Duration::from_secs(1)) }
    }
}

/// How soon a line of the audit trail is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrailSync {
    /// Before what it is about is released.
    Always,
    /// Within this time.
    Within(Duration),
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests that may come at once.
    pub burst: u32,
    /// Requests a second in the long run.
    pub per_second: u32,
}

/// What one requester may do in one profile: globs over keys, by operation.
/// An empty list grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Keys whose value it may have.
    pub get: Vec<String>,
    /// Keys that it may set.
    pub set: Vec<String>,
    /// Keys that it may delete.
    pub delete: Vec<String>,
    /// Keys whose names it may list.
    pub list: Vec<String>,
    /// Not empty if it may unlock the profile.
    pub unlock: Vec<String>,
    /// Not empty if it may lock the profile.
    pub lock: Vec<String>,
}

impl Grants {
    /// The list for an operation, by its word; `None` if there is no such operation.
    pub fn of(&mut self, operation: &str) -> Option<&mut Vec<String>> {
        Some(match operation {
            "get" => &mut self.get,
            "set" => &mut self.set,
            "delete" => &mut self.delete,
            "list" => &mut self.list,
            "unlock" => &mut self.unlock,
            "lock" => &mut self.lock,
            _ => return None,
        })
    }
}

/// Refused variables that one project may set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lift {
    /// Their names, of classes B and C.
    pub variables: Vec<String>,
}

/// A profile's name as a table's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProfileKey(pub TrustProfileName);

impl std::borrow::Borrow<str> for ProfileKey {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}

impl<'de> Deserialize<'de> for ProfileKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        TrustProfileName::new(&name).map(Self).map_err(D::Error::custom)
    }
}

/// Reads a duration such as `300s`, `8h` or `1h 30m`; it must be longer than nothing.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let parsed: SignedDuration =
        text.parse().map_err(|_| "expected a duration such as `300s`, `8h` or `1h 30m`")?;
    match Duration::try_from(parsed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a duration longer than nothing"),
    }
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the config file: {0}")]
    Unreadable(#[from] io::Error),
    /// It is longer than [`CONFIG_MAX_BYTES`].
    #[error("the config file is longer than {CONFIG_MAX_BYTES} bytes")]
    TooLong,
    /// It was read, and is wrong: all that is. In one line, for a log or a table; rendered
    /// by whoever shows it to a person.
    #[error("{}", .0.in_one_line())]
    Invalid(Box<Invalid<ConfigProblem>>),
}

impl Config {
    /// Reads the file; a missing one is the default.
    ///
    /// # Errors
    /// [`ConfigError`] if there is one that can't be used as it is.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
            Ok(metadata) if metadata.len() > CONFIG_MAX_BYTES => return Err(ConfigError::TooLong),
            Ok(_) => std::fs::read(path)?,
        };
        Self::from_bytes(&text, path)
    }

    /// Reads `bytes`, the whole of the config file `path`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with every mistake.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ConfigError> {
        let invalid = |text: &str, found| {
            ConfigError::Invalid(Box::new(Invalid::new(path.to_owned(), text, found)))
        };
        let text = str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            let readable = str::from_utf8(&bytes[..at]).unwrap_or_default();
            invalid(readable, vec![(at..at, ConfigProblem::NotUtf8)])
        })?;
        parse::read(text).map_err(|found| invalid(text, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::from_bytes(text.as_bytes(), Path::new("/home/me/.config/pds/config.toml"))
    }

    #[test]
    fn an_empty_config_is_the_documented_default() {
        let config = parse("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.lifetimes.value, Duration::from_secs(300));
        assert_eq!(config.history, 10);
    }

    #[test]
    fn every_field_of_the_manual_is_read() {
        let config = parse(
            r#"
            approval = "off"
            history = 3
            [lifetimes]
            value = "60s"
            unlocked = "1h 30m"
            idle = "10m"
            [audit]
            sync = "always"
            [rate.ci]
            burst = 50
            per_second = 10
            [acl.work.ci]
            get = ["db/*"]
            [lift."/home/me/app"]
            variables = ["PATH"]
            "#,
        )
        .unwrap();
        assert_eq!(config.approval, Approval::Off);
        assert_eq!(config.lifetimes.unlocked, Duration::from_secs(5400));
        assert_eq!(config.audit.sync, TrailSync::Always);
        assert_eq!(config.acl["work"]["ci"].get, ["db/*"]);
        assert_eq!(config.lift["/home/me/app"].variables, ["PATH"]);
    }

    /// Where each mistake is, and its words.
    fn mistakes(text: &str) -> Vec<(usize, usize, String)> {
        let Err(ConfigError::Invalid(invalid)) = parse(text) else { panic!("{text} was taken") };
        let one = |mistake: &crate::mistake::Mistake<ConfigProblem>| {
            (mistake.line, mistake.column, mistake.kind.to_string())
        };
        invalid.mistakes.iter().map(one).collect()
    }

    #[test]
    fn a_mistake_is_shown_with_its_line_and_column() {
        for (text, line, column) in [
            ("approval = \"on\"\nhistroy = 3\n", 2, 1),
            ("[lifetimes]\nvalue = \"soon\"\n", 2, 9),
            ("[lifetimes]\nidle = \"0s\"\n", 2, 8),
            ("[acl.\"a/b\".ci]\nget = []\n", 1, 6),
            ("history = -1\n", 1, 11),
            ("history = 4294967296\n", 1, 11),
            ("[acl.work]\nget = [\"a\"]\n", 2, 7),
            ("[rate.ci]\nburst = 5\n", 1, 7),
            ("approval = on\n", 1, 12),
        ] {
            let found = mistakes(text);
            let [(l, c, _)] = found.as_slice() else { panic!("{text}: {found:?}") };
            assert_eq!((*l, *c), (line, column), "{text}");
        }
    }

    #[test]
    fn what_no_config_lifts_is_a_mistake_of_the_config_in_its_place() {
        let lift = |names: &str| format!("[lift.\"/home/me/app\"]\nvariables = [{names}]\n");
        assert!(parse(&lift("\"PATH\", \"NODE_*\", \"*\", \"MINE\", \"L*\"")).is_ok());
        for (names, column, says) in [
            (
                "\"PATH\", \"LD_PRELOAD\"",
                21,
                "no config lifts `LD_PRELOAD`: the dynamic loader obeys it",
            ),
            ("\"ld_preload\"", 14, "no config lifts `ld_preload`: the dynamic loader obeys it"),
            ("\"PDS_HOME\"", 14, "no config lifts `PDS_HOME`: it belongs to pds itself"),
            ("\"LD_*\"", 14, "no config lifts: the dynamic loader obeys it"),
        ] {
            assert_eq!(mistakes(&lift(names)), [(2, column, says.to_owned())], "{names}");
        }
    }

    #[test]
    fn all_mistakes_are_shown_at_once_and_no_value() {
        let text = "approval = \"of\"\n[lifetimes]\nvalue = \"hunter2\"\nidel = 3\n[audti]\n\
                    [acl.work.ci]\ngte = []\nget = [1]\n";
        let found = mistakes(text);
        let lines: Vec<_> = found.iter().map(|(line, _, _)| *line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 7, 8], "{found:?}");
        let Err(ConfigError::Invalid(invalid)) = parse(text) else { panic!() };
        assert!(!invalid.render(false).contains("hunter2"));
        assert!(invalid.render(false).contains("did you mean `idle`?"));
        let line = ConfigError::Invalid(invalid).to_string();
        assert_eq!(
            line,
            "line 1, column 12: `\"on\"` or `\"off\"` is expected here; did you mean `off`? \
             (and 5 more)"
        );
    }

    #[test]
    fn every_operation_that_a_rule_can_name_is_suggested() {
        let mut grants = Grants::default();
        assert!(parse::OPERATIONS.iter().all(|operation| grants.of(operation).is_some()));
    }
}
