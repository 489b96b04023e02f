//! What `doctor` says of a machine that is not as it should be. Each state is a real one.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    process::Command,
    thread,
};

use serde_json::Value;

use crate::support::{MEMFD_SECRET, NO_SUCH_CALL, Sandbox, WITHOUT_CALLS, is_root, program};

/// Landlock's first call, on every machine.
const LANDLOCK_CREATE_RULESET: &str = "444";

/// What `list` ends with where there is no vault; a daemon runs by then.
const NO_VAULT: i32 = 4;

/// The state and the hint of one check.
fn check(report: &Value, name: &str) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    let found = found.unwrap_or_else(|| panic!("no check of {name} in {report}"));
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("state"), text("hint"))
}

/// What `command`, which ends in `doctor --json`, reports, and its exit status.
fn report(mut command: Command) -> (Value, i32) {
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    (report.unwrap_or_else(|_| panic!("no JSON: {}", said())), output.status.code().unwrap())
}

fn doctor(sandbox: &Sandbox) -> (Value, i32) {
    let mut command = sandbox.command(program());
    command.args(["doctor", "--json"]);
    report(command)
}

fn without(sandbox: &Sandbox, call: &str, arguments: &[&str]) -> Command {
    let mut command = sandbox.command("python3");
    command.args(["-c", WITHOUT_CALLS, NO_SUCH_CALL, call, &program()]).args(arguments);
    command
}

#[test]
fn with_and_without_a_daemon_a_sound_machine_has_nothing_wrong() {
    let sandbox = Sandbox::new();
    let (report, status) = doctor(&sandbox);
    assert_eq!(status, 0, "{report}");
    assert!(!sandbox.socket().exists(), "it started a daemon");
    let sandbox = sandbox.vault("default");
    let (report, status) = doctor(&sandbox);
    assert_eq!(status, 0, "{report}");
    for name in ["daemon", "secret memory", "core dumps", "seccomp", "clock", "permissions"] {
        assert_eq!(check(&report, name).0, "ok", "{report}");
    }
    let text = sandbox.pds(["doctor"]).ok();
    let text = String::from_utf8(text).unwrap();
    assert!(text.lines().count() <= 12, "more than a glance: {text}");
    assert!(text.lines().all(|line| line.len() <= 80), "wider than a terminal: {text}");
}

#[test]
fn a_kernel_without_memfd_secret_is_a_degraded_one_with_a_daemon_and_without() {
    let sandbox = Sandbox::new();
    let (alone, status) = report(without(&sandbox, MEMFD_SECRET, &["doctor", "--json"]));
    assert_eq!((check(&alone, "secret memory").0.as_str(), status), ("degraded", 0));
    // The daemon that it starts inherits the filter.
    let listed = without(&sandbox, MEMFD_SECRET, &["list"]).output().unwrap();
    assert_eq!(listed.status.code(), Some(NO_VAULT));
    let (asked, _) = doctor(&sandbox);
    let (state, hint) = check(&asked, "secret memory");
    assert_eq!(state, "degraded");
    assert!(hint.contains("secretmem.enable"), "{hint}");
    sandbox.stop();
}

#[test]
fn a_kernel_without_landlock_is_a_degraded_one_with_a_daemon_and_without() {
    let sandbox = Sandbox::new();
    let (alone, _) = report(without(&sandbox, LANDLOCK_CREATE_RULESET, &["doctor", "--json"]));
    assert_eq!(check(&alone, "Landlock").0, "degraded");
    let listed = without(&sandbox, LANDLOCK_CREATE_RULESET, &["list"]).output().unwrap();
    assert_eq!(listed.status.code(), Some(NO_VAULT));
    assert_eq!(check(&doctor(&sandbox).0, "Landlock").0, "degraded");
    sandbox.stop();
}

#[test]
fn a_low_limit_on_locked_memory_is_shown_with_the_way_to_raise_it() {
    if is_root() {
        eprintln!("skipped: the limit does not count for root");
        return;
    }
    let sandbox = Sandbox::new();
    let mut command = sandbox.command("sh");
    command.args(["-c", "ulimit -l 64 && exec \"$0\" doctor --json", &program()]);
    let (report, _) = report(command);
    let (state, hint) = check(&report, "locked memory");
    assert_eq!(state, "degraded");
    assert!(hint.contains("ulimit -l 8192"), "{hint}");
}

#[test]
fn the_command_that_is_hinted_at_mends_what_is_open_to_others() {
    let sandbox = Sandbox::new().vault("default");
    let header = sandbox.home("data/vaults/default/header");
    let config = sandbox.home("config");
    let trail = sandbox.home("state/audit/00000001.jsonl");
    for (path, mode) in [(&header, 0o644), (&config, 0o777), (&trail, 0o640)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let (report, status) = doctor(&sandbox);
    assert_eq!(status, 1, "{report}");
    let (state, hint) = check(&report, "permissions");
    assert_eq!(state, "wrong");
    assert!(Command::new("sh").args(["-c", &hint]).status().unwrap().success(), "{hint}");
    let (report, status) = doctor(&sandbox);
    assert_eq!((check(&report, "permissions").0.as_str(), status), ("ok", 0), "{report}");
}

#[test]
fn a_daemon_of_another_version_is_told_and_what_ends_it() {
    let sandbox = Sandbox::new().vault("default");
    sandbox.stop();
    let listener = UnixListener::bind(sandbox.socket()).unwrap();
    fs::set_permissions(sandbox.socket(), fs::Permissions::from_mode(0o600)).unwrap();
    let old = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = [0; 256];
        let _ = stream.read(&mut first).unwrap();
        // As `version_answer` has it: the magic, a version, the build.
        let answer = pds::wire::frame::version_answer("pds 0.0.9");
        let field = u16::try_from(answer.len()).unwrap().to_be_bytes();
        let mut bytes = [field.as_slice(), &answer].concat();
        // Of a protocol that never was.
        bytes[2 + 3] = 0;
        stream.write_all(&bytes).unwrap();
    });
    let (report, status) = doctor(&sandbox);
    old.join().unwrap();
    assert_eq!(status, 1);
    let (state, hint) = check(&report, "daemon");
    assert_eq!(state, "wrong", "{report}");
    assert!(hint.contains("pds stop"), "{hint}");
    assert_eq!(check(&report, "secret memory").0, "ok", "the rest is still told");
}

#[test]
fn a_daemon_that_is_not_there_to_be_started_is_wrong_and_not_just_absent() {
    let sandbox = Sandbox::new();
    fs::copy(program(), sandbox.path("pds")).unwrap();
    let mut command = sandbox.command(sandbox.path("pds"));
    command.args(["doctor", "--json"]);
    let (report, status) = report(command);
    let (state, hint) = check(&report, "daemon");
    assert_eq!(
        (state.as_str(), hint.as_str(), status),
        ("wrong", "install pds again, both of its files", 1)
    );
}

#[test]
fn a_config_that_no_daemon_would_start_with_is_wrong_before_one_is_needed() {
    let sandbox = Sandbox::new();
    sandbox.config("x = [\n");
    let (report, status) = doctor(&sandbox);
    let (state, hint) = check(&report, "daemon");
    assert_eq!((state.as_str(), status), ("wrong", 1), "{report}");
    assert!(hint.contains("config.toml") && report.to_string().contains("none would start"));
}
