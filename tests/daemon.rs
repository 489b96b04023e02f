//! One daemon, in a place that is the user's alone.

use std::{
    fs,
    io::Read,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    process::Stdio,
    thread,
};

use crate::support::{Outcome, Sandbox, is_root, is_running, program, until};

#[test]
fn twelve_commands_at_once_start_one_daemon() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").stop();
    let password = sandbox.password("default");
    let password = password.to_str().unwrap();
    thread::scope(|scope| {
        for _ in 0..12 {
            // Nine may wait for their turn with a password; no more come with one.
            scope.spawn(|| sandbox.pds(["list", "--no-prompt"]).done().code(3).end());
        }
    });
    sandbox.pds(["unlock", "--password-file", password]).ok();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
    let home = sandbox.home("").display().to_string();
    let home = format!("PDS_HOME={}", home.trim_end_matches('/'));
    let ours = |pid: &str| {
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let is_daemon = read("cmdline").windows(10).any(|bytes| bytes == b"--detached");
        is_daemon.then(|| read("environ")).is_some_and(|environment| {
            // Unprivileged it can't be read, as it should be: the socket decides then.
            environment.windows(home.len()).any(|bytes| bytes == home.as_bytes())
        })
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let serving = names.filter(|name| name.parse::<u32>().is_ok() && ours(name)).count();
    assert_eq!(serving, usize::from(is_root()));
}

#[test]
fn stop_ends_the_daemon_and_takes_its_socket_away() {
    let sandbox = Sandbox::ready();
    let pid = sandbox.daemon_pid().unwrap();
    sandbox.stop();
    assert!(sandbox.socket().symlink_metadata().is_err());
    until("the process ends", || !is_running(pid));
    assert_eq!(sandbox.daemon_pid(), None);
    sandbox.stop().pds(["lock"]).ok();
    assert_eq!(sandbox.daemon_pid(), None, "neither starts one");
    assert_eq!(sandbox.pds(["status"]).text(), "daemon     none runs; everything is locked\n");
}

#[test]
fn a_socket_and_a_lock_that_were_left_behind_are_no_obstacle() {
    let sandbox = Sandbox::ready();
    sandbox.stop();
    drop(UnixListener::bind(sandbox.socket()).unwrap());
    fs::set_permissions(sandbox.socket(), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(sandbox.home("data/lock").exists());
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    assert!(sandbox.daemon_pid().is_some());
}

#[test]
fn a_killed_daemon_is_replaced_and_nothing_is_unlocked_then() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let pid = sandbox.daemon_pid().unwrap();
    sandbox.program("kill", ["-9", &pid.to_string()]).ok();
    until("it is gone", || sandbox.daemon_pid().is_none());
    sandbox.pds(["get", "k", "--no-prompt"]).done().code(3).end();
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
}

#[test]
fn a_runtime_folder_that_others_could_change_is_refused_with_the_reason() {
    let sandbox = Sandbox::ready();
    sandbox.stop();
    let run = sandbox.home("run");
    let refused = |reason: &str| {
        let told = sandbox.pds(["list", "--no-prompt"]).done();
        assert_ne!(told.status(), 0);
        told.mentions("run` ").mentions(reason).end();
    };
    fs::set_permissions(&run, fs::Permissions::from_mode(0o777)).unwrap();
    refused("is open to other users");
    fs::remove_dir_all(&run).unwrap();
    fs::create_dir(sandbox.path("elsewhere")).unwrap();
    symlink(sandbox.path("elsewhere"), &run).unwrap();
    refused("is not a folder");
    fs::remove_file(&run).unwrap();
    fs::write(&run, "").unwrap();
    let told = sandbox.pds(["list", "--no-prompt"]).done();
    assert_ne!(told.status(), 0);
    told.mentions("run`").end();
    fs::remove_file(&run).unwrap();
    if is_root() {
        fs::create_dir(&run).unwrap();
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&run, Some(65_534), None).unwrap();
        refused("belongs to another user");
        std::os::unix::fs::chown(&run, Some(0), None).unwrap();
    }
}

#[test]
fn a_home_whose_socket_would_not_fit_is_refused_with_the_remedy() {
    let sandbox = Sandbox::new();
    let long = sandbox.path(&"x".repeat(120));
    let told = sandbox.pds(["list"]).env("PDS_HOME", long).done().code(1);
    told.mentions("pds: hint: set PDS_HOME to a shorter path").end();
}

