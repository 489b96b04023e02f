//! What stays in memory: nothing. Every readable byte of the real processes is
//! searched for planted values, the password, and the keys that they lead to.
//!
//! Reading another process's memory needs root; as anybody else these claims
//! say that they were skipped, and `hardening` shows that they had to be.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use pds::{
    crypto::{derive_entry_key, derive_ipc_encryption_key, derive_key_argon2, derive_vault_key},
    secret::TrustProfileName,
    store::Vault,
};

use crate::support::{Patterns, Sandbox, is_root, until};

/// A filter by which `memfd_secret` is not there (ENOSYS), for what is exec'd after.
const WITHOUT_SECRET_MEMORY: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
# load the number; is it memfd_secret (447)? then errno ENOSYS, else allow
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 447), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7fff0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(filter))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"#;

/// A daemon of the sandbox in the foreground.
struct Daemon(Child);

impl Daemon {
    fn start(sandbox: &Sandbox, degraded: bool, options: &[&str]) -> Self {
        let program = crate::support::program();
        let mut command = if degraded {
            let mut command = sandbox.command("python3");
            command.args(["-c", WITHOUT_SECRET_MEMORY, &program]);
            command
        } else {
            sandbox.command(&program)
        };
        command.arg("daemon").args(options).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Planted secrets in a vault of its own, and where to look for them.
struct Planted {
    sandbox: Sandbox,
    patterns: Patterns,
    password: String,
}

const KEYS: [&str; 3] = ["a/first", "b/second", "c/third"];

impl Planted {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let mut patterns = Patterns::default();
        let password: String = random(16).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = sandbox.path("pw-planted");
        fs::write(&file, &password).unwrap();
        let file = file.to_str().unwrap().to_owned();
        sandbox.pds(["init", "--password-file", &file]).cwd(sandbox.path("i")).done().code(0).end();
        patterns.plant("password", password.as_bytes());
        plant_keys(&sandbox, &mut patterns, password.as_bytes());
        for key in KEYS {
            // No NUL, which no variable may hold.
            let value: Vec<u8> = random(32).iter().map(|byte| byte | 1).collect();
            patterns.plant(key, &value);
            sandbox.set(key, &value);
        }
        sandbox.manifest("[secrets]\nA = \"a/first\"\nB = \"b/second\"\nC = \"c/third\"\n");
        sandbox.stop();
        Self { sandbox, patterns, password: file }
    }

    fn unlock_and_warm(&self) {
        self.sandbox.pds(["unlock", "--password-file", &self.password]).ok();
        self.sandbox.pds(["run", "--", "true"]).ok();
    }

    #[track_caller]
    fn assert_nothing_in(&self, pid: u32, when: &str) {
        let found = self.patterns.scan(pid);
        assert!(found.hits.is_empty(), "{when}: {:#?}", found.hits);
        assert!(found.bytes_read > 1 << 20, "{when}: hardly anything could be read: {found:?}");
    }
}

/// The keys that the password leads to. `golden` holds these derivations to what
/// an independent script computes.
fn plant_keys(sandbox: &Sandbox, patterns: &mut Patterns, password: &[u8]) {
    let profile = TrustProfileName::new("default").unwrap();
    let vaults = sandbox.home("data/vaults");
    let header =
        Vault::new(&vaults, &sandbox.home("state/generations"), &profile).header().unwrap();
    let master = derive_key_argon2(password, header.salt(), &header.params()).unwrap();
    let vault = derive_vault_key(&master, &profile).unwrap();
    let entry = derive_entry_key(&vault).unwrap();
    patterns.plant_key("master key", master.expose());
    patterns.plant_key("vault key", vault.expose());
    patterns.plant_key("entry key", entry.expose());
    // With field encryption it is in the daemon, the launcher and the kernel's keyring.
    let ipc = derive_ipc_encryption_key(&master, &profile).unwrap();
    patterns.plant_key("IPC key", ipc.expose());
}

fn random(len: usize) -> Vec<u8> {
    pds::secret::SecureBytes::random(len).unwrap().expose().to_vec()
}

fn needs_root() -> bool {
    if !is_root() {
        eprintln!("skipped: reading another process's memory needs root");
    }
    is_root()
}

#[test]
fn an_unlocked_daemon_with_a_warm_cache_shows_nothing_and_neither_does_a_locked_one() {
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let daemon = Daemon::start(&planted.sandbox, false, &[]);
    planted.unlock_and_warm();
    planted.assert_nothing_in(daemon.pid(), "unlocked, cache warm");
    let pds = |arguments: &[&str]| planted.sandbox.pds(arguments).done();
    pds(&["get", "no/such"]).code(4).end();
    planted.assert_nothing_in(daemon.pid(), "after not found");
    pds(&["lock", "-p", "default"]).code(0).end();
    planted.assert_nothing_in(daemon.pid(), "after lock -p");
    let wrong = planted.sandbox.password("wrong");
    pds(&["unlock", "--password-file", wrong.to_str().unwrap()]).code(1).end();
    planted.assert_nothing_in(daemon.pid(), "after a wrong password");
}

#[test]
fn without_secret_memory_the_scanner_sees_the_cache_and_after_locking_nothing() {
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let daemon = Daemon::start(&planted.sandbox, true, &[]);
    planted.unlock_and_warm();
    // The proof that the scanner would see a value if there was one to be seen.
    let hits = planted.patterns.scan(daemon.pid()).hits;
    let seen = |name: &str| hits.iter().any(|hit| hit.starts_with(name));
    assert!(KEYS.iter().all(|key| seen(key)) && seen("master key"), "{hits:#?}");
    let status = planted.sandbox.pds(["status", "--json"]).text();
    assert!(status.contains("\"degraded\":true"), "{status}");
    planted.sandbox.pds(["lock"]).ok();
    planted.assert_nothing_in(daemon.pid(), "after lock");
}

#[test]
fn a_value_vanishes_when_its_lifetime_is_over_though_nobody_asks() {
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let daemon = Daemon::start(&planted.sandbox, true, &["--ttl", "1"]);
    planted.unlock_and_warm();
    let values_left = || {
        let hits = planted.patterns.scan(daemon.pid()).hits;
        hits.iter().any(|hit| KEYS.iter().any(|key| hit.starts_with(key)))
    };
    until("the values vanish", || !values_left());
}

#[test]
fn what_is_overwritten_or_deleted_leaves_nothing() {
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let daemon = Daemon::start(&planted.sandbox, true, &[]);
    planted.unlock_and_warm();
    planted.sandbox.set("a/first", "something else");
    planted.sandbox.pds(["delete", "b/second"]).ok();
    let hits = planted.patterns.scan(daemon.pid()).hits;
    let gone = |key: &str| !hits.iter().any(|hit| hit.starts_with(key));
    assert!(gone("a/first") && gone("b/second"), "{hits:#?}");
    assert!(!gone("c/third"), "what was left alone is still cached");
}

/// Waits until a tracee of `tracer` has stopped at this system call.
fn stopped_at(tracer: &Child, number: &str) -> u32 {
    let mut stopped = None;
    until("the launcher stops", || {
        let children = format!("/proc/{0}/task/{0}/children", tracer.id());
        let pid = fs::read_to_string(children).ok();
        stopped = pid.and_then(|pid| pid.split_whitespace().next()?.parse::<u32>().ok());
        stopped.is_some_and(|pid| {
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}"));
            let is_pds =
                read("cmdline").is_ok_and(|line| line.starts_with(&crate::support::program()));
            let call = read("syscall").unwrap_or_default();
            is_pds && call.split(' ').next() == Some(number)
        })
    });
    stopped.unwrap()
}

