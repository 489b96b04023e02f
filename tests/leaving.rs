//! A daemon that a command has started leaves by itself, and nothing is lost by that.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::support::{Sandbox, until};

/// What is promised: the daemon's own number is shorter.
const LEAVES_WITHIN: Duration = Duration::from_secs(60);

fn is_running(pid: u32) -> bool {
    // A zombie of a container without a reaper has ended too.
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

#[test]
fn a_minute_after_everything_was_locked_no_daemon_is_left_unless_it_watches_a_run() {
    let (idle, watching) = (Sandbox::ready(), Sandbox::ready());
    for sandbox in [&idle, &watching] {
        sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n");
    }
    let mut run = watching.pds(["run", "--", "sh", "-c", "echo begun; exec sleep 600"]).start();
    let mut begun = [0; 6];
    std::io::Read::read_exact(run.stdout.as_mut().unwrap(), &mut begun).unwrap();
    let pids = [&idle, &watching].map(|sandbox| sandbox.daemon_pid().unwrap());
    let locked = [&idle, &watching].map(|sandbox| {
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
    // The other one stays until the run is over, which it puts on record.
    std::thread::sleep(
        (LEAVES_WITHIN + Duration::from_secs(1)).saturating_sub(locked[1].elapsed()),
    );
    assert!(is_running(pids[1]), "it left a run unwatched");
    assert_eq!(watching.daemon_pid(), Some(pids[1]));
    run.kill().unwrap();
    run.wait().unwrap();
    until("the end is on record", || {
        let files = fs::read_dir(watching.home("state/audit")).unwrap().flatten();
        let text: String = files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
        text.contains("\"run-end\"")
    });
}
