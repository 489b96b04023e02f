//! Requests under way when a lock comes: what had not left by then never does.

use std::{
    io::Read,
    os::fd::AsFd,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};
use pds::wire::message::{KeyInProfile, Plaintext, Request, Unlock};

use crate::support::{Sandbox, Stranger};

const RUN_ROUNDS: usize = 3;
const RUNS: usize = 16;
/// Requests in flight when the lock comes.
const IN_FLIGHT: usize = 100;
/// The key, in the profile `default`, that is asked for.
const AT: KeyInProfile<'_> = KeyInProfile { profile: "default", key: "k" };

/// As many as `PDS_TEST_ROUNDS` says: 2,000 in `.ci/run`, of the programs that are shipped.
fn rounds() -> usize {
    std::env::var("PDS_TEST_ROUNDS").ok().and_then(|set| set.parse().ok()).unwrap_or(10)
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// The value.
    Value,
    /// A refusal, because it is locked.
    Refused,
    /// The connection's end.
    End,
}

/// Connections of which the kernel keeps in which order something came on them.
struct Flights {
    connections: Vec<Stranger>,
    order: Epoll,
}

impl Flights {
    /// The last of them is the one that locks.
    fn new(sandbox: &Sandbox) -> Self {
        let order = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let mut flights = Self { connections: Vec::new(), order };
        for number in 0..=IN_FLIGHT {
            let connection = flights.connected(sandbox, number);
            flights.connections.push(connection);
        }
        flights
    }

    fn connected(&self, sandbox: &Sandbox, number: usize) -> Stranger {
        let connection = Stranger::launcher(sandbox);
        // Once for each time that something comes, and not for as long as it is there.
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, number as u64);
        self.order.add(connection.stream(), event).unwrap();
        connection
    }

    /// Which connections something has come on, the first of them first. Meanwhile nobody
    /// asked, so that the kernel has appended each to its list when its bytes came.
    fn in_order(&self) -> Vec<usize> {
        for connection in &self.connections {
            let mut readable = [PollFd::new(connection.stream().as_fd(), PollFlags::POLLIN)];
            assert_eq!(poll(&mut readable, PollTimeout::from(60_000_u16)), Ok(1), "no answer");
        }
        let mut events = [EpollEvent::empty(); IN_FLIGHT + 1];
        let came = self.order.wait(&mut events, EpollTimeout::ZERO).unwrap();
        assert_eq!(came, IN_FLIGHT + 1);
        events.iter().map(|event| usize::try_from(event.data()).unwrap()).collect()
    }

    /// Sends all requests, and a lock among them, behind the first `before`.
    fn ask_and_lock(&mut self, before: usize) {
        let (lock, flights) = self.connections.split_last_mut().unwrap();
        flights[..before].iter_mut().for_each(|flight| flight.begin(&Request::Get(AT)));
        lock.begin(&Request::Lock(None));
        flights[before..].iter_mut().for_each(|flight| flight.begin(&Request::Get(AT)));
    }

    /// Reads what came on one connection, and makes another of one that has ended.
    fn read(&mut self, sandbox: &Sandbox, number: usize) -> Came {
        match self.connections[number].response() {
            None => {
                self.connections[number] = self.connected(sandbox, number);
                Came::End
            }
            Some(answer) if answer.starts_with("Values(") => Came::Value,
            Some(answer) => {
                let locked = ["reason: Locked", "reason: ProfileInactive"];
                assert!(locked.iter().any(|reason| answer.contains(reason)), "{answer}");
                Came::Refused
            }
        }
    }
}

