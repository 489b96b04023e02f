//! How often: what a build may do at once, and what one client's flood costs another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use pds::wire::{
    identity::KeyPair,
    message::{KeyInProfile, Request},
};

use crate::{
    clients::{add, key_pair, socket},
    support::{Sandbox, Stranger, until},
};

/// A hundred targets, each of which runs a command with a secret.
const MAKEFILE: &str = "TARGETS = $(shell seq 100)\nall: $(TARGETS)\n.PHONY: all $(TARGETS)\n\
                        $(TARGETS):\n\t@\"$(PDS)\" run -e A=a -- sh -c 'echo $@ $$A'\n";

/// The lines that such a build prints, of which each must be there.
fn build(sandbox: &Sandbox) -> Option<Vec<String>> {
    std::fs::write(sandbox.path("w/Makefile"), MAKEFILE).unwrap();
    if sandbox.command("make").arg("--version").output().is_err() {
        eprintln!("skipped: needs make");
        return None;
    }
    let text = sandbox.program("make", ["-j16", "all"]).text();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    Some(lines)
}

#[test]
fn sixteen_jobs_of_make_over_a_hundred_runs_all_succeed_even_where_they_have_to_wait() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "one");
    let mut expected: Vec<_> = (1..=100).map(|n| format!("{n} one")).collect();
    expected.sort();
    let Some(built) = build(&sandbox) else { return };
    assert_eq!(built, expected);
    // A limit that the build runs into: each waits for its turn.
    sandbox.config("[rate.launcher]\nburst = 8\nper_second = 40\n");
    assert_eq!(build(&sandbox).unwrap(), expected);
    let limited = |line: &serde_json::Value| line["reasons"][0] == "rate-limited";
    assert!(sandbox.audit().iter().any(limited), "the limit was never reached");
}

/// What floods: as many threads as a client may have connections, each of which does one
/// of three things as fast as it is let.
struct Flood {
    on: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Flood {
    fn new(sandbox: &Arc<Sandbox>, name: &'static str) -> Self {
        let (on, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let asked = Arc::new(AtomicU64::new(0));
        let one = |n: usize| {
            let (sandbox, on, over) = (Arc::clone(sandbox), Arc::clone(&on), Arc::clone(&over));
            let asked = Arc::clone(&asked);
            thread::spawn(move || flood(&sandbox, name, n, &on, &over, &asked))
        };
        let threads = (0..30).map(one).collect();
        Self { on, over, asked, threads }
    }

    fn begin(&self) {
        let before = self.asked.load(Ordering::Relaxed);
        self.on.store(true, Ordering::Relaxed);
        until("the flood rises", || self.asked.load(Ordering::Relaxed) > before + 20);
    }

    fn pause(&self) {
        self.on.store(false, Ordering::Relaxed);
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

fn flood(
    sandbox: &Sandbox,
    name: &str,
    n: usize,
    on: &AtomicBool,
    over: &AtomicBool,
    asked: &AtomicU64,
) {
    let (key, at) = (key_pair(sandbox, name), socket(sandbox, name));
    let granted = Request::Get(KeyInProfile { profile: "default", key: "a" });
    let denied = Request::Get(KeyInProfile { profile: "nowhere", key: "a" });
    let mut open = None;
    while !over.load(Ordering::Relaxed) {
        if !on.load(Ordering::Relaxed) {
            open = None;
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        // Of too many handshakes at once, the daemon drops the oldest.
        let fresh = || Stranger::attempt(sandbox, &key, &at).ok();
        let Some(mut peer) = open.take().or_else(fresh) else { continue };
        // Beyond its rate; denied by an earlier gate; and nothing but handshakes.
        match n % 3 {
            0 => drop(peer.ask(&granted)),
            1 => drop(peer.ask(&denied)),
            _ => {}
        }
        asked.fetch_add(1, Ordering::Relaxed);
        open = (n % 3 != 2).then_some(peer);
    }
}

/// How long an honest request takes, its handshake included.
fn honest(sandbox: &Sandbox, key: &KeyPair) -> Duration {
    let begun = Instant::now();
    let get = Request::Get(KeyInProfile { profile: "default", key: "a" });
    let answer = Stranger::at(sandbox, key, &socket(sandbox, "honest")).ask(&get);
    assert!(answer.starts_with("Values"), "{answer}");
    begun.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn one_clients_flood_leaves_anothers_median_within_twice_its_unloaded_one() {
    let sandbox = Arc::new(Sandbox::ready());
    sandbox.set("a", "1");
    sandbox.config("[rate.honest]\nburst = 100000\nper_second = 100000\n");
    for name in ["honest", "flood"] {
        add(&sandbox, name, &["--grant", "default:a:get"]);
    }
    let key = key_pair(&sandbox, "honest");
    let flood = Flood::new(&sandbox, "flood");
    // In turn, and three times: what else this machine does hits both alike.
    let mut ratios = [0.0; 3];
    for ratio in &mut ratios {
        let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
        for _ in 0..8 {
            quiet.extend((0..10).map(|_| honest(&sandbox, &key)));
            flood.begin();
            flooded.extend((0..10).map(|_| honest(&sandbox, &key)));
            flood.pause();
        }
        *ratio = median(&mut flooded).as_secs_f64() / median(&mut quiet).as_secs_f64();
    }
    flood.end();
    ratios.sort_by(f64::total_cmp);
    eprintln!("a flood makes an honest request take {ratios:.2?} times as long");
    assert!(ratios[1] <= 2.0, "{ratios:.2?}");
}

#[test]
fn wrong_passwords_are_not_forgotten_by_reconnecting_locking_or_restarting() {
    let sandbox = Sandbox::ready();
    sandbox.pds(["lock"]).ok();
    let wrong = sandbox.path("wrong");
    std::fs::write(&wrong, "wrong").unwrap();
    let unlock = |file: &std::path::Path| {
        let begun = Instant::now();
        let call = sandbox.pds(["unlock", "--password-file", file.to_str().unwrap()]);
        (call.done().status(), begun.elapsed())
    };
    // Each is a connection of its own; the first waits for nothing, each after it 0.1 s more.
    for tried in 0..5 {
        let (status, took) = unlock(&wrong);
        assert_eq!(status, 1);
        assert!(took >= Duration::from_millis(100 * tried), "try {tried} took {took:?}");
        match tried {
            1 => drop(sandbox.pds(["lock"]).ok()),
            2 | 3 => drop(sandbox.stop()),
            _ => {}
        }
    }
    // The right one waits as well, and with it the count ends.
    let (status, took) = unlock(&sandbox.password("default"));
    assert_eq!(status, 0);
    assert!(took >= Duration::from_millis(500), "it took {took:?}");
    assert!(!sandbox.home("state/tries/default").exists());
}
