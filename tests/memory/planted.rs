//! Planted secrets, a daemon that gets them, and the keys that they lead to.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use pds::{
    crypto::{
        KdfParams, derive_entry_key, derive_ipc_encryption_key, derive_key_argon2, derive_vault_key,
    },
    secret::{SecureBytes, TrustProfileName},
    store::Vault,
};

use crate::support::{MEMFD_SECRET, NO_SUCH_CALL, Patterns, Sandbox, WITHOUT_CALLS, until};

/// How a daemon is started: as it is, or without `memfd_secret`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    AsItIs,
    WithoutSecretMemory,
}

/// A daemon of the sandbox in the foreground.
pub(crate) struct Daemon(pub(crate) Child);

impl Daemon {
    pub(crate) fn start(sandbox: &Sandbox, kernel: Kernel, options: &[&str]) -> Self {
        Self::of(&crate::support::program(), sandbox, kernel, options)
    }

    pub(crate) fn of(program: &str, sandbox: &Sandbox, kernel: Kernel, options: &[&str]) -> Self {
        let mut command = match kernel {
            Kernel::AsItIs => sandbox.command(program),
            Kernel::WithoutSecretMemory => without_secret_memory(sandbox, program),
        };
        command.arg("daemon").args(options).stderr(Stdio::null());
        Self::answering(command)
    }

