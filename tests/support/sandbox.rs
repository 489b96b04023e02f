//! A home of its own, with vaults and a daemon.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::Pds;

/// The program under test: the one that was built along, or what
/// `PDS_TEST_BINARY` names, such as a release build or a copy for another user.
pub(crate) fn program() -> String {
    std::env::var("PDS_TEST_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_pds").to_owned())
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

pub(crate) struct Sandbox {
    root: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        // Short, whatever TMPDIR says: a socket's path has at most 107 bytes. And of one length,
        // or the lines of a message that names a file would be broken at other words.
        let root = tempfile::Builder::new().prefix("p").tempdir_in("/tmp").unwrap();
        for folder in ["p", "w", "i"] {
            fs::create_dir(root.path().join(folder)).unwrap();
            let private = fs::Permissions::from_mode(0o700);
            fs::set_permissions(root.path().join(folder), private).unwrap();
        }
        // `init` writes no manifest where one is.
        fs::write(root.path().join("i/pds.toml"), "pds = 1\n").unwrap();
        Self { root }
    }

    /// With the vault `default`, unlocked.
    pub(crate) fn ready() -> Self {
        Self::new().vault("default")
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    /// A path below `PDS_HOME`.
    pub(crate) fn home(&self, below: &str) -> PathBuf {
        self.root.path().join("p").join(below)
    }

    pub(crate) fn password(&self, profile: &str) -> PathBuf {
        let path = self.path(&format!("pw-{profile}"));
        fs::write(&path, format!("password of {profile}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Makes the vault of `profile`, which is then unlocked.
    #[track_caller]
    pub(crate) fn vault(self, profile: &str) -> Self {
        let password = self.password(profile);
        let init = self.pds(["init", "-p", profile, "--password-file", password.to_str().unwrap()]);
        init.cwd(self.path("i")).done().code(0).end();
        self
    }

    #[track_caller]
    pub(crate) fn set(&self, key: &str, value: impl AsRef<[u8]>) -> &Self {
        self.set_in("default", key, value)
    }

    #[track_caller]
    pub(crate) fn set_in(&self, profile: &str, key: &str, value: impl AsRef<[u8]>) -> &Self {
        self.pds(["set", key, "--stdin", "-p", profile]).input(value).ok();
        self
    }

    /// Writes the manifest of the folder that commands run in, unapproved.
    pub(crate) fn write_manifest(&self, text: &str) -> PathBuf {
        let path = self.path("w/pds.toml");
        fs::write(&path, format!("pds = 1\n{text}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// Writes it and approves it.
    #[track_caller]
    pub(crate) fn manifest(&self, text: &str) -> &Self {
        self.write_manifest(text);
        self.pds(["allow"]).done().code(0).end();
        self
    }

    pub(crate) fn config(&self, text: &str) -> &Self {
        fs::create_dir_all(self.home("config")).unwrap();
        fs::write(self.home("config/config.toml"), text).unwrap();
        self
    }

    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path(""))
            .env("PDS_HOME", self.home(""))
            .current_dir(self.path("w"));
        command
    }

    pub(crate) fn pds<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Pds {
        let mut command = self.command(program());
        command.args(arguments);
        Pds::over(command)
    }

    /// Another program, with `$PDS` in its environment.
    pub(crate) fn program<A: AsRef<OsStr>>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Pds {
        let mut command = self.command(name);
        command.args(arguments).env("PDS", program());
        Pds::over(command)
    }

    pub(crate) fn sh(&self, script: &str) -> Pds {
        self.program("sh", ["-c", script])
    }

    /// The files of the audit trail, oldest first.
    pub(crate) fn trail_files(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.home("state/audit")).unwrap();
        let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// The whole lines of the audit trail, oldest first.
    pub(crate) fn trail(&self) -> Vec<Value> {
        let files = self.trail_files();
        let bytes: Vec<u8> = files.iter().flat_map(fs::read).flatten().collect();
        let lines = bytes.split(|byte| *byte == b'\n');
        lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    /// The decisions on the audit trail, oldest first. The end of a run, which comes
    /// whenever it comes, is none.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let is_decision = |line: &Value| {
            line["operation"].as_str().is_some_and(|operation| operation != "run-end")
        };
        self.trail().into_iter().filter(is_decision).collect()
    }

    /// What `work` puts on the trail: `operation outcome reasons` a line.
    pub(crate) fn recorded(&self, work: impl FnOnce()) -> Vec<String> {
        let before = self.audit().len();
        work();
        self.audit()[before..].iter().map(shown).collect()
    }

    pub(crate) fn daemon_pid(&self) -> Option<u32> {
        let status: Value = serde_json::from_slice(&self.pds(["status", "--json"]).ok()).unwrap();
        status["daemon"]["pid"].as_u64().map(|pid| u32::try_from(pid).unwrap())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home("run/pds.sock")
    }

    pub(crate) fn stop(&self) -> &Self {
        self.pds(["stop"]).ok();
        self
    }
}

fn shown(line: &Value) -> String {
    let reasons = line["reasons"].as_array().cloned().unwrap_or_default();
    let words = [&line["operation"], &line["outcome"]].into_iter().chain(&reasons);
    words.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Whatever the test did to the folder, no daemon may stay behind.
        let run: &Path = &self.home("run");
        if run.symlink_metadata().is_ok_and(|m| m.is_dir()) {
            let _ = fs::set_permissions(run, fs::Permissions::from_mode(0o700));
        }
        if self.socket().symlink_metadata().is_ok() {
            let _ = fs::set_permissions(self.socket(), fs::Permissions::from_mode(0o600));
        }
        // Its rules may not grant to lock, and so not to stop.
        let _ = fs::remove_file(self.home("config/config.toml"));
        let _ = self.command(program()).arg("stop").output();
    }
}
