//! What is printed as a report, in full: as a file gets it, and as a terminal shows it. What is
//! of the machine or of the moment has fixed words in its place.

/// What a daemon answers in states that can't be brought about.
mod answered;

use std::{
    fs::{self, File},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    time::{Duration, SystemTime},
};

use crate::support::{
    MEMFD_SECRET, NO_SUCH_CALL, Sandbox, Terminal, WITHOUT_CALLS, program, until,
};

use super::COLUMNS_MAX;

/// What `doctor` finds of the machine, and `status` of its memory: tests/doctor.rs brings
/// about each of the states.
const OF_THE_MACHINE: [&str; 4] = ["secret memory", "locked memory", "Landlock", "swap"];

/// The whole file.
pub(super) fn all() -> String {
    let sandbox = Sandbox::new();
    let mut text = both(&sandbox, &["status"]) + &both(&sandbox, &["doctor"]);
    let sandbox = sandbox.vault("default").vault("work");
    sandbox.set("db/password", "1").set("db/password", "2").set("db/user", "3");
    sandbox.pds(["set", "old", "--generate", "--expires", "1h"]).ok();
    sandbox.pds(["set", "new", "--generate", "--expires", "240h"]).ok();
    sandbox.manifest("project = \"billing\"\n[secrets]\nA = \"db/password\"\nB = \"db/user\"\n");
    let grants = ["--grant", "default:db/*:get,list", "--grant", "work:**:get"];
    let key = sandbox.path("ci.key");
    let add = ["client", "add", "ci", "--key-file", key.to_str().unwrap()];
    sandbox.pds(add.iter().chain(&grants)).ok();
    let key = key.to_str().unwrap();
    for call in [&["status"][..], &["doctor"], &["list"], &["history", "db/password"], &["check"]] {
        text += &both(&sandbox, call);
    }
    text += &both(&sandbox, &["client", "list"]);
    sandbox.pds(["run", "--", "true"]).done().code(0).end();
    sandbox.pds(["get", "db/user", "--client-key", key]).ok();
    sandbox.pds(["get", "old", "--client-key", key]).done().code(5).end();
    sandbox.pds(["client", "revoke", "ci"]).ok();
    text += &both(&sandbox, &["client", "list"]);
    // The line of a run's end comes whenever it comes.
    for outcome in ["granted", "denied"] {
        text += &both(&sandbox, &["audit", "show", "--client", "ci", "--outcome", outcome]);
    }
    text += &both(&sandbox, &["audit", "show", "--project", "billing", "--outcome", "granted"]);
    let running = ["run", "--", &program(), "audit", "show", "--running"];
    text += &both(&sandbox, &running).replace(&program(), "pds");
    text += &verified(&sandbox);
    text + &degraded() + &answered::all() + &shown_as_it_is()
}

/// A trail with a line of each kind, which `show` believes; a config that no daemon starts
/// with, and a clock that was turned back.
fn shown_as_it_is() -> String {
    let sandbox = Sandbox::new();
    let folder = sandbox.home("state/audit");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
    let kinds = [
        "segment\",\"segment\":7",
        "key",
        "lost\",\"profile\":\"work",
        "close\",\"why\":\"stop",
        "other",
    ];
    let line = |kind: &&str| {
        let kind = if kind.ends_with('7') { (*kind).to_owned() } else { format!("{kind}\"") };
        format!("{{\"time\":\"2026-01-31T12:00:00Z\",\"kind\":\"{kind}}}\n")
    };
    let file = folder.join("00000001.jsonl");
    fs::write(&file, kinds.iter().map(line).collect::<String>()).unwrap();
    let text = both(&sandbox, &["audit"]);
    let ahead = SystemTime::now() + Duration::from_secs(86_400);
    File::options().append(true).open(&file).unwrap().set_modified(ahead).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let text = text + &both(&sandbox, &["doctor"]);
    sandbox.config("approvel = \"on\"\n");
    let log = sandbox.home("state/log");
    fs::write(&log, "").unwrap();
    fs::set_permissions(log, fs::Permissions::from_mode(0o644)).unwrap();
    let folder = fs::Permissions::from_mode(0o755);
    fs::set_permissions(sandbox.home("state"), folder).unwrap();
    text + &both(&sandbox, &["doctor"])
}

