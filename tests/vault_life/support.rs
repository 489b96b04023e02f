//! A home in a temporary folder, a daemon of its own, and a client that speaks to it directly.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use pds::{
    client::{Client, ClientError},
    crypto::KdfParams,
    home::Home,
    secret::{SecureBuffer, SecureBytes, TrustProfileName},
    store::{Put, Unlocked, Vault},
    wire::message::{self, KeyInProfile, Plaintext, Reason, Request, Response, Set, Unlock},
};
use tempfile::TempDir;

/// As cheap as a header may ask for: these tests open hundreds of vaults.
pub(crate) const CHEAP: KdfParams = KdfParams { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
pub(crate) const PASSWORD: &[u8] = b"correct horse";
pub(crate) const PROFILE: &str = "work";
/// For conditions that are waited for: far beyond what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn bytes(value: &[u8]) -> SecureBytes {
    SecureBytes::copy_from(value).unwrap()
}

pub(crate) struct Sandbox {
    folder: TempDir,
    pub(crate) home: Home,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name| folder.path().join(name);
        let home = Home {
            config: at("config"),
            data: at("data"),
            state: at("state"),
            runtime: at("run"),
            client_key: None,
        };
        Self { folder, home }
    }

    /// With a vault that has `secrets`, closed.
    pub(crate) fn with_vault(secrets: &[(&str, &[u8])]) -> Self {
        let sandbox = Self::new();
        let unlocked = sandbox.vault().create(PASSWORD, &CHEAP, None).unwrap();
        for (key, value) in secrets {
            unlocked.store.put(&Put::new(key, &bytes(value))).unwrap();
        }
        close(unlocked);
        sandbox
    }

    /// Another home with the same vaults and notes.
    pub(crate) fn twin(&self) -> Self {
        let twin = Self::new();
        copy_tree(&self.home.vaults(), &twin.home.vaults());
        copy_tree(&self.home.state.join("generations"), &twin.home.state.join("generations"));
        for folder in [&twin.home.data, &twin.home.state] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        twin
    }

    pub(crate) fn vault(&self) -> Vault {
        self.vault_of(PROFILE)
    }

    pub(crate) fn vault_of(&self, profile: &str) -> Vault {
        let profile = TrustProfileName::new(profile).unwrap();
        Vault::new(&self.home.vaults(), &self.home.state.join("generations"), &profile)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.root().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The names in the folder of vaults that are no vault's.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(self.home.vaults()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).collect()
    }

    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PDS_HOME", self.root())
            .env("PDS_NO_PROMPT", "1")
            .env("PDS_PASSWORD_FILE", self.root().join("password"))
            .current_dir(self.root());
        command
    }

    pub(crate) fn pds(&self, arguments: &[&str]) -> Output {
        self.pds_with(arguments, b"")
    }

    pub(crate) fn pds_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        if !self.root().join("password").exists() {
            self.write("password", PASSWORD);
        }
        let mut child = self
            .command(env!("CARGO_BIN_EXE_pds"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads no input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    pub(crate) fn daemon(&self) -> Daemon {
        let mut command = self.command(env!("CARGO_BIN_EXE_pds"));
        command.arg("daemon");
        Daemon::start(command)
    }

    pub(crate) fn client(&self) -> Session {
        Session(Client::connect(&self.home).unwrap())
    }
}

pub(crate) fn close(unlocked: Unlocked) {
    unlocked.store.pragma_rekey_clear().unwrap();
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// A daemon in the foreground, killed when the test is over.
pub(crate) struct Daemon(pub(crate) Child);

impl Daemon {
    /// Returns when it answers.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, pds::wire::READY);
        Self(child)
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A connection, and what is asked on it.
pub(crate) struct Session(pub(crate) Client);

/// What came back, as far as these tests look at it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Value(Vec<u8>),
    Keys(Vec<String>),
    Refused(Reason),
    Other,
}

impl Session {
    /// `None` if the daemon was killed before it answered.
    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Option<Answer> {
        let mut buffer = SecureBuffer::new().unwrap();
        match self.0.exchange(request, &mut buffer) {
            Ok(()) => {}
            Err(ClientError::Closed | ClientError::Io(_)) => return None,
            Err(error) => panic!("{error}"),
        }
        Some(match message::decode(buffer.as_slice()).unwrap() {
            Response::Done | Response::Restored(_) => Answer::Done,
            Response::Values(values) => Answer::Value(values[0].unwrap().0.to_vec()),
            Response::Keys(rows) => {
                Answer::Keys(rows.iter().map(|row| row.key.to_owned()).collect())
            }
            Response::Refused(problems) => Answer::Refused(problems[0].reason),
            _ => Answer::Other,
        })
    }

    pub(crate) fn unlock(&mut self, password: &[u8]) -> Option<Answer> {
        let password = Plaintext(password);
        self.ask(&Request::Unlock(Unlock { profile: PROFILE, password, accept_older: false }))
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8]) -> Option<Answer> {
        self.ask(&Request::Set(Set {
            at: KeyInProfile { profile: PROFILE, key },
            value: Plaintext(value),
            create_only: false,
            expires_at: None,
        }))
    }

    pub(crate) fn get(&mut self, key: &str) -> Option<Answer> {
        self.ask(&Request::Get(KeyInProfile { profile: PROFILE, key }))
    }

    pub(crate) fn keys(&mut self) -> Vec<String> {
        match self.ask(&Request::List(PROFILE)) {
            Some(Answer::Keys(keys)) => keys,
            other => panic!("{other:?}"),
        }
    }
}

/// Waits until `condition` holds.
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Numbers that only look random: a failure can be had again.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 8).unwrap() % limit
    }
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[allow(clippy::print_stderr, reason = "a claim that can't be tested here must say so")]
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
