//! Runs that an earlier daemon watched, found again on the trail that it left.

use std::{io, os::fd::OwnedFd, sync::Arc, time::Duration};

use super::{End, Process, RUNS_MAX, Run, record};
use crate::{
    daemon::{
        Daemon,
        audit::{Boot, Granted, Unended, unended},
    },
    home::Home,
    sys::pidfd,
};

/// The runs without an end on the trail as other daemons have left it. A trail that can't be
/// read has none: that is no reason not to start.
pub(in crate::daemon) fn left_by_others(home: &Home) -> Vec<Unended> {
    // Those that were watched; and one, had that daemon been killed before it could say that
    // this was one too many.
    unended(&home.audit(), RUNS_MAX + 1).unwrap_or_else(|error| {
        tracing::warn!(%error, "can't read which runs an earlier daemon watched");
        Vec::new()
    })
}

/// Finds the processes of runs that go on, to be [taken up](super::take_up), and puts the
/// ends of the others on record.
pub(in crate::daemon) fn find_again(daemon: &Daemon, left: Vec<Unended>) -> Vec<(Run, Process)> {
    let (now, mut going_on) = (daemon.trail.processes().boot, Vec::new());
    for unended in left {
        let found = find(&unended, &now, pidfd::open);
        let run = Run::from(unended.granted);
        match found {
            Ok(process) => going_on.push((run, Arc::new(process))),
            Err(end) => record(daemon, &run, end),
        }
    }
    going_on
}

/// The process of a run, or how that ended. Its number may have come to mean another process,
/// or nothing at all; what tells is the number that is unique while the machine is up.
fn find(
    run: &Unended,
    now: &Boot,
    open: impl FnOnce(i32) -> io::Result<OwnedFd>,
) -> Result<OwnedFd, End> {
    let Unended { granted, boot: then } = run;
    if then.id.as_ref().zip(now.id.as_ref()).is_some_and(|(then, now)| then != now) {
        return Err(End::Unseen);
    }
    let can_be_known = then.id.is_some() && then == now && then.pid_namespace.is_some();
    let Some(unique) = granted.process.filter(|_| can_be_known && granted.pid > 0) else {
        return Err(End::Unknown);
    };
    let process = open(granted.pid).map_err(|error| match error.raw_os_error() {
        // The number is nobody's, or that of a thread of some other process.
        Some(libc::ESRCH | libc::EINVAL | libc::ENOENT) => End::Unseen,
        _ => End::Unknown,
    })?;
    match pidfd::unique_number(&process) {
        None => Err(End::Unknown),
        // One that has ended is there until it is waited for. When it did is not known.
        Some(found) if found != unique || pidfd::has_ended(&process) => Err(End::Unseen),
        Some(_) => Ok(process),
    }
}

impl From<Granted> for Run {
    fn from(granted: Granted) -> Self {
        let Granted { time, requester, pid, project, command, profiles, keys, .. } = granted;
        let begun = Duration::from_millis(granted.uptime_ms);
        let process = granted.process;
        Self { requester, pid, project, command, profiles, keys, since: time, begun, process }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that lasts until its standard input ends.
    struct Lasting(Child);

    impl Lasting {
        fn new() -> Self {
            Self(Command::new("cat").stdin(Stdio::piped()).spawn().unwrap())
        }

        fn pid(&self) -> i32 {
            i32::try_from(self.0.id()).unwrap()
        }

        fn unique(&self) -> Option<u64> {
            pidfd::unique_number(pidfd::open(self.pid()).unwrap())
        }

        /// Without its exit status being taken.
        fn end(&mut self) {
            use nix::sys::wait::{Id, WaitPidFlag, waitid};
            drop(self.0.stdin.take());
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            waitid(Id::Pid(nix::unistd::Pid::from_raw(self.pid())), flags).unwrap();
        }
    }

    impl Drop for Lasting {
        fn drop(&mut self) {
            drop(self.0.stdin.take());
            let _ = self.0.wait();
        }
    }

    fn boot() -> Boot {
        Boot { id: Some("this one".to_owned()), pid_namespace: Some(1) }
    }

    fn run(pid: i32, process: Option<u64>) -> Unended {
        let granted = Granted {
            time: "2026-01-31T12:00:00Z".to_owned(),
            requester: "launcher".to_owned(),
            pid,
            project: None,
            command: None,
            profiles: Vec::new(),
            keys: Vec::new(),
            process,
            uptime_ms: 1,
        };
        Unended { granted, boot: boot() }
    }

    fn end_of(run: &Unended, now: &Boot) -> Option<End> {
        find(run, now, pidfd::open).err()
    }

    #[test]
    fn a_number_that_is_another_process_or_none_by_now_is_not_taken_for_the_run() {
        let (mut cat, other) = (Lasting::new(), Lasting::new());
        let Some(unique) = cat.unique() else {
            #[allow(clippy::print_stderr, reason = "a test that is skipped should say so")]
            let () = eprintln!("skipped: before Linux 6.9 no process has a number of its own");
            return assert_eq!(end_of(&run(cat.pid(), None), &boot()), Some(End::Unknown));
        };
        assert_eq!(end_of(&run(cat.pid(), Some(unique)), &boot()), None);
        assert_eq!(end_of(&run(other.pid(), Some(unique)), &boot()), Some(End::Unseen));
        cat.end();
        let zombie = end_of(&run(cat.pid(), Some(unique)), &boot());
        assert_eq!(zombie, Some(End::Unseen), "it has ended, if nobody has waited for it");
        cat.0.wait().unwrap();
        assert_eq!(end_of(&run(cat.pid(), Some(unique)), &boot()), Some(End::Unseen));
    }

    #[test]
    fn no_more_is_said_of_a_run_than_can_be_known() {
        let cat = Lasting::new();
        let unique = cat.unique().or(Some(1));
        let here = run(cat.pid(), unique);
        let other = |change: fn(&mut Boot)| {
            let mut boot = boot();
            change(&mut boot);
            boot
        };
        // What ran before the machine started anew is over, whatever has its number now.
        let later = other(|boot| boot.id = Some("a later one".to_owned()));
        assert_eq!(end_of(&here, &later), Some(End::Unseen));
        for unknown in [
            other(|boot| boot.id = None),
            other(|boot| boot.pid_namespace = None),
            other(|boot| boot.pid_namespace = Some(2)),
        ] {
            assert_eq!(end_of(&here, &unknown), Some(End::Unknown), "{unknown:?}");
            let then = Unended { boot: unknown, ..here.clone() };
            assert_eq!(end_of(&then, &boot()), Some(End::Unknown), "{then:?}");
        }
        let nowhere = Unended { boot: Boot::default(), ..here.clone() };
        assert_eq!(end_of(&nowhere, &Boot::default()), Some(End::Unknown));
        assert_eq!(end_of(&run(cat.pid(), None), &boot()), Some(End::Unknown));
        assert_eq!(end_of(&run(0, unique), &boot()), Some(End::Unknown));
        assert_eq!(end_of(&run(-1, unique), &boot()), Some(End::Unknown));
        for (refused, end) in [(libc::EMFILE, End::Unknown), (libc::ESRCH, End::Unseen)] {
            let refuse = |_| Err(io::Error::from_raw_os_error(refused));
            assert_eq!(find(&here, &boot(), refuse).err(), Some(end));
        }
    }
}