/// The trail as it was written, while it can't be checked, and when it was altered.
fn verified(sandbox: &Sandbox) -> String {
    // The ends of the three runs come whenever they come.
    let is_end = |line: &serde_json::Value| line["operation"] == "run-end";
    until("each run's end is on record", || {
        sandbox.trail().iter().filter(|line| is_end(line)).count() == 3
    });
    let mut text = both(sandbox, &["audit", "verify"]);
    sandbox.pds(["lock"]).ok();
    text += &both(sandbox, &["status"]);
    text += &both(sandbox, &["audit", "verify"]);
    for profile in ["default", "work"] {
        let password = sandbox.password(profile);
        let file = ["--password-file", password.to_str().unwrap()];
        sandbox.pds(["unlock", "-p", profile].iter().chain(&file)).done().code(0).end();
    }
    let file = sandbox.home("state/audit");
    let file = fs::read_dir(file).unwrap().next().unwrap().unwrap().path();
    let lines = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = lines.lines().collect();
    let write = |lines: &[&str]| fs::write(&file, lines.join("\n") + "\n").unwrap();
    let altered = lines[5].replace("granted", "denied");
    let (head, tail) = (&lines[..5], &lines[6..]);
    write(&[head, &[altered.as_str()], tail].concat());
    text += &both(sandbox, &["audit", "verify"]);
    write(&[head, &lines[7..]].concat());
    text += &both(sandbox, &["audit", "verify"]);
    write(&[head, &[lines[6], lines[5]], &lines[7..]].concat());
    text + &both(sandbox, &["audit", "verify"])
}

/// With a kernel that has no secret memory, a folder that others can read, and a vault that
/// is not what it was.
fn degraded() -> String {
    let sandbox = Sandbox::ready();
    sandbox.set("a", vec![b'x'; 100_000]).stop();
    let vault = sandbox.home("data/vaults/default/vault.db");
    let mut bytes = fs::read(&vault).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&vault, bytes).unwrap();
    let password = sandbox.password("default");
    let mut unlock = sandbox.command("python3");
    unlock.args(["-c", WITHOUT_CALLS, NO_SUCH_CALL, MEMFD_SECRET, &program(), "unlock"]);
    unlock.arg("--password-file").arg(password).output().unwrap();
    // It may have been found behind the unlocking.
    until("the damage is found", || {
        let status = sandbox.pds(["status", "--json"]).ok();
        let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
        status["profiles"][0]["damaged"] == true
    });
    let folder = sandbox.home("data/vaults/default");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    both_with(&sandbox, &["status"], &[]) + &both_with(&sandbox, &["doctor"], &OF_THE_MACHINE[1..])
}

fn both(sandbox: &Sandbox, call: &[&str]) -> String {
    both_with(sandbox, call, &OF_THE_MACHINE)
}

/// A call as a file gets it, and as a terminal shows it: without a colour though it has them,
/// and no wider than it.
fn both_with(sandbox: &Sandbox, call: &[&str], hidden: &[&str]) -> String {
    let outcome = sandbox.pds(call).env("PDS_NO_PROMPT", "1").done();
    let words = shell_words::join(call);
    let printed = String::from_utf8_lossy(&outcome.0.stdout).into_owned() + &outcome.stderr();
    let mut text = format!("$ pds {words} >file\n{printed}[{}]\n", outcome.status());
    let set = [("TERM", "xterm"), ("PDS_NO_PROMPT", "1")];
    let seen = Terminal::dialogue(sandbox, call, &set).all().replace("\r\n", "\n");
    let plain = seen.replace("\x1b[1m", "").replace("\x1b[1;36m", "").replace("\x1b[0m", "");
    for (seen, plain) in seen.lines().zip(plain.lines()) {
        assert!(seen == plain || plain.starts_with("pds: "), "{seen:?}");
        assert!(plain.chars().count() <= COLUMNS_MAX || plain.contains("hint: "), "{plain}");
    }
    text += &format!("$ pds {words}\n{plain}\n");
    let home = sandbox.path("");
    let text = text.replace(home.to_str().unwrap().trim_end_matches('/'), "/home/me");
    fixed(&text, hidden)
}

