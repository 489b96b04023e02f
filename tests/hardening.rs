//! What other processes get from ours is nothing.

use std::{
    fs,
    os::unix::{
        fs::PermissionsExt,
        process::{CommandExt, ExitStatusExt},
    },
    process::Command,
};

use crate::{
    memory::Daemon,
    support::{Pds, Sandbox, Starved, Terminal, as_nobody, is_root, program},
};

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

/// Reads a byte of the program itself, which lies where `stat` says that its code begins:
/// field 26, which whoever may not look into the process sees as 1.
const READV: &str = "
at = int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[23])
into = ctypes.create_string_buffer(1)
here = (ctypes.c_size_t * 2)(ctypes.addressof(into), 1)
there = (ctypes.c_size_t * 2)(at, 1)
check(libc.process_vm_readv(pid, here, 1, there, 1, 0))";

/// Things that a process of the same user may try, each as a Python expression.
const INTRUSIONS: [(&str, &str); 8] = [
    ("environ", "open(f'/proc/{pid}/environ', 'rb').read()"),
    ("maps", "open(f'/proc/{pid}/maps').read()"),
    ("mem", "open(f'/proc/{pid}/mem', 'rb')"),
    ("fd", "os.listdir(f'/proc/{pid}/fd')"),
    ("ptrace", "check(libc.ptrace(16, pid, None, None))"),
    ("auxv", "open(f'/proc/{pid}/auxv', 'rb').read(8)"),
    ("process_vm_readv", READV),
    ("pidfd_getfd", "check(libc.syscall(438, os.pidfd_open(pid), 0, 0))"),
];

#[test]
fn a_process_of_the_same_user_can_neither_read_nor_trace_the_daemon() {
    if as_nobody("hardening::a_process_of_the_same_user_can_neither_read_nor_trace_the_daemon") {
        return;
    }
    let sandbox = Sandbox::ready();
    let pid = sandbox.daemon_pid().unwrap();
    nothing_works_on(&sandbox, pid);
}

#[test]
fn a_process_of_the_same_user_can_neither_read_nor_trace_a_command_at_its_question() {
    if as_nobody(
        "hardening::a_process_of_the_same_user_can_neither_read_nor_trace_a_command_at_its_question",
    ) {
        return;
    }
    let sandbox = Sandbox::ready();
    sandbox.pds(["lock"]).ok();
    let mut terminal = Terminal::run(&sandbox, &["unlock"]);
    terminal.expect("password for profile `default`: ");
    nothing_works_on(&sandbox, terminal.pid());
    terminal.send("password of default\n");
    terminal.end().0.code(0).end();
}

/// Each intrusion works on any other process of this user, and on none of ours.
#[track_caller]
fn nothing_works_on(sandbox: &Sandbox, pid: u32) {
    let attempt = |expression: &str, pid: u32| {
        let script = format!(
            "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\npid = {pid}\n\
             def check(result):\n    assert result >= 0\n{expression}"
        );
        sandbox.program("python3", ["-c", &script]).done().status() == 0
    };
    for (name, expression) in INTRUSIONS {
        let mut other = sandbox.command("sleep").arg("60").spawn().unwrap();
        let works = attempt(expression, other.id());
        let _ = other.kill();
        let _ = other.wait();
        assert!(works, "{name} works on any other process");
        assert!(!attempt(expression, pid), "{name} works on process {pid}");
    }
}

#[test]
fn not_being_looked_into_is_what_each_program_sees_to_first() {
    if !std::path::Path::new("/usr/bin/strace").exists() {
        eprintln!("skipped: needs strace");
        return;
    }
    let sandbox = Sandbox::new();
    for name in [program(), program() + "-daemon"] {
        let calls = sandbox.program("strace", ["-o", "calls", &name, "--version"]).done();
        calls.end();
        let calls = fs::read_to_string(sandbox.path("w/calls")).unwrap();
        let ours = calls.lines().position(|line| line.starts_with("prctl(PR_SET_DUMPABLE"));
        let before: Vec<&str> = calls.lines().take(ours.expect("it is never set")).collect();
        // The loader and the C library; `fcntl` asks whether 0, 1 and 2 are open.
        let opened = before.iter().filter(|line| line.starts_with("open"));
        for line in opened {
            let library = line.contains("/etc/ld.so.cache") || line.contains(".so");
            assert!(library, "{name} opens before it hides: {line}");
        }
        let never = ["socket(", "connect(", "clone", "statx(", "chdir("];
        for line in before {
            assert!(!never.iter().any(|call| line.starts_with(call)), "{name}: {line}");
        }
    }
}

/// A daemon with a canary in its cache, where somebody wants cores: `core` in the folder it
/// runs in, or whatever else core_pattern says. What it says goes to a file.
fn with_a_canary() -> (Sandbox, Daemon) {
    let sandbox = Sandbox::ready().vault("other");
    sandbox.set("k", CANARY).stop();
    let mut command = sandbox.command("sh");
    let script = "ulimit -c unlimited 2>/dev/null; exec \"$PDS\" daemon 2>said";
    command.args(["-c", script]).env("PDS", program());
    let daemon = Daemon::answering(command);
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), CANARY.as_bytes());
    (sandbox, daemon)
}