    /// Returns when it answers.
    pub(crate) fn answering(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

/// The program on a kernel that has no `memfd_secret`.
pub(crate) fn without_secret_memory(sandbox: &Sandbox, program: &str) -> Command {
    let mut command = sandbox.command("python3");
    command.args(["-c", WITHOUT_CALLS, NO_SUCH_CALL, MEMFD_SECRET, program]);
    command
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that stands still for as long as this lives.
pub(crate) struct Stopped(Pid);

impl Stopped {
    pub(crate) fn new(pid: u32) -> Self {
        let stopped = Self(Pid::from_raw(pid.cast_signed()));
        kill(stopped.0, Signal::SIGSTOP).unwrap();
        let stat = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        until("the process stands still", || stat().contains(") T "));
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

/// Planted secrets in a vault of its own, and where to look for them.
pub(crate) struct Planted {
    pub(crate) sandbox: Sandbox,
    pub(crate) patterns: Patterns,
    /// The file that holds the password.
    pub(crate) password: String,
    /// The password.
    pub(crate) typed: String,
}

pub(crate) const KEYS: [&str; 3] = ["a/first", "b/second", "c/third"];
/// A key whose value is as long as one may be: it leaves in many pieces.
pub(crate) const LONG: &str = "d/long";
/// A key whose entry can't be opened.
pub(crate) const BENT: &str = "e/bent";

impl Planted {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        let mut patterns = Patterns::default();
        let typed: String = random(16).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = sandbox.password("planted");
        fs::write(&file, &typed).unwrap();
        let file = file.to_str().unwrap().to_owned();
        sandbox.pds(["init", "--password-file", &file]).cwd(sandbox.path("i")).done().code(0).end();
        patterns.plant("password", typed.as_bytes());
        for key in KEYS {
            // No NUL, which no variable may hold.
            let value: Vec<u8> = random(32).iter().map(|byte| byte | 1).collect();
            patterns.plant(key, &value);
            sandbox.set(key, &value);
        }
        let piece = random(32);
        patterns.plant(LONG, &piece);
        sandbox.set(LONG, piece.repeat(pds::secret::VALUE_MAX_BYTES / piece.len()));
        sandbox.manifest("[secrets]\nA = \"a/first\"\nB = \"b/second\"\nC = \"c/third\"\n");
        sandbox.stop();
        let planted = Self { sandbox, patterns, password: file, typed };
        planted.bend_an_entry();
        planted.with_keys()
    }

    /// The keys that the password leads to. `golden` holds these derivations to what an
    /// independent script computes; SQLCipher's own, for its MACs, one computes here.
    fn with_keys(mut self) -> Self {
        let profile = TrustProfileName::new("default").unwrap();
        let header = self.vault(&profile).header().unwrap();
        let master =
            derive_key_argon2(self.typed.as_bytes(), header.salt(), &header.params()).unwrap();
        let vault = derive_vault_key(&master, &profile).unwrap();
        let entry = derive_entry_key(&vault).unwrap();
        self.patterns.plant_key("master key", master.expose());
        self.patterns.plant_shielded("vault key", vault.expose());
        self.patterns.plant_key("entry key", entry.expose());
        // With field encryption it is in the daemon, the launcher and the kernel's keyring.
        let ipc = derive_ipc_encryption_key(&master, &profile).unwrap();
        self.patterns.plant_key("IPC key", ipc.expose());
        let database = self.sandbox.home("data/vaults/default/vault.db");
        self.patterns.plant_shielded("MAC key", &mac_key(vault.expose(), &database));
        self
    }

    fn vault(&self, profile: &TrustProfileName) -> Vault {
        let home = |below| self.sandbox.home(below);
        Vault::new(&home("data/vaults"), &home("state/generations"), profile)
    }

    /// Puts in an entry that was sealed under another vault's key: what is damaged
    /// below SQLCipher's own MACs looks like this.
    fn bend_an_entry(&self) {
        const CHEAP: KdfParams = KdfParams { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
        let profile = TrustProfileName::new("default").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let other = Vault::new(
            &elsewhere.path().join("vaults"),
            &elsewhere.path().join("generations"),
            &profile,
        );
        let other = other.create(b"p", &CHEAP, None).unwrap().store;
        let value = SecureBytes::random(32).unwrap();
        let sealed = other.seal(BENT, &value).unwrap();
        other.pragma_rekey_clear().unwrap();
        let ours = self.vault(&profile).unlock(self.typed.as_bytes(), false).unwrap().store;
        ours.import_sealed(&[sealed], None, false).unwrap();
        ours.pragma_rekey_clear().unwrap();
    }

    pub(crate) fn unlock_and_warm(&self) {
        self.sandbox.pds(["unlock", "--password-file", &self.password]).ok();
        self.sandbox.pds(["run", "--", "true"]).ok();
    }

    /// Not one of the patterns is in what can be read of the process; and what can't be
    /// read is secret memory, and guards.
    #[track_caller]
    pub(crate) fn assert_nothing_in(&self, pid: u32, when: &str) {
        // A mapping that has changed since its list was read is looked at again.
        until("the memory stands still", || {
            let found = self.patterns.scan(pid);
            assert!(found.hits.is_empty(), "{when}: {:#?}", found.hits);
            assert!(found.bytes_read > 1 << 20, "{when}: hardly anything was read: {found:?}");
            let expected = |line: &String| line.contains("secretmem") || line.contains(" ---p ");
            let unexpected: Vec<_> =
                found.unreadable.iter().filter(|line| !expected(line)).collect();
            if !unexpected.is_empty() {
                eprintln!("{when}: could not look into {unexpected:?}");
            }
            unexpected.is_empty()
        });
    }
}

/// The key that SQLCipher derives for the MACs of the pages: by a script of its own.
fn mac_key(vault_key: &[u8], database: &std::path::Path) -> Vec<u8> {
    const SCRIPT: &str = "import hashlib, sys
key, salt = sys.stdin.buffer.read(32), open(sys.argv[1], 'rb').read(16)
salt = bytes(byte ^ 0x3a for byte in salt)
sys.stdout.buffer.write(hashlib.pbkdf2_hmac('sha512', key, salt, 2, 32))";
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT]).arg(database).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(vault_key).unwrap();
    let key = child.wait_with_output().unwrap().stdout;
    assert_eq!(key.len(), 32);
    key
}

fn random(len: usize) -> Vec<u8> {
    SecureBytes::random(len).unwrap().expose().to_vec()
}