#[test]
fn of_a_hundred_requests_in_flight_none_is_answered_with_a_value_once_a_lock_is_acknowledged() {
    if cfg!(feature = "ipc-field-encryption") {
        eprintln!("skipped: that build refuses a value that is not asked for under seal");
        return;
    }
    let sandbox = Sandbox::ready();
    // Whoever is told to wait has no answer about the lock.
    sandbox.config("[rate.launcher]\nburst = 1000000\nper_second = 1000000\n").set("k", "v");
    let unlock = || {
        let password = Plaintext(b"password of default");
        Request::Unlock(Unlock { profile: "default", password, accept_older: false })
    };
    let mut flights = Flights::new(&sandbox);
    let (mut delivered, mut held_back, mut cut_off) = (0, 0, 0);
    for round in 0..rounds() {
        if round % 2 == 0 {
            // From the cache; else from the vault, which takes longer.
            assert!(flights.connections[0].ask(&Request::Get(AT)).starts_with("Values("));
            flights.order.wait(&mut [EpollEvent::empty(); 2], EpollTimeout::ZERO).unwrap();
        }
        flights.ask_and_lock(round * 37 % (IN_FLIGHT + 1));
        let order = flights.in_order();
        let acknowledged = order.iter().position(|number| *number == IN_FLIGHT).unwrap();
        assert_eq!(flights.connections[IN_FLIGHT].response().as_deref(), Some("Done"));
        for (place, number) in order.into_iter().enumerate() {
            if number == IN_FLIGHT {
                continue;
            }
            let came = flights.read(&sandbox, number);
            assert!(
                came != Came::Value || place < acknowledged,
                "round {round}: a value came as number {place}, the lock's answer as {acknowledged}"
            );
            match came {
                Came::Value => delivered += 1,
                Came::Refused => held_back += 1,
                Came::End => cut_off += 1,
            }
        }
        let refused = flights.connections[0].ask(&Request::Get(AT));
        assert!(refused.contains("Locked"), "round {round}: {refused}");
        let (lock, _) = flights.connections.split_last_mut().unwrap();
        assert!(!lock.ask(&unlock()).contains("Refused"), "round {round}");
        let mut events = [EpollEvent::empty(); IN_FLIGHT + 1];
        while flights.order.wait(&mut events, EpollTimeout::ZERO).unwrap() > 0 {}
    }
    eprintln!("{delivered} delivered, {held_back} refused, {cut_off} cut off on their way");
    assert!(delivered > rounds() && held_back > rounds(), "the lock came too early, or too late");
}

#[test]
fn an_answer_that_has_half_left_when_the_lock_comes_is_never_completed() {
    if cfg!(feature = "ipc-field-encryption") {
        eprintln!("skipped: that build refuses a value that is not asked for under seal");
        return;
    }
    let sandbox = Sandbox::ready();
    let len = pds::secret::VALUE_MAX_BYTES;
    sandbox.set("k", "v".repeat(len));
    let mut client = Stranger::launcher(&sandbox);
    client.begin(&Request::Get(AT));
    let mut stream = client.into_stream();
    // It has begun, and the rest waits for a reader.
    let mut begun = [0; 4_096];
    stream.read_exact(&mut begun).unwrap();
    sandbox.pds(["lock"]).ok();
    let mut rest = Vec::new();
    // Cut off, with or without what it had not read.
    let _ = stream.read_to_end(&mut rest);
    assert!(begun.len() + rest.len() < len, "all of it has come");
}

#[test]
fn after_lock_has_returned_no_run_in_flight_gets_a_value() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n");
    let password = sandbox.password("default");
    for round in 0..RUN_ROUNDS {
        let (begun, locked) = (Barrier::new(RUNS + 1), AtomicBool::new(false));
        thread::scope(|scope| {
            let runs: Vec<_> = (0..RUNS)
                .map(|_| {
                    scope.spawn(|| {
                        begun.wait();
                        let mut late = Vec::new();
                        // Until one was asked for after the lock: that one must fail.
                        loop {
                            let after = locked.load(Ordering::SeqCst);
                            let run = ["run", "--no-prompt", "--", "printenv", "K"];
                            let outcome = sandbox.pds(run).done();
                            assert!([0, 125].contains(&outcome.status()), "{outcome:?}");
                            if after {
                                late.push(outcome.status());
                                return late;
                            }
                        }
                    })
                })
                .collect();
            begun.wait();
            thread::yield_now();
            sandbox.pds(["lock"]).ok();
            // What the trail grants now was granted before.
            let granted = runs_granted(&sandbox);
            locked.store(true, Ordering::SeqCst);
            for run in runs {
                assert_eq!(run.join().unwrap(), [125], "round {round}");
            }
            assert_eq!(runs_granted(&sandbox), granted, "round {round}");
        });
        sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    }
}

fn runs_granted(sandbox: &Sandbox) -> usize {
    let is = |line: &serde_json::Value| line["operation"] == "run" && line["outcome"] == "granted";
    sandbox.audit().iter().filter(|line| is(line)).count()
}