const CANARY: &str = "a canary value of 32 characters!";

/// It has been killed, the kernel dumped no core, and nothing says what it held.
#[track_caller]
fn assert_left_nothing(sandbox: &Sandbox, mut daemon: Daemon, how: &str) {
    let status = daemon.0.wait().unwrap();
    assert!(status.signal().is_some() && !status.core_dumped(), "{how}: {status:?}");
    let files = sandbox.sh("find .. -name 'core*' -type f; grep -rl canary .. || true").text();
    assert_eq!(files, "", "{how}: a core, or the value in some file");
    let said = fs::read_to_string(sandbox.path("w/said")).unwrap();
    assert!(said.lines().all(|line| line.contains(" INFO ")), "{how}: {said}");
}

#[test]
fn a_daemon_that_is_killed_by_a_signal_leaves_no_core_and_no_word() {
    for signal in ["SEGV", "ABRT", "BUS"] {
        let (sandbox, daemon) = with_a_canary();
        sandbox.sh(&format!("kill -{signal} {}", daemon.pid())).ok();
        assert_left_nothing(&sandbox, daemon, signal);
    }
}

#[test]
fn a_daemon_that_the_kernel_ends_for_want_of_memory_leaves_no_core_and_no_word() {
    let (sandbox, daemon) = with_a_canary();
    let starved = is_root().then(|| Starved::new(daemon.pid(), 16 << 20)).flatten();
    let pid = daemon.pid();
    match &starved {
        // Argon2 wants 64 MiB for the other vault's password.
        Some(_) => {
            let password = sandbox.password("other");
            let unlock = ["unlock", "-p", "other", "--password-file", password.to_str().unwrap()];
            let told = sandbox.pds(unlock).done();
            assert_ne!(told.status(), 0, "{told:?}");
        }
        // What the kernel sends then.
        None => drop(sandbox.sh(&format!("kill -KILL {pid}")).ok()),
    }
    assert_left_nothing(&sandbox, daemon, "out of memory");
    assert!(starved.is_none_or(|starved| starved.was_hit()));
}

#[test]
fn a_panic_over_a_value_says_where_and_nothing_of_the_value_and_all_can_still_be_locked() {
    let Ok(faulty) = std::env::var("PDS_TEST_FAULTY") else {
        eprintln!(
            "skipped: PDS_TEST_FAULTY names no build with `faults-on-purpose` (.ci/run does)"
        );
        return;
    };
    let sandbox = Sandbox::new();
    let password = sandbox.password("default");
    let pds = |arguments: &[&str], input: &str| {
        let command = sandbox.command(&faulty);
        let mut pds = Pds::over(command);
        pds.arguments(arguments);
        pds.input(input).done()
    };
    let (key, canary) = ("panic/on/purpose", "a canary value of 32 characters!");
    pds(&["init", "--password-file", password.to_str().unwrap()], "").code(0).end();
    pds(&["set", key, "--stdin"], canary).code(0).end();
    pds(&["set", "other", "--stdin"], "fine").code(0).end();
    let told = pds(&["get", key], "");
    assert!(told.status() != 0 && told.0.stdout.is_empty(), "{told:?}");
    let log = fs::read_to_string(sandbox.home("state/log")).unwrap();
    assert!(log.contains("pds: internal error at src/"), "{log}");
    let found = sandbox.sh("grep -rl canary .. || true").text();
    assert_eq!(found, "", "the value in a file");
    // It ended one connection: the daemon serves on, and locks.
    pds(&["get", "other"], "").code(0).stdout("fine").end();
    pds(&["lock"], "").code(0).end();
    pds(&["get", "other", "--no-prompt"], "").code(3).end();
    pds(&["stop"], "").code(0).end();
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

#[test]
fn what_the_sleep_unit_calls_locks_with_nothing_but_a_home_in_its_environment() {
    let unit = include_str!("../packaging/systemd/pds-lock@.service");
    let called =
        unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/pds ")).unwrap();
    assert!(unit.contains("\nBefore=sleep.target\n") && unit.contains("\nWantedBy=sleep.target\n"));
    let home = tempfile::Builder::new().prefix("p").tempdir().unwrap();
    let run = home.path().join("run");
    fs::create_dir(&run).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(home.path().join("pw"), "p").unwrap();
    // As at a login; and as systemd starts a unit with User=.
    let pds = |line: &str, session: bool| {
        let mut command = Command::new(program());
        command.args(line.split(' ')).env_clear().env("HOME", home.path());
        if session {
            command.env("XDG_RUNTIME_DIR", &run);
        }
        let folder = if session { home.path() } else { std::path::Path::new("/") };
        command.current_dir(folder).output().unwrap().status.code()
    };
    assert_eq!(pds("init --password-file pw", true), Some(0));
    assert_eq!(pds("list --no-prompt", true), Some(0));
    assert_eq!(pds(called, false), Some(0));
    assert_eq!(pds("list --no-prompt", true), Some(3), "it is locked");
    assert_eq!(pds("stop", true), Some(0));
    // Where no daemon runs, there is nothing to lock, and none is started for it.
    assert_eq!(pds(called, false), Some(0));
    assert!(!run.join("pds/pds.sock").exists());
}