/// Fixed words for what is of the machine or of the moment.
fn fixed(text: &str, hidden: &[&str]) -> String {
    let mut kept = String::new();
    let mut skipped = false;
    for line in text.lines() {
        let name = line.get(10..).unwrap_or_default();
        let is_below = line.starts_with("          ");
        let of_machine = hidden.iter().find(|of| name.starts_with(*of) && !is_below);
        skipped = of_machine.is_some() || skipped && is_below;
        match of_machine {
            Some(of) => kept += &format!("…         {of:14} as this machine has it\n"),
            None if skipped => {}
            None if hidden.contains(&"secret memory") && line.starts_with("memory   ") => {
                kept += "memory     as this machine has it\n";
            }
            None => kept += &format!("{line}\n"),
        }
    }
    let version = concat!("pds ", env!("CARGO_PKG_VERSION"));
    let user = format!("user {},", nix::unistd::geteuid());
    let kept = kept.replace(version, "pds X.Y.Z").replace(&user, "user 1000,");
    let kept = numbers_after(&times(&kept), ", process ", "4711");
    let kept = after(&kept, "unlocked for ", |rest| {
        (rest.find(['\n', ',']).unwrap_or(rest.len()), "7 h 59 min".to_owned())
    });
    let kept = processes(&processes(&kept, "launcher["), "ci[");
    after(&after(&kept, "12:00:00  ", rows_pid), "ci  ", |rest| {
        let len = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        (len, if len == 32 { "0123456789abcdef".repeat(2) } else { rest[..len].to_owned() })
    })
}

/// `text` with what follows each `mark` in other words: how much of it, and which.
fn after(text: &str, mark: &str, other: impl Fn(&str) -> (usize, String)) -> String {
    let mut parts = text.split(mark);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (len, words) = other(part);
        kept += &format!("{mark}{words}{}", &part[len..]);
    }
    kept
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn numbers_after(text: &str, mark: &str, other: &str) -> String {
    after(text, mark, |rest| (digits(rest), other.to_owned()))
}

/// A number in brackets, and the blanks that fill its column.
fn processes(text: &str, mark: &str) -> String {
    after(text, mark, |rest| {
        let number = digits(rest);
        let blanks = rest[number..].trim_start_matches(']').bytes().take_while(|b| *b == b' ');
        let len = number + 1 + blanks.count();
        (len, format!("{:len$}", "4711]"))
    })
}

/// A number that fills a column behind a time.
fn rows_pid(rest: &str) -> (usize, String) {
    let number = digits(rest);
    let len = number + rest[number..].bytes().take_while(|b| *b == b' ').count();
    (len, if number == 0 { rest[..len].to_owned() } else { format!("{:len$}", "4711") })
}

/// Each time as the same one, a fraction of a second and a `Z` as they are.
fn times(text: &str) -> String {
    const FORM: &[u8] = b"dddd-dd-ddxdd:dd:dd";
    let fits = |bytes: &[u8]| {
        bytes.len() >= FORM.len()
            && bytes.iter().zip(FORM).all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                b'x' => matches!(byte, b'T' | b' '),
                other => byte == other,
            })
    };
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        if fits(rest.as_bytes()) {
            let between = &rest[10..11];
            kept += &format!("2026-01-31{between}12:00:00");
            rest = &rest[FORM.len()..];
            if let Some(fraction) = rest.strip_prefix('.') {
                kept += ".000";
                rest = &fraction[digits(fraction)..];
            }
        } else {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    kept
}