#[test]
fn a_file_in_the_way_of_the_socket_is_not_removed() {
    let sandbox = Sandbox::ready();
    sandbox.stop();
    fs::write(sandbox.socket(), "mine").unwrap();
    let told = sandbox.pds(["list", "--no-prompt"]).done();
    assert_ne!(told.status(), 0);
    told.mentions("pds.sock`").end();
    assert_eq!(fs::read(sandbox.socket()).unwrap(), b"mine");
}

#[test]
fn everything_that_the_daemon_makes_is_the_users_alone_under_any_umask() {
    for umask in ["000", "077"] {
        let sandbox = Sandbox::new();
        let password = sandbox.password("default");
        let script = format!(
            "umask {umask}; \"$PDS\" init --password-file {0}; printf v | \"$PDS\" set k --stdin",
            password.display()
        );
        sandbox.sh(&script).done().code(0).end();
        let mut folders = vec![sandbox.home("")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = path.symlink_metadata().unwrap();
                // What others may pass through is in a folder that they can't enter.
                let passable = path == sandbox.home("run/clients");
                let open = if passable { 0o066 } else { 0o077 };
                assert_eq!(metadata.mode() & open, 0, "{}", path.display());
                if metadata.is_dir() {
                    folders.push(path);
                }
            }
        }
    }
}

/// Runs the daemon in the foreground until it is ready.
fn foreground(sandbox: &Sandbox, arguments: &[&str], ttl: &str) -> std::process::Child {
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_pds"));
    command.arg("daemon").args(arguments).env("PDS_SECRET_TTL", ttl);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut ready = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    assert_eq!(&ready, b"ready\n");
    child
}

fn value_lifetime(sandbox: &Sandbox) -> u64 {
    let status: serde_json::Value =
        serde_json::from_slice(&sandbox.pds(["status", "--json"]).ok()).unwrap();
    status["value_lifetime_seconds"].as_u64().unwrap()
}

#[test]
fn the_lifetime_of_values_is_the_options_then_the_variables_then_the_default() {
    let sandbox = Sandbox::ready();
    assert_eq!(value_lifetime(&sandbox), 300);
    for (arguments, ttl, expected) in
        [(&["--ttl", "7"][..], "9", 7), (&[], "9", 9), (&[], "2m", 120), (&[], "", 300)]
    {
        sandbox.stop();
        let child = foreground(&sandbox, arguments, ttl);
        assert_eq!(value_lifetime(&sandbox), expected);
        sandbox.stop();
        Outcome::of(child).code(0).end();
    }
    for bad in ["0", "soon", "-1"] {
        sandbox.pds(["daemon", "--ttl", bad]).done().code(2).end();
    }
}

#[test]
fn an_expired_value_is_fetched_again() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").stop();
    let child = foreground(&sandbox, &["--ttl", "1"], "");
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
    // With the database's bytes spoiled, a value comes from the cache alone.
    let path = sandbox.home("data/vaults/default/vault.db");
    let spoiled = vec![0x5a; fs::metadata(&path).unwrap().len().try_into().unwrap()];
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &spoiled, 0).unwrap();
    until("the cached value expires", || sandbox.pds(["get", "k"]).done().status() != 0);
    sandbox.stop();
    Outcome::of(child).code(0).end();
}

#[test]
fn a_second_daemon_leaves_at_once_and_the_first_serves_on() {
    let sandbox = Sandbox::ready();
    let pid = sandbox.daemon_pid();
    let second = sandbox.pds(["daemon", "--ttl", "5"]).done().code(0).stdout("ready\n");
    second.says("pds: a daemon runs already, and serves on as it was started\n").end();
    assert_eq!(value_lifetime(&sandbox), 300);
    assert_eq!(sandbox.daemon_pid(), pid);
}

#[test]
fn a_command_that_needs_a_daemon_which_cannot_start_ends_with_6() {
    let sandbox = Sandbox::new();
    sandbox.config("histroy = 3\n");
    let told = sandbox.pds(["list", "--no-prompt"]).done().code(6);
    told.mentions("pds: the daemon did not start: ").mentions("config.toml:1:1").end();
}

