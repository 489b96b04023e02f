//! What systemd's units say, done by hand: their sockets, their commands, their credentials.
//!
//! `packaging/deb/check` has a real systemd do it; these go wherever the others do.

use std::{
    fs,
    os::{
        fd::AsFd,
        unix::{
            fs::{DirBuilderExt, MetadataExt, PermissionsExt},
            net::{UnixDatagram, UnixListener},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::support::{DEADLINE, Outcome, Pds, Sandbox, program};

/// A unit's settings, in its order. A line that begins with a space goes on the one before.
fn unit(name: &str) -> Vec<(String, String)> {
    let root = std::env::var("PDS_TEST_SOURCE").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let text = fs::read_to_string(Path::new(&root).join("packaging/systemd").join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with(['#', '[']) && !line.is_empty());
    lines
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The one value of a setting.
#[track_caller]
fn setting(unit: &[(String, String)], name: &str) -> String {
    let values: Vec<_> = unit.iter().filter(|(other, _)| other == name).collect();
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values[0].1.clone()
}

/// What a unit starts, with the program under test in the place of the installed one.
fn exec_start(unit: &[(String, String)]) -> Vec<String> {
    let line = setting(unit, "ExecStart");
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    assert_eq!(words[0], "/usr/bin/pds");
    words[0] = program();
    words
}

/// A user's service manager: it holds the socket, and starts the service at a connection.
struct Manager {
    sandbox: Sandbox,
    listener: UnixListener,
    path: PathBuf,
    notified: UnixDatagram,
}

impl Manager {
    /// Binds what pds.socket says, in the place of whatever is there, as systemd does.
    fn new(sandbox: Sandbox) -> Self {
        let socket = unit("user/pds.socket");
        let runtime = sandbox.path("t");
        let path = setting(&socket, "ListenStream").replace("%t", runtime.to_str().unwrap());
        let path = PathBuf::from(path);
        let mode = |name| u32::from_str_radix(&setting(&socket, name), 8).unwrap();
        let folder = path.parent().unwrap();
        fs::DirBuilder::new().recursive(true).mode(mode("DirectoryMode")).create(folder).unwrap();
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode("SocketMode"))).unwrap();
        let notified = UnixDatagram::bind(sandbox.path("notify")).unwrap();
        notified.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { sandbox, listener, path, notified }
    }

    /// Starts pds.service once somebody has connected, and waits until it is ready.
    fn start_at_a_connection(&self) -> Child {
        let mut waiting = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(DEADLINE).unwrap();
        assert_eq!(poll(&mut waiting, timeout).unwrap(), 1, "nobody connected");
        let service = unit("user/pds.service");
        assert_eq!(setting(&service, "Type"), "notify");
        // The socket is descriptor 3 of the very process that the variable names.
        let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ exec \"$@\"";
        let mut command = in_xdg(&self.sandbox, "sh");
        command.args(["-c", script, "sh"]).args(exec_start(&service));
        command.env("LISTEN_FDS", "1").env("NOTIFY_SOCKET", self.sandbox.path("notify"));
        command.stdin(Stdio::from(self.listener.as_fd().try_clone_to_owned().unwrap()));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        assert_eq!(self.news(), "READY=1");
        child
    }

    fn news(&self) -> String {
        let mut bytes = [0; 64];
        let len = self.notified.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..len].to_vec()).unwrap()
    }

    /// The service ends well, having said so, and leaves the socket.
    fn ends(&self, service: Child, inode: u64) {
        assert_eq!(self.news(), "STOPPING=1");
        Outcome::of(service).code(0).mentions("serving").end();
        assert_eq!(self.path.symlink_metadata().unwrap().ino(), inode);
    }
}

/// A program in folders as the user's own are, not in one of `PDS_HOME`.
fn in_xdg(sandbox: &Sandbox, name: &str) -> Command {
    let mut command = sandbox.command(name);
    command.env_remove("PDS_HOME").env("XDG_RUNTIME_DIR", sandbox.path("t"));
    command
}

fn pds(sandbox: &Sandbox, arguments: &[&str]) -> Pds {
    let mut command = in_xdg(sandbox, &program());
    command.args(arguments);
    Pds::over(command)
}

/// A sandbox with a vault in the user's own folders, and its daemon.
fn with_vault() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    fs::DirBuilder::new().mode(0o700).create(sandbox.path("t")).unwrap();
    let password = sandbox.password("default").to_str().unwrap().to_owned();
    let init = pds(&sandbox, &["init", "--password-file", &password]);
    init.cwd(sandbox.path("i")).done().code(0).end();
    (sandbox, password)
}

