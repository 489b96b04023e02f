//! Many at once, slow ones, and none left: whoever is honest is served.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::net::UnixStream,
    process::Child,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::support::{Outcome, Sandbox, Stranger, program, until};

/// Stands ready, and runs `pds` once its standard input ends.
const AT_THE_SIGNAL: &str = "read -r _; exec \"$PDS\" \"$@\" <&-";

fn canary(run: usize, secret: usize) -> String {
    format!("canary-{run}-{secret}-{:08x}", (run * 131 + secret).wrapping_mul(0x9E37_79B1) as u32)
}

#[test]
fn a_thousand_runs_at_once_get_each_its_own_ten_secrets() {
    const RUNS: usize = 1_000;
    const SECRETS: usize = 10;
    let sandbox = Sandbox::ready();
    let mut all = String::new();
    for run in 0..RUNS {
        for secret in 0..SECRETS {
            writeln!(all, "C_{run}_{secret}={}", canary(run, secret)).unwrap();
        }
    }
    fs::write(sandbox.path("all.env"), all).unwrap();
    let all = sandbox.path("all.env");
    sandbox.pds(["import", all.to_str().unwrap()]).done().code(0).end();

    let (signal, held) = std::io::pipe().unwrap(); // its end is the signal
    let waiting: Vec<Child> = (0..RUNS)
        .map(|run| {
            let mut command = sandbox.command("sh");
            command.args(["-c", AT_THE_SIGNAL, "sh", "run"]).env("PDS", program());
            for secret in 0..SECRETS {
                command.args(["-e", &format!("S{secret}=C_{run}_{secret}")]);
            }
            command.args(["--", "printenv"]);
            command.args((0..SECRETS).map(|secret| format!("S{secret}")));
            // Files, because two pipes each are more than a process may hold.
            let said = fs::File::create(sandbox.path(&format!("said-{run}"))).unwrap();
            command.stdin(signal.try_clone().unwrap());
            command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap()
        })
        .collect();
    drop(held); // now, all of them
    let mut failed = Vec::new();
    for (run, mut child) in waiting.into_iter().enumerate() {
        let status = child.wait().unwrap();
        let said = fs::read_to_string(sandbox.path(&format!("said-{run}"))).unwrap();
        let expected: String = (0..SECRETS).map(|s| canary(run, s) + "\n").collect();
        if !status.success() || said != expected {
            failed.push((run, status, said));
        }
    }
    assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), &failed[..failed.len().min(5)]);
}

/// Holds `count` connections open, each of which sends a byte of a handshake a second,
/// and comes again when it was closed. `all` is met when all are there.
fn dribble(sandbox: &Sandbox, count: usize, all: &Barrier, stop: &AtomicBool) {
    let mut first = b"\x00\x64pds\x01".to_vec();
    first.resize(102, 7);
    let connected = || {
        let stream = UnixStream::connect(sandbox.socket()).unwrap();
        stream.set_nonblocking(true).unwrap();
        (stream, 0)
    };
    // Beyond what the daemon and the kernel's queue take, connecting would wait.
    let mut peers: Vec<(UnixStream, usize)> = (0..count).map(|_| connected()).collect();
    let mut is_first = true;
    while !stop.load(Ordering::Relaxed) {
        for peer in &mut peers {
            match peer.0.write(&first[peer.1..=peer.1]) {
                Ok(sent) => peer.1 += sent,
                Err(_) => *peer = connected(),
            }
        }
        if std::mem::take(&mut is_first) {
            all.wait();
        }
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn times(sandbox: &Sandbox, count: usize) -> Vec<Duration> {
    let one = || {
        let begun = Instant::now();
        sandbox.pds(["run", "-e", "K=k", "--", "true"]).ok();
        begun.elapsed()
    };
    let mut times: Vec<_> = (0..count).map(|_| one()).collect();
    times.sort_unstable();
    times
}

#[test]
fn an_honest_run_is_served_beside_five_hundred_that_dribble() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let alone = times(&sandbox, 101)[50];
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let (all, stop) = (Barrier::new(2), AtomicBool::new(false));
    let ratios = thread::scope(|scope| {
        scope.spawn(|| dribble(&sandbox, 500, &all, &stop));
        all.wait();
        // A machine that does other things makes one slow round, not three.
        let mut ratios = Vec::new();
        while ratios.len() < 3 && ratios.iter().all(|ratio| *ratio > 10.0) {
            ratios.push(times(&sandbox, 200)[197].as_secs_f64() / alone.as_secs_f64());
        }
        stop.store(true, Ordering::Relaxed);
        ratios
    });
    eprintln!("p99 beside 500 dribblers / median alone: {ratios:.1?}");
    assert!(ratios.iter().any(|ratio| *ratio <= 10.0), "{ratios:?}");
}

#[test]
fn out_of_descriptors_the_daemon_serves_again_once_there_are_some() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").stop();
    let script = "ulimit -n 40; exec \"$PDS\" daemon";
    let mut daemon = sandbox.sh(script).start();
    until("the daemon answers", || sandbox.daemon_pid().is_some());
    let password = sandbox.password("default");
    let unlock = ["unlock", "--password-file", password.to_str().unwrap()];
    sandbox.pds(unlock).done().code(0).end();
    let mut took = Vec::new();
    while took.len() < 3 && took.iter().all(|took| *took >= Duration::from_secs(1)) {
        // They have shown who they are, so that they are not closed for others to come in.
        let mut peers = Vec::new();
        while let Some(peer) = Stranger::within(&sandbox, Duration::from_millis(500)) {
            peers.push(peer);
            assert!(peers.len() < 40, "the daemon has more descriptors than it was given");
        }
        let waits = sandbox.pds(["get", "k"]).start();
        let relief = Instant::now();
        drop(peers);
        Outcome::of(waits).code(0).stdout("v").end();
        took.push(relief.elapsed());
    }
    eprintln!("served after relief: {took:?}");
    assert!(took.iter().any(|took| *took < Duration::from_secs(1)), "{took:?}");
    sandbox.stop();
    daemon.wait().unwrap();
}
