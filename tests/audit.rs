//! What is on the audit trail, and that it can't be altered unseen.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use pds::{
    client::Client,
    home::Home,
    secret::SecureBuffer,
    wire::message::{Batch, Entry, KeyInProfile, Request, Response, decode},
};
use serde_json::Value;

/// Longer than anything here takes; only a failure waits for it.
const DEADLINE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse";

/// A home of its own, whose daemon ends with it.
struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), PASSWORD).unwrap();
        fs::create_dir(folder.path().join("project")).unwrap();
        Self { folder }
    }

    /// With a vault that is unlocked.
    fn unlocked() -> Self {
        let sandbox = Self::new();
        sandbox.ok(&["init", "--password-file", &sandbox.password()]);
        sandbox
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn password(&self) -> String {
        self.at("password").to_str().unwrap().to_owned()
    }

    fn home(&self) -> Home {
        let at = |path| self.at("home").join(path);
        Home {
            config: at("config"),
            data: at("data"),
            state: at("state"),
            runtime: at("run"),
            client_key: None,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pds"));
        command
            .args(arguments)
            .current_dir(self.at("project"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PDS_HOME", self.at("home"))
            .env("PDS_LOG", "trace")
            .env("PDS_NO_PROMPT", "1")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn set(&self, key: &str, value: &[u8]) {
        let mut command = self.command(&["set", key, "--stdin"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(value).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn unlock(&self) {
        self.ok(&["unlock", "--password-file", &self.password()]);
    }

    fn daemon_pid(&self) -> Option<i32> {
        let status = self.run(&["status", "--json"]).stdout;
        let status: Value = serde_json::from_slice(&status).ok()?;
        status["daemon"]["pid"].as_i64().map(|pid| i32::try_from(pid).unwrap())
    }

    fn trail_files(&self) -> Vec<PathBuf> {
        let files = pds::home::audit_files(&self.home().audit()).unwrap();
        files.into_values().collect()
    }

    /// The whole lines of the trail.
    fn trail(&self) -> Vec<Value> {
        let read = |path: PathBuf| fs::read_to_string(path).unwrap();
        let texts: Vec<String> = self.trail_files().into_iter().map(read).collect();
        let lines = texts.iter().flat_map(|text| text.lines());
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.run(&["stop"]);
    }
}

/// Looks until there is what is looked for.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_operation_has_its_line_and_an_honest_trail_verifies() {
    let sandbox = Sandbox::unlocked();
    sandbox.set("db/password", b"v");
    sandbox.ok(&["get", "db/password"]);
    assert!(!sandbox.run(&["get", "db/none"]).status.success());
    sandbox.ok(&["lock"]);
    assert_eq!(sandbox.run(&["get", "db/password"]).status.code(), Some(3));
    sandbox.unlock();
    let operations: Vec<(String, String)> = sandbox
        .trail()
        .iter()
        .filter(|line| line["kind"] == "operation")
        .map(|line| (line["operation"].to_string(), line["outcome"].to_string()))
        .collect();
    for (operation, outcome) in [
        ("create", "granted"),
        ("set", "granted"),
        ("get", "granted"),
        ("get", "failed"),
        ("lock", "granted"),
        ("get", "denied"),
        ("unlock", "granted"),
    ] {
        let wanted = (format!("\"{operation}\""), format!("\"{outcome}\""));
        assert!(operations.contains(&wanted), "{wanted:?} in {operations:?}");
    }
    let said = sandbox.ok(&["audit", "verify"]);
    assert!(said.contains("lines in 1 segment in 1 file"), "{said}");

    // Over clean stops, and after each there is a segment more.
    sandbox.ok(&["stop"]);
    sandbox.unlock();
    let report: Value = serde_json::from_str(&sandbox.ok(&["audit", "verify", "--json"])).unwrap();
    assert_eq!((&report["honest"], &report["segments"]), (&Value::Bool(true), &2.into()));
    assert_eq!(report["findings"], Value::Array(Vec::new()));
}

#[test]
fn an_altered_line_is_named_by_file_and_line_and_a_locked_trail_says_what_to_do() {
    let sandbox = Sandbox::unlocked();
    sandbox.set("a", b"v");
    for _ in 0..5 {
        sandbox.ok(&["get", "a"]);
    }
    sandbox.ok(&["stop"]);
    let path = sandbox.trail_files().remove(0);
    let altered = fs::read_to_string(&path).unwrap().replacen("\"get\"", "\"set\"", 1);
    // The first is the real one.
    let is_set = |(_, text): &(usize, &str)| text.contains("\"operation\":\"set\"");
    let line = 1 + altered.lines().enumerate().filter(is_set).nth(1).unwrap().0;
    fs::write(&path, &altered).unwrap();

    let locked = sandbox.run(&["audit", "verify"]);
    assert_eq!(locked.status.code(), Some(3), "{}", text(&locked.stderr));
    assert!(text(&locked.stderr).contains("pds: hint: pds unlock"), "{}", text(&locked.stderr));

    sandbox.unlock();
    let output = sandbox.run(&["audit", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    let place = format!("{}:{line}: altered", path.display());
    assert!(text(&output.stdout).contains(&place), "{place} in {}", text(&output.stdout));
}

#[test]
fn a_trail_put_back_to_an_older_copy_is_found_at_the_next_unlocking() {
    let sandbox = Sandbox::unlocked();
    sandbox.set("a", b"v");
    let path = sandbox.trail_files().remove(0);
    let older = fs::read(&path).unwrap();
    sandbox.ok(&["get", "a"]);
    sandbox.ok(&["stop"]);
    fs::write(&path, older).unwrap();
    sandbox.unlock();
    let output = sandbox.run(&["audit", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("went back"), "{}", text(&output.stdout));
}

#[test]
fn show_filters_and_follow_shows_what_comes() {
    let sandbox = Sandbox::unlocked();
    sandbox.set("db/a", b"v");
    sandbox.set("db/b", b"v");
    sandbox.ok(&["get", "db/a"]);
    assert!(!sandbox.run(&["get", "db/none"]).status.success());

    let shown = sandbox.ok(&["audit", "show", "--key", "db/a"]);
    assert_eq!(shown.lines().count(), 2, "{shown}");
    let failed = sandbox.ok(&["audit", "show", "--outcome", "failed", "--json"]);
    let failed: Value = serde_json::from_str(failed.trim_end()).unwrap();
    assert_eq!(failed["keys"][0], "db/none");
    assert_eq!(failed["reasons"][0], "not-found");
    assert_eq!(sandbox.ok(&["audit", "show", "--client", "nobody"]), "");
    assert_eq!(sandbox.ok(&["audit", "show", "--until", "2001-01-01"]), "");
    assert!(!sandbox.ok(&["audit", "show", "--since", "1h"]).is_empty());
    assert_eq!(sandbox.run(&["audit", "show", "--since", "soon"]).status.code(), Some(2));
    assert!(sandbox.ok(&["audit"]).contains("db/none"));

    let out = sandbox.at("followed");
    let mut follow = sandbox.command(&["audit", "follow", "--json"]);
    let mut follow = follow.stdout(File::create(&out).unwrap()).spawn().unwrap();
    let followed = eventually("a line that follows", || {
        // It may not have begun to follow at the first try.
        sandbox.ok(&["get", "db/b"]);
        let text = fs::read_to_string(&out).unwrap();
        text.lines().next().map(str::to_owned)
    });
    follow.kill().unwrap();
    follow.wait().unwrap();
    assert!(followed.contains("db/b"), "{followed}");
}

#[test]
fn no_value_and_no_length_of_one_is_in_the_trail_the_log_or_a_message() {
    let sandbox = Sandbox::unlocked();
    // Of a length that nothing else has, in whatever way it is written.
    const LENGTH: usize = 137_913;
    let canary = "CANARY-".repeat(LENGTH / 7 + 1)[..LENGTH].to_owned();
    sandbox.set("big", canary.as_bytes());
    sandbox.set("small", b"CANARY-small");
    sandbox.ok(&["get", "big"]);
    sandbox.ok(&["run", "-e", "SMALL=small", "--", "true"]);
    let messages: Vec<u8> = [
        &["run", "-e", "BIG=big", "--", "true"][..],
        &["run", "-e", "SMALL=small", "-e", "NONE=none", "--", "true"],
        &["rename", "small", "big"],
        &["audit"],
    ]
    .iter()
    .flat_map(|arguments| {
        let output = sandbox.run(arguments);
        [output.stdout, output.stderr].concat()
    })
    .collect();
    sandbox.ok(&["lock"]);
    let state = sandbox.home().state;
    let mut places = vec![("messages".to_owned(), messages)];
    let mut folders = vec![state];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                places.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    assert!(places.iter().any(|(name, bytes)| name.ends_with("log") && bytes.len() > 1_000));
    assert!(places.iter().any(|(name, _)| name.ends_with(".jsonl")));
    for (name, bytes) in places {
        let shown = text(&bytes);
        for needle in ["CANARY", PASSWORD, "137913", "137,913", "137941"] {
            assert!(!shown.contains(needle), "{needle} in {name}");
        }
    }
}

#[test]
fn a_line_that_is_forged_behind_the_last_one_is_found_while_the_daemon_runs() {
    let sandbox = Sandbox::unlocked();
    sandbox.set("a", b"v");
    let file = sandbox.trail_files().pop().unwrap();
    let before = sandbox.run(&["audit", "verify"]);
    assert!(before.status.success(), "{}", text(&before.stdout));
    let lines = fs::read_to_string(&file).unwrap();
    let forged = lines.lines().last().unwrap().replace("verify", "forged");
    let mut trail = File::options().append(true).open(&file).unwrap();
    writeln!(trail, "{forged}").unwrap();
    let verified = sandbox.run(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(1), "{}", text(&verified.stdout));
    assert!(text(&verified.stdout).contains("inserted"), "{}", text(&verified.stdout));
}

#[test]
fn what_stands_behind_a_closing_line_was_no_write_that_was_cut_off() {
    let sandbox = Sandbox::unlocked();
    sandbox.ok(&["stop"]);
    let file = sandbox.trail_files().pop().unwrap();
    writeln!(File::options().append(true).open(&file).unwrap(), "garbage").unwrap();
    sandbox.unlock();
    let verified = sandbox.run(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(1), "{}", text(&verified.stdout));
    assert!(text(&verified.stdout).contains("inserted"), "{}", text(&verified.stdout));
}

#[test]
fn ten_thousand_denials_make_a_bounded_number_of_lines() {
    const DENIALS: u64 = 10_000;
    let sandbox = Sandbox::unlocked();
    let mut client = Client::connect(&sandbox.home()).unwrap();
    let mut buffer = SecureBuffer::new().unwrap();
    let (begun, mut denied) = (Instant::now(), 0);
    while denied < DENIALS {
        // Denied by gate 2, before the rate: who is told to wait is not listened to.
        let request = Request::Get(KeyInProfile { profile: "nobody", key: "a" });
        client.exchange(&request, &mut buffer).unwrap();
        denied += u64::from(matches!(decode(buffer.as_slice()).unwrap(), Response::Refused(_)));
    }
    let seconds = begun.elapsed().as_secs() + 2;
    let lines = || {
        let trail = sandbox.trail();
        trail.into_iter().filter(|line| line["outcome"] == "denied").collect::<Vec<_>>()
    };
    let lines = eventually("all are on record", || {
        let lines = lines();
        let count = |line: &Value| line["count"].as_u64().unwrap_or(1);
        (lines.iter().map(count).sum::<u64>() >= DENIALS).then_some(lines)
    });
    assert!(lines.len() as u64 <= 20 + 2 * seconds, "{} lines in {seconds} s", lines.len());
}

#[test]
fn a_daemon_killed_at_any_time_has_released_nothing_that_is_not_on_record() {
    let rounds: u32 =
        std::env::var("PDS_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let sandbox = Arc::new(Sandbox::unlocked());
    sandbox.set("a", b"v");
    sandbox.ok(&["stop"]);
    let received: Arc<Mutex<Vec<String>>> = Arc::default();
    for round in 0..rounds {
        if round == rounds / 2 {
            fs::create_dir_all(sandbox.home().config).unwrap();
            fs::write(sandbox.home().config_file(), "[audit]\nsync = \"always\"\n").unwrap();
        }
        sandbox.unlock();
        let pid = sandbox.daemon_pid().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..3)
            .map(|client| {
                let (sandbox, received) = (Arc::clone(&sandbox), Arc::clone(&received));
                let stop = Arc::clone(&stop);
                thread::spawn(move || ask_on(&sandbox.home(), round, client, &received, &stop))
            })
            .collect();
        let before = received.lock().unwrap().len();
        eventually("a value is released", || {
            (received.lock().unwrap().len() > before).then_some(())
        });
        let mut random = [0; 2];
        File::open("/dev/urandom")
            .and_then(|mut f| std::io::Read::read_exact(&mut f, &mut random))
            .unwrap();
        // The moment is what is random here; nothing waits for it.
        thread::sleep(Duration::from_micros(2 * u64::from(u16::from_le_bytes(random))));
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
    }
    let granted: HashSet<String> = sandbox
        .trail()
        .iter()
        .filter(|line| line["operation"] == "run" && line["outcome"] == "granted")
        .map(|line| line["command"].as_str().unwrap().to_owned())
        .collect();
    let received = received.lock().unwrap();
    assert!(received.len() >= rounds as usize, "there was hardly any load: {}", received.len());
    let missing: Vec<_> = received.iter().filter(|token| !granted.contains(*token)).collect();
    assert!(missing.is_empty(), "{} of {} released without a line", missing.len(), received.len());
    // Each of them has one end, or none as this process goes on.
    let running = sandbox.ok(&["audit", "show", "--running", "--json"]).lines().count();
    let trail = sandbox.trail();
    let are = |operation: &str, outcome: Option<&str>| {
        let is = |line: &&Value| {
            line["operation"] == operation && outcome.is_none_or(|word| line["outcome"] == word)
        };
        trail.iter().filter(is).collect::<Vec<_>>()
    };
    let (begun, ended) = (are("run", Some("granted")), are("run-end", None));
    let which: HashSet<_> = ended.iter().map(|end| end["since"].as_str().unwrap()).collect();
    assert_eq!(which.len(), ended.len(), "none has two");
    assert_eq!(begun.len(), ended.len() + running);
    sandbox.unlock();
    let output = sandbox.run(&["audit", "verify"]);
    assert!(output.status.success(), "{}", text(&output.stdout));
    eprintln!("{} values in {rounds} rounds, each with its line", received.len());
}

/// Asks for a value, each time under another name, until the daemon is gone.
fn ask_on(home: &Home, round: u32, client: u32, received: &Mutex<Vec<String>>, stop: &AtomicBool) {
    let Ok(mut channel) = Client::connect(home) else { return };
    let mut buffer = SecureBuffer::new().unwrap();
    for n in 0.. {
        let token = format!("{round}-{client}-{n}");
        let request = Request::Resolve(Batch {
            entries: vec![Entry { profiles: vec!["default"], key: "a", required: true }],
            manifest: None,
            project: None,
            command: Some(&token),
            check_only: false,
        });
        if stop.load(Ordering::Relaxed) || channel.exchange(&request, &mut buffer).is_err() {
            return;
        }
        if matches!(decode(buffer.as_slice()).unwrap(), Response::Values(_)) {
            received.lock().unwrap().push(token);
        }
    }
}

/// A small file system, which goes with it.
struct Small(PathBuf);

impl Small {
    fn mount(path: &Path) -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs"]).arg(path);
        mount.status().is_ok_and(|status| status.success()).then_some(())?;
        Some(Self(path.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn while_the_trails_disk_is_full_nothing_is_released_and_then_it_goes_on() {
    let sandbox = Sandbox::new();
    let audit = sandbox.home().audit();
    fs::create_dir_all(&audit).unwrap();
    let Some(small) = Small::mount(&audit) else {
        eprintln!("skipped: only root can mount a small file system");
        return;
    };
    for folder in [sandbox.home().state, audit.clone()] {
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    }
    sandbox.ok(&["init", "--password-file", &sandbox.password()]);
    sandbox.set("a", b"the value");

    let filler = audit.join("filler");
    fill(&filler);
    let get = || sandbox.run(&["get", "a"]);
    // The trail's last page may have room for a few lines more.
    let refused = eventually("the trail is full", || Some(get()).filter(|o| !o.status.success()));
    assert_eq!(refused.stdout, b"");
    let said = text(&refused.stderr);
    assert!(said.contains("the audit trail can't be written, so nothing is released"), "{said}");
    assert!(said.contains("pds: hint: make room where the audit trail is"), "{said}");
    let changed = sandbox.run(&["delete", "a"]);
    assert!(!changed.status.success());
    let run = sandbox.run(&["run", "-e", "A=a", "--", "echo", "started"]);
    assert_eq!((run.status.code(), run.stdout), (Some(125), Vec::new()));

    fs::remove_file(&filler).unwrap();
    let pid = sandbox.daemon_pid();
    assert_eq!(get().stdout, b"the value");
    assert_eq!(sandbox.daemon_pid(), pid, "it went on without a restart");
    sandbox.ok(&["audit", "verify"]);
    sandbox.ok(&["stop"]);
    drop(small);
}

fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
}