#[test]
fn a_log_that_cannot_be_written_costs_log_lines_and_nothing_else() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").stop();
    let password = sandbox.password("default");
    let password = password.to_str().unwrap();
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for stderr in [Stdio::from(full), Stdio::from(gone)] {
        let mut command = sandbox.command(program());
        command.arg("daemon").env("PDS_LOG", "trace").stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        sandbox.pds(["unlock", "--password-file", password]).ok();
        assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
        sandbox.pds(["get", "absent"]).done().code(4).end();
        sandbox.pds(["lock"]).ok();
        sandbox.pds(["get", "k", "--no-prompt"]).done().code(3).end();
        sandbox.stop();
        Outcome::of(child).code(0).end();
    }
}

#[test]
fn a_daemon_whose_log_file_cannot_be_written_serves_on_and_logs_again_once_it_can() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").stop();
    let (log, password) = (sandbox.home("state/log"), sandbox.password("default"));
    let works = || {
        sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
        for _ in 0..3 {
            assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
            sandbox.pds(["get", "absent"]).done().code(4).end();
        }
        sandbox.daemon_pid()
    };
    fs::remove_file(&log).unwrap();
    // As a disk that is full: it can be opened, and every write fails.
    let full = sandbox.program("mknod", [log.to_str().unwrap(), "c", "1", "7"]).done();
    if full.status() == 0 {
        works();
        sandbox.stop();
        fs::remove_file(&log).unwrap();
    } else {
        eprintln!("skipped in part: only root makes devices");
    }
    fs::create_dir(&log).unwrap();
    let pid = works();
    fs::remove_dir(&log).unwrap();
    sandbox.pds(["lock"]).ok();
    assert_eq!(sandbox.daemon_pid(), pid, "it is the same one");
    assert!(fs::read_to_string(&log).unwrap().contains("lock"), "it logs again");
}

#[test]
fn a_daemon_that_a_command_starts_holds_none_of_its_callers_pipes() {
    let sandbox = Sandbox::ready();
    sandbox.stop();
    // The reader gets to the end only if nobody has kept the other one.
    let script = "mkfifo pipe; timeout 20 cat pipe & \
        \"$PDS\" unlock --password-file ../pw-default 7>pipe; wait $!";
    sandbox.program("bash", ["-c", script]).done().code(0).says("").end();
    assert!(sandbox.daemon_pid().is_some());
}

#[test]
fn a_daemon_whose_socket_or_keys_are_gone_locks_everything_and_leaves() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let password = sandbox.password("default");
    for (n, gone) in
        ["run", "run/pds.sock", "data/launcher.key", "data/daemon.pub"].iter().enumerate()
    {
        sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
        let path = sandbox.home(gone);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.unwrap();
        // Each waits until that is true.
        sandbox.pds([["lock", "stop", "status", "lock"][n]]).done().code(0).end();
        assert_eq!(sandbox.daemon_pid(), None, "{gone}");
        sandbox.pds(["get", "k", "--no-prompt"]).done().code(3).end();
        assert!(sandbox.daemon_pid().is_some() && path.exists(), "{gone}: made anew");
    }
}

#[test]
fn nothing_is_called_locked_while_a_daemon_lives_that_cannot_be_reached() {
    let sandbox = Sandbox::ready();
    let pid = sandbox.daemon_pid().unwrap().to_string();
    sandbox.program("kill", ["-STOP", &pid]).ok();
    fs::remove_dir_all(sandbox.home("run")).unwrap();
    for command in ["status", "lock", "stop"] {
        let told = sandbox.pds([command]).done();
        assert_ne!(told.status(), 0);
        told.stdout("").mentions(&format!("process {pid}, is stopped")).end();
    }
    let doctor = sandbox.pds(["doctor"]).text_of_failure();
    assert!(doctor.contains(&format!("process {pid}, is stopped")), "{doctor}");
    sandbox.program("kill", ["-CONT", &pid]).ok();
    sandbox.pds(["lock"]).ok();
    assert_eq!(sandbox.daemon_pid(), None);
}

#[test]
fn a_process_that_holds_the_daemons_lock_and_has_no_socket_is_named_with_the_remedy() {
    let sandbox = Sandbox::ready();
    sandbox.stop();
    let lock = fs::File::open(sandbox.home("data/lock")).unwrap();
    lock.lock().unwrap();
    let pid = std::process::id();
    let told = sandbox.pds(["status"]).done().code(6).stdout("");
    told.mentions(&format!("process {pid},")).mentions(&format!("kill {pid} ends it")).end();
    drop(lock);
    assert_eq!(sandbox.pds(["status"]).text(), "daemon     none runs; everything is locked\n");
}