fn scan_launcher(call: &str, number: &str, command: &str) {
    const DELAY: &str = "delay_enter=20s";
    let planted = Planted::new();
    let _daemon = Daemon::start(&planted.sandbox, false, &[]);
    planted.unlock_and_warm();
    let mut strace = planted.sandbox.command("strace");
    let inject = format!("inject={call}:{DELAY}");
    strace.args(["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
    strace.args([&crate::support::program(), "run", "--", command]);
    let mut tracer = strace.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = stopped_at(&tracer, number);
    planted.assert_nothing_in(pid, &format!("the launcher at {call}"));
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()),
        nix::sys::signal::Signal::SIGKILL,
    );
    let _ = tracer.kill();
    let _ = tracer.wait();
}

fn has_strace() -> bool {
    let found = std::path::Path::new("/usr/bin/strace").exists();
    if !found {
        eprintln!("skipped: needs strace");
    }
    found && cfg!(target_arch = "x86_64")
}

#[test]
fn the_launcher_holds_nothing_that_can_be_read_when_it_calls_execve() {
    if needs_root() && has_strace() {
        // strace itself lets the execve pass that starts pds.
        scan_launcher("execve", "59", "/bin/true");
    }
}

#[test]
fn the_launcher_holds_nothing_after_a_failed_execve() {
    if needs_root() && has_strace() {
        scan_launcher("exit_group", "231", "/no/such/command");
    }
}
