//! A daemon that a command has started leaves by itself, and nothing is lost by that.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    memory::{Daemon, Kernel},
    support::{Sandbox, is_root, is_running, until},
};

/// What is promised: the daemon's own number is shorter.
const LEAVES_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_minute_after_everything_was_locked_no_daemon_is_left_unless_it_watches_a_run() {
    let sandboxes = [Sandbox::ready(), Sandbox::ready(), Sandbox::ready()];
    for sandbox in &sandboxes {
        sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n");
    }
    let [idle, watching, taking_up] = &sandboxes;
    let mut runs = [watching, taking_up].map(|sandbox| {
        let mut run = sandbox.pds(["run", "--", "sh", "-c", "echo begun; exec sleep 600"]).start();
        let mut begun = [0; 6];
        std::io::Read::read_exact(run.stdout.as_mut().unwrap(), &mut begun).unwrap();
        run
    });
    end(taking_up.daemon_pid().unwrap(), Signal::SIGKILL);
    assert!(lists_the_run(taking_up), "it is the next daemon's to watch");
    let pids = sandboxes.each_ref().map(|sandbox| sandbox.daemon_pid().unwrap());
    let locked = sandboxes.each_ref().map(|sandbox| {
        sandbox.pds(["lock"]).ok();
        Instant::now()
    });
    until("the idle one leaves", || !is_running(pids[0]));
    assert!(locked[0].elapsed() < LEAVES_WITHIN, "after {:?}", locked[0].elapsed());
    assert_eq!(idle.daemon_pid(), None);
    assert!(idle.socket().symlink_metadata().is_err());
    // The next command that needs one brings it back.
    let password = idle.password("default");
    assert_eq!(idle.pds(["get", "k"]).env("PDS_PASSWORD_FILE", &password).ok(), b"v");
    assert!(idle.daemon_pid().is_some_and(|pid| pid != pids[0]));
    // The other ones stay until the run is over, which they put on record.
    std::thread::sleep(
        (LEAVES_WITHIN + Duration::from_secs(1)).saturating_sub(locked[2].elapsed()),
    );
    for pid in &pids[1..] {
        assert!(is_running(*pid), "it left a run unwatched");
        assert_has_no_secret_memory(*pid);
    }
    // Whoever kills one at rest does not make it forget either.
    end(pids[2], Signal::SIGKILL);
    assert!(lists_the_run(taking_up));
    for run in &mut runs {
        run.kill().unwrap();
        run.wait().unwrap();
    }
    for sandbox in [watching, taking_up] {
        let ends = || sandbox.trail().into_iter().filter(|line| line["operation"] == "run-end");
        until("the end is on record", || ends().next().is_some());
        assert_eq!(ends().map(|end| end["outcome"].clone()).collect::<Vec<_>>(), ["ended"]);
    }
    // It serves on as if nothing had been.
    let password = watching.password("default");
    assert_eq!(watching.pds(["get", "k"]).env("PDS_PASSWORD_FILE", &password).ok(), b"v");
    assert_eq!(watching.daemon_pid(), Some(pids[1]));
    watching.pds(["audit", "verify"]).ok();
}

#[test]
fn a_daemon_in_the_foreground_rests_without_secret_memory_and_wakes_or_ends_when_it_is_told() {
    let sandboxes = [Sandbox::ready(), Sandbox::ready()];
    let mut daemons = sandboxes.each_ref().map(|sandbox| {
        sandbox.set("k", "v");
        sandbox.pds(["client", "add", "ci", "--grant", "default:k:get"]).ok();
        sandbox.stop();
        let daemon = Daemon::start(sandbox, Kernel::AsItIs, &[]);
        // Unlocked once: it must let go of what it had by then.
        let password = sandbox.password("default");
        assert_eq!(sandbox.pds(["get", "k"]).env("PDS_PASSWORD_FILE", &password).ok(), b"v");
        sandbox.pds(["lock"]).ok();
        daemon
    });
    // A container has this very file mounted.
    let door = |sandbox: &Sandbox| fs::metadata(sandbox.home("run/clients/ci.sock")).ok();
    let before = door(&sandboxes[0]).unwrap().ino();
    std::thread::sleep(LEAVES_WITHIN + Duration::from_secs(1));
    for (sandbox, daemon) in sandboxes.iter().zip(&daemons) {
        assert_has_no_secret_memory(daemon.pid());
        assert_eq!(sandbox.daemon_pid(), Some(daemon.pid()));
    }
    let [woken, ended] = &sandboxes;
    let password = woken.password("default");
    assert_eq!(woken.pds(["get", "k"]).env("PDS_PASSWORD_FILE", &password).ok(), b"v");
    assert_eq!(woken.daemon_pid(), Some(daemons[0].pid()));
    woken.pds(["audit", "verify"]).ok();
    assert_eq!(door(woken).unwrap().ino(), before);
    end(daemons[1].pid(), Signal::SIGTERM);
    assert!(daemons[1].0.wait().unwrap().success());
    assert!(ended.socket().symlink_metadata().is_err() && door(ended).is_none());
}

fn end(daemon: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(daemon).unwrap()), signal).unwrap();
}

/// Asks a daemon, which is started if none is there.
fn lists_the_run(sandbox: &Sandbox) -> bool {
    sandbox.pds(["audit", "show", "--running"]).text().lines().count() == 1
}

/// Checks that no page of this process keeps the machine from hibernating.
#[track_caller]
fn assert_has_no_secret_memory(pid: u32) {
    if !is_root() {
        eprintln!("skipped in part: the mappings of a daemon are root's alone to see");
        return;
    }
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let secret: Vec<&str> = maps.lines().filter(|line| line.contains("secretmem")).collect();
    assert!(secret.is_empty(), "{secret:#?}");
}
