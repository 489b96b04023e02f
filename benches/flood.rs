//! What a flood of denials costs an honest run: the ratio of the medians of `pds run`
//! with a flood from the same user and without, in turn, in one daemon.
//!
//! ```text
//! cargo bench --bench flood
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use pds::{
    client::Client,
    home::Home,
    secret::SecureBuffer,
    wire::message::{KeyInProfile, Request},
};

const ROUNDS: usize = 20;
const RUNS_A_ROUND: usize = 20;
/// A flood is at its height once so many were denied.
const UNDER_WAY: u64 = 100;

fn pds(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pds"));
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("PDS_HOME", home);
    command.current_dir(home);
    command
}

/// Denied requests on one connection, as fast as they are answered, until `stop`.
fn flood(home: &Home, stop: &AtomicBool, denied: &AtomicU64) {
    let mut client = Client::connect(home).unwrap();
    let mut buffer = SecureBuffer::new().unwrap();
    while !stop.load(Ordering::Relaxed) {
        // No profile of this name is active: gate 2.
        let request = Request::Get(KeyInProfile { profile: "nobody", key: "a" });
        client.exchange(&request, &mut buffer).unwrap();
        denied.fetch_add(1, Ordering::Relaxed);
    }
}

fn run(home: &Path) -> Duration {
    let mut command = pds(home, &["run", "-e", "A=a", "--", "/usr/bin/true"]);
    let begun = Instant::now();
    assert!(command.status().unwrap().success());
    begun.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    fs::write(home.join("password"), "correct horse").unwrap();
    let password = home.join("password");
    let password = password.to_str().unwrap();
    assert!(pds(home, &["init", "--password-file", password]).status().unwrap().success());
    fs::write(home.join("value"), "v").unwrap();
    let value = home.join("value");
    let set = ["set", "a", "--from-file", value.to_str().unwrap()];
    assert!(pds(home, &set).status().unwrap().success());
    let places = Home {
        config: home.join("config"),
        data: home.join("data"),
        state: home.join("state"),
        runtime: home.join("run"),
        client_key: None,
    };
    let (mut quiet, mut flooded, mut denials) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        quiet.extend((0..RUNS_A_ROUND).map(|_| run(home)));
        let (stop, denied) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let flooder = {
            let (places, stop, denied) = (places.clone(), Arc::clone(&stop), Arc::clone(&denied));
            thread::spawn(move || flood(&places, &stop, &denied))
        };
        while denied.load(Ordering::Relaxed) < UNDER_WAY {
            thread::yield_now();
        }
        flooded.extend((0..RUNS_A_ROUND).map(|_| run(home)));
        stop.store(true, Ordering::Relaxed);
        flooder.join().unwrap();
        denials += denied.load(Ordering::Relaxed);
    }
    let _ = pds(home, &["stop"]).status();
    let ratio = median(&mut flooded).as_secs_f64() / median(&mut quiet).as_secs_f64();
    println!("a run in a flood: {ratio:.2} times a quiet one ({denials} denials)");
}
