//! What other processes get from ours is nothing.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
};

use crate::support::{Sandbox, is_root, program, until};

/// The user and group that everybody calls nobody.
const NOBODY: u32 = 65_534;

#[test]
fn another_user_gets_neither_socket_nor_files_nor_memory() {
    if !is_root() {
        eprintln!("skipped: becoming another user needs root");
        return;
    }
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let pid = sandbox.daemon_pid().unwrap();
    // Even where the way there is open: what counts is pds's own folders.
    fs::set_permissions(sandbox.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let as_nobody = |script: &str| {
        let mut command = sandbox.command("sh");
        command.args(["-c", script]).env("SOCKET", sandbox.socket());
        command.current_dir("/").uid(NOBODY).gid(NOBODY).output().unwrap().status.success()
    };
    let paths = ["data", "data/vaults", "data/launcher.key", "data/vaults/default/vault.db"];
    for path in paths.iter().chain(&["state/log", "state/audit", "run", "run/pds.sock"]) {
        let path = sandbox.home(path).display().to_string();
        assert!(!as_nobody(&format!("cat '{path}' || ls '{path}'")), "{path}");
    }
    for name in ["environ", "maps", "mem", "exe"] {
        assert!(!as_nobody(&format!("cat /proc/{pid}/{name}")), "{name}");
    }
    for name in ["fd/", "cwd/", "map_files/"] {
        assert!(!as_nobody(&format!("ls /proc/{pid}/{name}")), "{name}");
    }
    assert!(!as_nobody(&format!("kill -0 {pid}")));
    // And where every folder on the way is open too, the daemon itself refuses.
    for open in ["", "run"] {
        fs::set_permissions(sandbox.home(open), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(sandbox.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let talk = "import os, socket; s = socket.socket(socket.AF_UNIX); s.settimeout(20); \
                s.connect(os.environ['SOCKET']); s.sendall(b'\\0\\5pds\\1x'); \
                raise SystemExit(0 if s.recv(1) else 1)";
    assert!(!as_nobody(&format!("python3 -c \"{talk}\"")), "it was answered");
}

/// Things that a process of the same user may try, each as a Python expression.
const INTRUSIONS: [(&str, &str); 6] = [
    ("environ", "open(f'/proc/{pid}/environ', 'rb').read()"),
    ("maps", "open(f'/proc/{pid}/maps').read()"),
    ("mem", "open(f'/proc/{pid}/mem', 'rb')"),
    ("fd", "os.listdir(f'/proc/{pid}/fd')"),
    ("ptrace", "check(libc.ptrace(16, pid, None, None))"),
    ("pidfd_getfd", "check(libc.syscall(438, os.pidfd_open(pid), 0, 0))"),
];

#[test]
fn a_process_of_the_same_user_can_neither_read_nor_trace_the_daemon() {
    let sandbox = Sandbox::ready();
    if is_root() {
        eprintln!("skipped: root may; as another user this is tried");
        return;
    }
    let pid = sandbox.daemon_pid().unwrap();
    let attempt = |expression: &str, pid: u32| {
        let script = format!(
            "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\npid = {pid}\n\
             def check(result):\n    assert result >= 0\n{expression}"
        );
        sandbox.program("python3", ["-c", &script]).done().status() == 0
    };
    let mut other = sandbox.command("sleep").arg("60").spawn().unwrap();
    for (name, expression) in INTRUSIONS {
        assert!(attempt(expression, other.id()), "{name} works on any other process");
        assert!(!attempt(expression, pid), "{name} works on the daemon");
        if name == "ptrace" {
            let _ = other.kill();
            let _ = other.wait();
            other = sandbox.command("sleep").arg("60").spawn().unwrap();
        }
    }
    let _ = other.kill();
    let _ = other.wait();
}

#[test]
fn a_daemon_that_is_killed_by_a_signal_leaves_no_core_and_no_word() {
    for signal in ["SEGV", "ABRT"] {
        let sandbox = Sandbox::ready();
        let canary = "a canary value of 32 characters!";
        sandbox.set("k", canary);
        let pid = sandbox.daemon_pid().unwrap();
        let limits = sandbox.sh(&format!("grep 'core file' /proc/{pid}/limits")).text();
        let numbers: Vec<_> = limits.split_whitespace().filter(|word| *word == "0").collect();
        assert_eq!(numbers.len(), 2, "{limits}");
        sandbox.sh(&format!("kill -{signal} {pid}")).ok();
        until("it is gone", || sandbox.daemon_pid().is_none());
        let files = sandbox.sh("find .. -name 'core*' -type f; grep -rl canary .. || true").text();
        assert_eq!(files, "", "a core, or the value in some file");
    }
}

#[test]
fn the_programs_are_linked_as_they_should_be() {
    for name in [program(), program() + "-daemon"] {
        let bytes = fs::read(&name).unwrap();
        assert_eq!(&bytes[..5], b"\x7fELF\x02");
        assert_eq!(u16::from_le_bytes([bytes[16], bytes[17]]), 3, "{name}: position-independent");
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let half = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
        let headers = usize::try_from(word(32)).unwrap();
        let header = |n: u16| headers + usize::from(n) * usize::from(half(54));
        let kind = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let all: Vec<usize> = (0..half(56)).map(header).collect();
        let stack = all.iter().find(|at| kind(**at) == 0x6474_e551).expect("GNU_STACK");
        assert_eq!(bytes[stack + 4] & 1, 0, "{name}: an executable stack");
        assert!(all.iter().any(|at| kind(*at) == 0x6474_e552), "{name}: no RELRO");
        let dynamic = all.iter().find(|at| kind(**at) == 2).expect("DYNAMIC");
        let (from, len) = (word(dynamic + 8), word(dynamic + 32));
        let entries = (0..len / 16).map(|n| usize::try_from(from + n * 16).unwrap());
        let flags: u64 = entries.filter(|at| word(*at) == 0x6fff_fffb).map(|at| word(at + 8)).sum();
        assert_eq!(flags & 1, 1, "{name}: binds late, and spills registers while it does");
    }
}

#[test]
fn sixty_four_kilobytes_of_locked_memory_are_enough_for_a_run_of_a_hundred() {
    let script = |program: &str| {
        format!(
            "set -e; ulimit -l 64; export PDS_HOME=$PWD/h; \"{program}\" init --password-file pw; \
             for n in $(seq 100); do echo \"K$n=value-$n\"; done > many.env; \
             \"{program}\" import many.env; \
             {{ echo 'pds = 1'; echo '[secrets]'; for n in $(seq 100); do echo \"K$n = \\\"K$n\\\"\"; done; }} > pds.toml; \
             \"{program}\" allow > /dev/null; \"{program}\" run -- sh -c 'echo $K1 $K100'; \
             \"{program}\" status --json; \"{program}\" stop"
        )
    };
    let sandbox = Sandbox::new();
    let folder = tempfile::Builder::new().prefix("p").tempdir().unwrap();
    fs::write(folder.path().join("pw"), "p").unwrap();
    let mut command = Command::new("sh");
    command.current_dir(folder.path()).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", folder.path());
    let mut copy = program();
    if is_root() {
        // Root is exempt from the limit, so somebody else must run it, from a
        // place that somebody else can reach.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        for name in ["pds", "pds-daemon"] {
            let from = program().replace("/pds", &format!("/{name}"));
            let from = if name == "pds" { program() } else { from };
            fs::copy(from, folder.path().join(name)).unwrap();
        }
        copy = folder.path().join("pds").display().to_string();
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.args(["-c", &script(&copy)]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("value-1 value-100"), "{text}{errors}");
    assert!(text.contains("\"degraded\":true"), "{text}{errors}");
    drop(sandbox);
}

#[test]
fn the_daemon_has_confined_itself_to_its_folders_and_to_harmless_system_calls() {
    let sandbox = Sandbox::ready();
    let pid = sandbox.daemon_pid().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "no {line}: {status}");
    }
    for thread in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let status = fs::read_to_string(thread.path().join("status")).unwrap();
        assert!(status.contains("Seccomp:\t2"), "a thread outside the filter");
    }
    // A file of the same user that is not in the daemon's folders: through a link
    // from within them it would be read, were it not for Landlock.
    let outside = sandbox.path("outside.toml");
    fs::write(&outside, "history = 3\n").unwrap();
    fs::create_dir_all(sandbox.home("config")).unwrap();
    std::os::unix::fs::symlink(&outside, sandbox.home("config/config.toml")).unwrap();
    let status = sandbox.pds(["status", "--json"]).text();
    let has_landlock = fs::read_to_string("/sys/kernel/security/lsm");
    if has_landlock.is_ok_and(|modules| !modules.contains("landlock")) {
        eprintln!("skipped in part: this kernel has no Landlock");
        return;
    }
    assert!(status.contains("Permission denied"), "{status}");
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
