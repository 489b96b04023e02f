//! `__complete`: names for a shell's completion, one a line. It is no command of the
//! description: only the files of `completions/` call it, at each press of Tab.
//!
//! It never asks a person, starts no daemon, keeps nothing unlocked and leaves no line on
//! the audit trail; whatever is in its way is an empty answer, and so is a wait.

use std::{collections::BTreeSet, ffi::OsString, fs, path::PathBuf, time::Duration};

use crate::{
    client::Client,
    home::Home,
    run::{asked, manifest::Manifest, plan},
    say,
    secret::{LAUNCHER, SecureBuffer, TrustProfileName},
    sys::deadline,
    wire::message::{self, KeyPrefix, Request, Response},
};

/// A tenth of a second is what a person takes for at once; the shell needs some of it.
const TIME_MAX: Duration = Duration::from_millis(80);
/// As many profiles are asked, of those that a line or a manifest names.
const PROFILES_MAX: usize = 8;

/// Answers `__complete KIND WORD LINE...`: the names of a kind that `WORD`, the one being
/// typed, can become; `LINE` is what is typed before it.
pub fn complete(arguments: &[OsString]) {
    deadline::end_after(TIME_MAX);
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    let kind = words.next().unwrap_or_default();
    let word = words.next().unwrap_or_default();
    let line = Line::read(&words.map(String::from).collect::<Vec<_>>());
    let Ok(home) = Home::from_environment() else { return };
    let names = match &*kind {
        "keys" => keys(&home, &line, None, &word),
        "assignments" => assignments(&home, &line, &word),
        "entries" => entries(&home, &line, &word),
        "profiles" => profiles(&home),
        "clients" => clients(&home),
        "projects" => projects(&line),
        _ => BTreeSet::new(),
    };
    let fitting = names.iter().filter(|name| name.starts_with(&*word));
    let text: String = fitting.flat_map(|name| [name.as_str(), "\n"]).collect();
    // From here on it is the shell's time: half a name would be worse than none.
    deadline::cancel();
    let _ = say::print(text.as_bytes());
}

/// What the words before the one being typed decide.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    profiles: Vec<TrustProfileName>,
    manifest: Option<PathBuf>,
}

impl Line {
    fn read(words: &[String]) -> Self {
        let mut line = Self::default();
        let mut words = words.iter().take_while(|word| *word != "--");
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ if word.starts_with("--") || !word.starts_with('-') => (word.as_str(), None),
                _ => match word.char_indices().nth(2) {
                    Some((at, _)) => (&word[..at], Some(&word[at..])),
                    None => (word.as_str(), None),
                },
            };
            let is_profile = ["-p", "--profile"].contains(&name);
            if !is_profile && !["-m", "--manifest"].contains(&name) {
                continue;
            }
            let value = value.or_else(|| words.next().map(String::as_str)).unwrap_or_default();
            match is_profile {
                true => line.profiles.extend(TrustProfileName::new(value)),
                false => line.manifest = Some(in_home(value)),
            }
        }
        line
    }

    fn manifest(&self) -> Option<Manifest> {
        asked::unjudged_manifest(self.manifest.as_ref()).ok()
    }
}

/// A path as the shell will expand it.
fn in_home(path: &str) -> PathBuf {
    let home = path.strip_prefix("~/").zip(std::env::var_os("HOME"));
    home.map_or_else(|| PathBuf::from(path), |(rest, home)| PathBuf::from(home).join(rest))
}

/// The keys that begin with `prefix`, in the profiles that the command would use.
fn keys(home: &Home, line: &Line, manifest: Option<&Manifest>, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let Ok(profiles) = plan::profiles(&line.profiles, manifest) else { return found };
    let Ok(mut client) = Client::connect_if_running(home) else { return found };
    for profile in profiles.iter().take(PROFILES_MAX) {
        let request = Request::Complete(KeyPrefix { profile, prefix });
        let Ok(mut buffer) = SecureBuffer::new() else { break };
        if client.exchange(&request, &mut buffer).is_err() {
            break;
        }
        if let Ok(Response::Names(names)) = message::decode(buffer.as_slice()) {
            found.extend(names.into_iter().map(str::to_owned));
        }
    }
    found
}

/// `VAR=KEY`: the variables of the manifest, and behind the `=` keys.
fn assignments(home: &Home, line: &Line, word: &str) -> BTreeSet<String> {
    let manifest = line.manifest();
    if let Some((variable, prefix)) = word.split_once('=') {
        let keys = keys(home, line, manifest.as_ref(), prefix);
        return keys.iter().map(|key| format!("{variable}={key}")).collect();
    }
    // Valid names and nothing else, whoever wrote the manifest: reading it has seen to that.
    let variables = manifest.iter().flat_map(Manifest::variables);
    variables.map(|variable| format!("{variable}=")).collect()
}

/// `[VAR=]KEY`.
fn entries(home: &Home, line: &Line, word: &str) -> BTreeSet<String> {
    let start = word.find('=').map_or(0, |at| at + 1);
    let keys = keys(home, line, None, &word[start..]);
    keys.iter().map(|key| format!("{}{key}", &word[..start])).collect()
}

fn profiles(home: &Home) -> BTreeSet<String> {
    names_in(home.vaults(), "")
}

/// Whom the audit trail knows by name.
fn clients(home: &Home) -> BTreeSet<String> {
    let mut found = names_in(home.data.join("clients"), ".toml");
    found.insert(LAUNCHER.to_owned());
    found
}

/// The project that the audit trail would name here, if its name needs no quoting.
fn projects(line: &Line) -> BTreeSet<String> {
    let plain =
        |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    line.manifest().and_then(|manifest| manifest.project).filter(plain).into_iter().collect()
}

/// The files of a folder that have such names as profiles and clients have.
fn names_in(folder: PathBuf, end: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let name = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_str()?.strip_suffix(end)?;
        TrustProfileName::new(name).ok().map(|name| name.as_str().to_owned())
    };
    entries.filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_and_manifest_are_read_in_each_way_that_they_can_be_written() {
        let read = |line: &str| Line::read(&shell_words::split(line).unwrap());
        let wanted = Line {
            profiles: vec![TrustProfileName::new("work").unwrap()],
            manifest: Some("/m".into()),
        };
        for line in [
            "run -p work -m /m",
            "run --clean -pwork -m/m --dry-run",
            "run --profile=work --manifest=/m",
            "run --manifest /m --profile work",
            "run -p work -m /m -- sh -p other",
        ] {
            assert_eq!(read(line), wanted, "{line}");
        }
        for line in ["", "run -p", "run -p ../x -m", "-- -p work", "é -é"] {
            assert!(read(line).profiles.is_empty(), "{line}");
        }
    }
}
