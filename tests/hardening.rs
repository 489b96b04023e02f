//! Promise 2, A-03 and A-08: what other processes get from ours.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    process::Command,
};

use crate::support::{Sandbox, is_root};

const NOBODY: u32 = 65_534;

/// What a process may not be read through (proc(5)).
const PRIVATE: [&str; 5] = ["environ", "maps", "mem", "fd", "auxv"];

fn can_read(uid: Option<u32>, path: &str) -> bool {
    // `ls` opens a folder, `head` a file; both must be refused.
    let script = "if [ -d \"$1\" ]; then ls \"$1\"; else head -c 1 \"$1\"; fi";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", path]).current_dir("/");
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    let output = command.output().unwrap();
    output.status.success() && !output.stdout.is_empty()
}

/// Every file below `folder`.
fn files(folder: std::path::PathBuf) -> Vec<std::path::PathBuf> {
    let (mut folders, mut files) = (vec![folder], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files
}

#[test]
fn another_user_gets_nothing() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    // So that it is pds's own modes that keep others out.
    for open in ["", "p"] {
        fs::set_permissions(sandbox.path(open), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(sandbox.path("readable"), "x").unwrap();
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    assert!(can_read(Some(NOBODY), &text(sandbox.path("readable"))), "the means is good");
    for path in files(sandbox.home("")) {
        assert!(!can_read(Some(NOBODY), &text(path.clone())), "{}", path.display());
    }
    for folder in ["data", "state", "run"] {
        assert!(!can_read(Some(NOBODY), &text(sandbox.home(folder))), "{folder}");
    }
    let pid = sandbox.daemon_pid().unwrap();
    for name in PRIVATE {
        assert!(!can_read(Some(NOBODY), &format!("/proc/{pid}/{name}")), "{name}");
    }
    assert!(!connects(NOBODY, &sandbox), "the folder keeps it out");
    // And with the folder open to all, the daemon drops it before it reads a byte.
    for (path, mode) in [("run", 0o755), ("run/pds.sock", 0o666)] {
        fs::set_permissions(sandbox.home(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    assert!(connects(NOBODY, &sandbox), "the means is good");
    assert_eq!(answered(NOBODY, &sandbox), "");
    assert_ne!(answered(0, &sandbox), "");
    fs::set_permissions(sandbox.home("run"), fs::Permissions::from_mode(0o700)).unwrap();
}

const CONNECT: &str = "use IO::Socket::UNIX; \
    my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1;";

fn perl(uid: u32, sandbox: &Sandbox, script: &str) -> std::process::Output {
    let mut command = Command::new("perl");
    command.arg("-e").arg(script).arg(sandbox.socket());
    command.uid(uid).gid(uid).current_dir("/").output().unwrap()
}

fn connects(uid: u32, sandbox: &Sandbox) -> bool {
    perl(uid, sandbox, CONNECT).status.success()
}

/// What the daemon answers to a version that it does not speak.
fn answered(uid: u32, sandbox: &Sandbox) -> String {
    let ask = "$SIG{PIPE} = 'IGNORE'; $s->syswrite(pack('n', 100) . \"pds\\x63\" . 'x' x 96); \
               $s->sysread(my $answer, 500); print $answer;";
    let output = perl(uid, sandbox, &format!("{CONNECT}{ask}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_process_of_the_same_user_can_neither_read_nor_trace_the_daemon() {
    let sandbox = Sandbox::new();
    let root = is_root();
    if root {
        for folder in ["", "p", "w", "i"] {
            chown(sandbox.path(folder), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let as_user = |program: &str, arguments: &[&str]| {
        let mut command = sandbox.command(program);
        command.args(arguments);
        if root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().unwrap()
    };
    let pds = env!("CARGO_BIN_EXE_pds");
    let password = sandbox.password("default");
    if root {
        chown(&password, Some(NOBODY), None).unwrap();
    }
    let init = as_user(pds, &["init", "--password-file", password.to_str().unwrap()]);
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    let status = as_user(pds, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let pid = status["daemon"]["pid"].as_u64().unwrap();
    let uid = root.then_some(NOBODY);
    let mut other = Command::new("sleep");
    if let Some(uid) = uid {
        other.uid(uid).gid(uid);
    }
    let mut other = other.arg("60").spawn().unwrap();
    for name in PRIVATE {
        let path = format!("/proc/{pid}/{name}");
        assert!(!can_read(uid, &path), "{name}");
    }
    let means = can_read(uid, &format!("/proc/{}/environ", other.id()));
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(means, "the means is good");
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("NoNewPrivs").ends_with('1'), "{text}");
    let stopped = as_user(pds, &["stop"]);
    assert!(stopped.status.success());
}

#[test]
fn neither_values_nor_passwords_are_in_the_log_however_much_it_says() {
    let sandbox = Sandbox::new();
    let password = sandbox.password("default");
    let password = password.to_str().unwrap();
    let trace = |arguments: &[&str]| sandbox.pds(arguments).env("PDS_LOG", "trace");
    trace(&["init", "--password-file", password]).done().code(0).end();
    trace(&["set", "k", "--stdin"]).input("telltale-value").done().code(0).end();
    trace(&["get", "k"]).done().code(0).stdout("telltale-value").end();
    trace(&["get", "gone"]).done().code(4).end();
    sandbox.stop();
    for path in files(sandbox.home("")) {
        let bytes = fs::read(&path).unwrap();
        for secret in [&b"telltale-value"[..], b"password of default"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{}", path.display());
        }
    }
}
