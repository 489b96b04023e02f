//! The files that pds(1) names are those that pds makes, and no others.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::support::{Sandbox, program};

/// The person's own file, and what only a long log is moved to.
const NOT_MADE: [&str; 3] = ["pds.toml", "~/.config/pds/config.toml", "~/.local/state/pds/log.old"];
/// Where the socket is if no variable names a folder for it.
const WITHOUT_RUNTIME_FOLDER: &str = "~/.local/state/pds/run/pds.sock";

/// The paths of the section FILES; one that ends with `/` stands for all that is in it.
fn documented() -> BTreeSet<String> {
    let source = std::env::var_os("PDS_TEST_SOURCE").map(PathBuf::from);
    let source = source.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let page = fs::read_to_string(source.join("man/pds.1")).unwrap();
    let section = page.split("\n.Sh ").find(|section| section.starts_with("FILES")).unwrap();
    let mut paths = BTreeSet::new();
    for line in section.lines() {
        let Some(items) = line.strip_prefix(".It Pa ").or_else(|| line.strip_prefix(".Pa ~/"))
        else {
            continue;
        };
        let first = items.split(" , ").next().unwrap();
        let folder = first.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (n, item) in items.split(" , ").enumerate() {
            let path = if n == 0 { item.to_owned() } else { format!("{folder}/{item}") };
            let path = if line.starts_with(".It") { path } else { format!("~/{path}") };
            paths.insert(path);
        }
    }
    paths
}

/// Every file below `folder`, as the manual would write it.
fn made(folder: &Path, shown: &str, paths: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let name = name.replace("default", "PROFILE").replace("00000001", "NNNNNNNN");
        let name = match name.split_once('.') {
            Some(("ci", rest)) => format!("NAME.{rest}"),
            _ => name,
        };
        let path = format!("{shown}/{name}");
        match entry.file_type().unwrap().is_dir() {
            true => made(&entry.path(), &path, paths),
            false => drop(paths.insert(path)),
        }
    }
}

#[test]
fn the_manual_names_the_files_that_are_made_and_no_other() {
    let sandbox = Sandbox::new();
    let (home, runtime) = (sandbox.path("home"), sandbox.path("runtime"));
    for folder in [&home, &runtime] {
        fs::create_dir(folder).unwrap();
    }
    let password = sandbox.password("default");
    let wrong = sandbox.password("other");
    let key = home.join("ci.key");
    let pds = |arguments: &[&str], client: bool| {
        let mut command = sandbox.command(program());
        command.env_remove("PDS_HOME").env("HOME", &home).env("XDG_RUNTIME_DIR", &runtime);
        if client {
            command.env("PDS_CLIENT_KEY", &key);
        }
        command.current_dir(&home).args(arguments).output().unwrap().status.success()
    };
    let password = password.to_str().unwrap();
    assert!(pds(&["init", "--password-file", password], false));
    assert!(pds(&["set", "k", "--from-file", password], false));
    let add = ["client", "add", "ci", "--grant", "default:k:get", "--key-file"];
    assert!(pds(&[add.as_slice(), &[key.to_str().unwrap()]].concat(), false));
    assert!(pds(&["get", "k"], true));
    assert!(pds(&["lock"], false));
    assert!(!pds(&["unlock", "--password-file", wrong.to_str().unwrap()], false));
    let mut found = BTreeSet::new();
    made(&home.join(".config"), "~/.config", &mut found);
    made(&home.join(".local"), "~/.local", &mut found);
    made(&runtime, "$XDG_RUNTIME_DIR", &mut found);
    assert!(pds(&["stop"], false));
    let documented = documented();
    let covers = |named: &String, path: &String| match named.ends_with('/') {
        true => path.starts_with(named.as_str()),
        false => path == named,
    };
    let unnamed: Vec<_> =
        found.iter().filter(|path| !documented.iter().any(|named| covers(named, path))).collect();
    assert!(unnamed.is_empty(), "not in the manual: {unnamed:?}");
    let absent: Vec<_> = documented
        .iter()
        .filter(|named| !NOT_MADE.contains(&named.as_str()) && *named != WITHOUT_RUNTIME_FOLDER)
        .filter(|named| !found.iter().any(|path| covers(named, path)))
        .collect();
    assert!(absent.is_empty(), "in the manual alone: {absent:?}; there are {found:?}");
}
