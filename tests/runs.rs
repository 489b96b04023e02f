//! The end of every run is on record once, whatever became of the daemon meanwhile.

use std::{
    fs,
    io::Write,
    process::Child,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::support::{Outcome, Sandbox, is_running, until};

/// A run that lasts until its standard input ends.
struct Run {
    child: Child,
    listed_at: Instant,
}

impl Run {
    fn begin(sandbox: &Sandbox, key: &str) -> Self {
        let binding = format!("K={key}");
        let words = ["run", "-e", &binding, "--", "sh", "-c", "read x"];
        let child = sandbox.pds(words).input("").start();
        until("the run is listed", || running(sandbox).contains(&child.id()));
        Self { child, listed_at: Instant::now() }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it. Returns how long it has lasted, or less.
    fn end(&mut self) -> Duration {
        let lasted = self.listed_at.elapsed();
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
        lasted
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.end();
    }
}

fn ready() -> Sandbox {
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "v").set("db/b", "v");
    sandbox
}

/// What `audit show --running` lists.
fn listed(sandbox: &Sandbox) -> Vec<Value> {
    let listed = sandbox.pds(["audit", "show", "--running", "--json"]).text();
    listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn running(sandbox: &Sandbox) -> Vec<u32> {
    listed(sandbox).iter().map(|run| run["pid"].as_u64().unwrap().try_into().unwrap()).collect()
}

/// The ends of a process's runs on the trail.
fn ends(sandbox: &Sandbox, pid: u32) -> Vec<Value> {
    let is_end = |line: &Value| line["operation"] == "run-end" && line["pid"] == pid;
    sandbox.trail().into_iter().filter(is_end).collect()
}

/// Waits for the one end of a run.
#[track_caller]
fn the_end(sandbox: &Sandbox, pid: u32) -> Value {
    until("the end is on record", || !ends(sandbox, pid).is_empty());
    let mut ends = ends(sandbox, pid);
    assert_eq!(ends.len(), 1, "{ends:?}");
    let end = ends.remove(0);
    let begun = sandbox.trail().into_iter().find(|line| {
        line["operation"] == "run" && line["outcome"] == "granted" && line["pid"] == pid
    });
    assert_eq!(end["since"], begun.unwrap()["time"]);
    end
}

fn kill_daemon(sandbox: &Sandbox) {
    let pid = sandbox.daemon_pid().unwrap();
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
    until("the daemon is gone", || !is_running(pid));
}

fn unlock(sandbox: &Sandbox) {
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).done().code(0).end();
}

fn verify(sandbox: &Sandbox) -> Outcome {
    unlock(sandbox);
    sandbox.pds(["audit", "verify"]).done()
}

/// Whether the kernel gives each process a number of its own (Linux 6.9).
fn has_unique_numbers(sandbox: &Sandbox) -> bool {
    let has = sandbox.trail().iter().any(|line| line["process"].is_u64());
    if !has {
        eprintln!("skipped: this kernel gives processes no number of their own");
    }
    has
}

#[test]
fn a_run_is_listed_while_it_lasts_and_its_end_is_a_line() {
    let sandbox = ready();
    let mut run = Run::begin(&sandbox, "db/a");
    let row = listed(&sandbox).remove(0);
    assert_eq!((&row["keys"][0], &row["command"]), (&"db/a".into(), &"sh".into()));
    assert!(sandbox.pds(["audit", "show", "--running"]).text().contains("db/a"));

    // Locking takes the values from the daemon and not the run from the list.
    sandbox.pds(["lock"]).ok();
    assert_eq!(running(&sandbox), [run.pid()]);
    let lasted = run.end();
    let end = the_end(&sandbox, run.pid());
    assert_eq!(end["outcome"], "ended");
    assert!(u128::from(end["duration_ms"].as_u64().unwrap()) >= lasted.as_millis(), "{end}");
    assert_eq!(listed(&sandbox), Vec::<Value>::new());
}

#[test]
fn a_run_goes_on_over_daemons_that_are_killed_or_stopped_and_has_one_end() {
    let sandbox = ready();
    let (mut long, mut short) = (Run::begin(&sandbox, "db/a"), Run::begin(&sandbox, "db/b"));
    if !has_unique_numbers(&sandbox) {
        return;
    }
    kill_daemon(&sandbox);
    short.end();
    // The next command that needs a daemon starts one, and so does this.
    let rows = listed(&sandbox);
    assert_eq!(running(&sandbox), [long.pid()]);
    assert_eq!((&rows[0]["keys"][0], &rows[0]["command"]), (&"db/a".into(), &"sh".into()));
    let unseen = the_end(&sandbox, short.pid());
    assert_eq!(unseen["outcome"], "ended-unwatched");
    assert_eq!(unseen.get("duration_ms"), None, "nobody knows how long it took");

    let again: [&dyn Fn(); 3] =
        [&|| kill_daemon(&sandbox), &|| sandbox.pds(["stop"]).done().code(0).end(), &|| {
            kill_daemon(&sandbox)
        }];
    for leave in again {
        leave();
        assert_eq!(running(&sandbox), [long.pid()]);
    }
    let lasted = long.end();
    let seen = the_end(&sandbox, long.pid());
    assert_eq!(seen["outcome"], "ended");
    assert!(u128::from(seen["duration_ms"].as_u64().unwrap()) >= lasted.as_millis(), "{seen}");
    kill_daemon(&sandbox);
    assert_eq!(listed(&sandbox), Vec::<Value>::new());
    for pid in [short.pid(), long.pid()] {
        the_end(&sandbox, pid);
    }
    verify(&sandbox).code(0).end();
}

#[test]
fn a_process_that_is_not_the_runs_or_of_another_boot_is_not_taken_for_it() {
    for (field, outcome) in [
        ("process", "ended-unwatched"),
        ("boot", "ended-unwatched"),
        ("pid_namespace", "not-watched"),
    ] {
        let sandbox = ready();
        let run = Run::begin(&sandbox, "db/a");
        if !has_unique_numbers(&sandbox) {
            return;
        }
        kill_daemon(&sandbox);
        // As if the number had come to mean another process: then the run's was another.
        let file = sandbox.trail_files().remove(0);
        let text = fs::read_to_string(&file).unwrap();
        let named = format!("\"{field}\":");
        let altered = text.replace(&format!("{named}\""), &format!("{named}\"another-"));
        let altered =
            if altered == text { text.replace(&named, &format!("{named}9")) } else { altered };
        assert_ne!(altered, text);
        fs::write(&file, altered).unwrap();
        assert_eq!(listed(&sandbox), Vec::<Value>::new(), "{field}");
        assert_eq!(the_end(&sandbox, run.pid())["outcome"], outcome, "{field}");
        // It goes by the trail, whose tampering is found.
        let found = verify(&sandbox).code(1);
        assert!(String::from_utf8_lossy(&found.0.stdout).contains(": altered: "), "{found:?}");
    }
}

#[test]
fn garbage_in_the_trail_keeps_no_daemon_from_starting_nor_hides_a_run_before_it() {
    let sandbox = ready();
    let mut run = Run::begin(&sandbox, "db/a");
    if !has_unique_numbers(&sandbox) {
        return;
    }
    kill_daemon(&sandbox);
    let file = sandbox.trail_files().remove(0);
    let forged =
        "{\"kind\":\"operation\",\"operation\":\"run\",\"outcome\":\"granted\",\"pid\":-1}";
    let garbage = [b"\xFF\n{}\n[[[[\n", forged.as_bytes(), b"\n\0"].concat();
    fs::File::options().append(true).open(&file).unwrap().write_all(&garbage).unwrap();
    assert_eq!(running(&sandbox), [run.pid()]);
    run.end();
    assert_eq!(the_end(&sandbox, run.pid())["outcome"], "ended");
    verify(&sandbox).code(1).end();
    kill_daemon(&sandbox);
    fs::write(&file, [0xA5; 100_000]).unwrap();
    assert_eq!(listed(&sandbox), Vec::<Value>::new());
    unlock(&sandbox);
    let again = Run::begin(&sandbox, "db/a");
    assert_eq!(running(&sandbox), [again.pid()]);
}