#[test]
fn a_connection_starts_the_service_which_leaves_the_socket_and_comes_back() {
    let (sandbox, password) = with_vault();
    pds(&sandbox, &["stop"]).ok();
    let manager = Manager::new(sandbox);
    let inode = manager.path.symlink_metadata().unwrap().ino();
    let sandbox = &manager.sandbox;

    let mut unlock = pds(sandbox, &["unlock", "--password-file", &password]);
    let unlocking = unlock.start();
    let service = manager.start_at_a_connection();
    Outcome::of(unlocking).code(0).end();
    pds(sandbox, &["set", "k", "--generate"]).ok();
    pds(sandbox, &["stop"]).ok();
    manager.ends(service, inode);

    let mut get = pds(sandbox, &["get", "k", "--no-prompt"]);
    let asking = get.start();
    let service = manager.start_at_a_connection();
    Outcome::of(asking).code(3).mentions("is locked").end();
    pds(sandbox, &["unlock", "--password-file", &password]).ok();
    // Where no environment says where the socket is, the lock does: for cron and sudo.
    let blind =
        in_xdg(sandbox, &program()).env_remove("XDG_RUNTIME_DIR").args(["get", "k"]).output();
    assert!(blind.unwrap().status.success());
    pds(sandbox, &["stop"]).ok();
    manager.ends(service, inode);
}

#[test]
fn a_daemon_that_was_there_before_the_socket_of_systemd_gives_way_to_it() {
    let (sandbox, _) = with_vault();
    pds(&sandbox, &["set", "k", "--generate"]).ok();
    let manager = Manager::new(sandbox);
    let inode = manager.path.symlink_metadata().unwrap().ino();
    let mut get = pds(&manager.sandbox, &["get", "k", "--no-prompt"]);
    let asking = get.start();
    let service = manager.start_at_a_connection();
    Outcome::of(asking).code(3).mentions("is locked").end();
    pds(&manager.sandbox, &["stop"]).ok();
    manager.ends(service, inode);
}

#[test]
fn the_unit_that_unlocks_does_it_with_its_credential_and_asks_nobody() {
    for name in ["user/pds-unlock.service", "pds-unlock@.service"] {
        let sandbox = Sandbox::ready();
        sandbox.pds(["lock"]).ok();
        let unit = unit(name);
        let credential = setting(&unit, "LoadCredentialEncrypted");
        let folder = sandbox.path("credentials");
        fs::create_dir(&folder).unwrap();
        let words = exec_start(&unit);
        let unlock =
            || sandbox.program(&words[0], &words[1..]).env("CREDENTIALS_DIRECTORY", &folder);
        fs::write(folder.join("another"), "not a password").unwrap();
        assert_ne!(unlock().done().status(), 0);
        let id = credential.split(':').next().unwrap();
        fs::copy(sandbox.password("default"), folder.join(id)).unwrap();
        unlock().ok();
        sandbox.pds(["list"]).ok();
    }
}

#[test]
fn every_command_that_needs_a_password_takes_it_from_a_credential() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("credentials");
    fs::create_dir(&folder).unwrap();
    for profile in ["default", "work"] {
        let name = if profile == "work" { "pds.password.work" } else { "pds.password" };
        fs::copy(sandbox.password(profile), folder.join(name)).unwrap();
    }
    let pds = |words: &str| {
        // Where a manifest is `init` writes none, and where none is `run` needs no approval.
        let place = sandbox.path(if words.starts_with("init") { "i" } else { "w" });
        sandbox.pds(words.split(' ')).env("CREDENTIALS_DIRECTORY", &folder).cwd(place)
    };
    let new = sandbox.path("new");
    fs::write(&new, "another password").unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    let (new, backup) = (new.to_str().unwrap(), sandbox.path("b").to_str().unwrap().to_owned());
    pds("init --no-prompt").done().code(0).end();
    pds("init -p work --no-prompt").done().code(0).end();
    for command in [
        "set k --generate --no-prompt",
        "set k --generate --no-prompt -p work",
        "get k --no-prompt",
        "list --no-prompt",
        "run -e K=k --no-prompt -- true",
        "rename k l --no-prompt",
        "delete l --no-prompt",
        "unlock --no-prompt -p work",
        &format!("backup --no-prompt {backup}"),
        &format!("passwd --no-prompt -p work --new-password-file {new}"),
    ] {
        sandbox.pds(["lock"]).ok();
        let told = pds(command).done();
        assert_eq!(told.status(), 0, "{command}: {}", told.stderr());
        told.end();
    }
    // It was replaced, and the old one is known no longer.
    sandbox.pds(["lock"]).ok();
    assert_ne!(pds("get k --no-prompt -p work").done().status(), 0);
}

#[test]
fn a_credential_without_a_profiles_name_is_for_the_only_profile_that_is_locked() {
    let sandbox = Sandbox::ready().vault("work");
    let folder = sandbox.path("credentials");
    fs::create_dir(&folder).unwrap();
    fs::copy(sandbox.password("default"), folder.join("pds.password")).unwrap();
    sandbox.set("k", "v").set_in("work", "k", "w");
    let run = || {
        let words =
            ["run", "-p", "default", "-p", "work", "-e", "K=k", "--no-prompt", "--", "true"];
        sandbox.pds(words).env("CREDENTIALS_DIRECTORY", &folder)
    };
    sandbox.pds(["lock"]).ok();
    run().done().code(125).mentions("is needed, and there is no terminal").end();
    fs::copy(sandbox.password("work"), folder.join("pds.password.work")).unwrap();
    fs::copy(sandbox.password("default"), folder.join("pds.password.default")).unwrap();
    run().ok();
}
