//! What the daemon gives up before its first thread: files outside its folders,
//! programs, other processes, and the network.
//!
//! A correct daemon needs none of it. It is for the day when a parser turns out to have a
//! hole: whoever takes the process over by it finds no file, no program and no network.

use std::collections::BTreeMap;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::DaemonError;
use crate::{home::Home, wire::message::LandlockState};

/// The newest set of Landlock's rights that is used here; a kernel that knows
/// fewer enforces those that it knows.
const LANDLOCK_ABI: ABI = ABI::V6;

/// Confines this process and all that it will ever start, for good. Says how much of the
/// rules on files the kernel enforces.
///
/// # Errors
/// [`DaemonError::Unconfined`] if the filter of system calls can't be set. A
/// kernel without Landlock is no error; the log says so.
pub(super) fn confine(home: &Home) -> Result<LandlockState, DaemonError> {
    let landlock = match restrict_files(home) {
        Ok(RulesetStatus::FullyEnforced) => LandlockState::Full,
        Ok(status) => {
            tracing::warn!(?status, "Landlock is not fully enforced");
            match status {
                RulesetStatus::NotEnforced => LandlockState::None,
                _ => LandlockState::Partial,
            }
        }
        Err(error) => {
            tracing::warn!(%error, "Landlock is not enforced");
            LandlockState::None
        }
    };
    restrict_calls().map(|()| landlock)
}

/// Reading and writing below the daemon's own folders, reading the config, and
/// what the C library and tokio open by themselves.
fn restrict_files(home: &Home) -> Result<RulesetStatus, landlock::RulesetError> {
    let all = AccessFs::from_all(LANDLOCK_ABI);
    let read = AccessFs::from_read(LANDLOCK_ABI);
    let own = [&home.data, &home.state, &home.runtime];
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(own, all))?
        .add_rules(path_beneath_rules([&home.config], read))?;
    // Read for the size of the machine's memory; standard descriptors go there.
    if let Ok(meminfo) = PathFd::new("/proc/meminfo") {
        ruleset = ruleset.add_rule(PathBeneath::new(meminfo, AccessFs::ReadFile))?;
    }
    if let Ok(null) = PathFd::new("/dev/null") {
        let both = AccessFs::ReadFile | AccessFs::WriteFile;
        ruleset = ruleset.add_rule(PathBeneath::new(null, both))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Starting programs, looking into other processes, code for the kernel, and
/// `io_uring`, whose ring would do what it is asked past this filter.
const NEVER: [libc::c_long; 14] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_perf_event_open,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
];
/// What keeps keys of others: only with field encryption the launcher's are taken away.
const KEYRING: &[libc::c_long] = if cfg!(feature = "ipc-field-encryption") {
    &[libc::SYS_add_key, libc::SYS_request_key]
} else {
    &[libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl]
};
/// The same under the numbers of the x32 ABI, which a kernel may serve beside its own:
/// this bit, and a few that have others there (arch/x86/entry/syscalls/syscall_64.tbl).
#[cfg(target_arch = "x86_64")]
const X32_BIT: libc::c_long = 0x4000_0000;
#[cfg(target_arch = "x86_64")]
const NEVER_X32: [libc::c_long; 5] = [520, 521, 539, 540, 545];

/// Every number by which a call of [`NEVER`] and [`KEYRING`] can be made.
fn never() -> impl Iterator<Item = libc::c_long> {
    let calls = || NEVER.into_iter().chain(KEYRING.iter().copied());
    #[cfg(target_arch = "x86_64")]
    let others = calls().chain(NEVER_X32).map(|call| call | X32_BIT);
    #[cfg(not(target_arch = "x86_64"))]
    let others = std::iter::empty();
    calls().chain(others)
}

/// Ends the process at once when it makes a call of [`never()`], or opens a socket that
/// is not a Unix one. An error could be ignored by whoever has taken over; the end can't.
fn restrict_calls() -> Result<(), DaemonError> {
    let unconfined = |_| DaemonError::Unconfined;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        never().map(|call| (call, Vec::new())).collect();
    let family = u64::try_from(libc::AF_UNIX).unwrap_or_default();
    let foreign = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(unconfined)?;
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_socket | X32_BIT, Vec::new());
    rules.insert(libc::SYS_socket, vec![foreign]);
    let arch = std::env::consts::ARCH.try_into().map_err(unconfined)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, arch)
        .map_err(unconfined)?;
    let program: BpfProgram = filter.try_into().map_err(unconfined)?;
    seccompiler::apply_filter(&program).map_err(|_| DaemonError::Unconfined)
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "it says how far it came")]
#[cfg(test)]
mod tests {
    use std::{
        env, fs, io,
        net::UdpSocket,
        os::unix::{net::UnixDatagram, process::CommandExt, process::ExitStatusExt},
        path::Path,
        process::Command,
    };

    use super::*;
    use crate::sys::{
        pidfd,
        tests::{in_a_process_of_its_own, raw_call},
    };

    const DEED: &str = "PDS_TEST_DEED";

    fn home_in(root: &Path) -> Home {
        let at = |name| root.join(name);
        Home { config: at("c"), data: at("d"), state: at("s"), runtime: at("r"), client_key: None }
    }

    /// What `deed` came to, in a confined process: the signal that ended it, if one did.
    fn outcome(deed: &str) -> Option<i32> {
        let output = in_a_process_of_its_own("daemon::confine::tests::confined", DEED, deed);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("confined\n"), "{deed}: {output:?}");
        let signal = output.status.signal();
        assert!(signal.is_some() || output.status.success(), "{deed}: {output:?}");
        signal
    }

    #[test]
    fn confined() {
        let Ok(deed) = env::var(DEED) else { return };
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let home = home_in(root.path());
        for folder in [&home.config, &home.data, &home.state, &home.runtime] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(home.config_file(), "history = 3").unwrap();
        confine(&home).unwrap();
        println!("confined");
        let denied = |outcome: io::Result<()>| {
            assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        };
        match deed.as_str() {
            "its work" => {
                for own in [&home.data, &home.state, &home.runtime] {
                    fs::write(own.join("file"), "").unwrap();
                    fs::remove_file(own.join("file")).unwrap();
                }
                assert_eq!(fs::read(home.config_file()).unwrap(), b"history = 3");
                UnixDatagram::unbound().unwrap();
                std::thread::spawn(|| ()).join().unwrap();
                // A run is found again by its process, whichever that is.
                let process = pidfd::open(nix::unistd::getppid().as_raw()).unwrap();
                let again = pidfd::open(nix::unistd::getppid().as_raw()).unwrap();
                assert_eq!(pidfd::unique_number(&process), pidfd::unique_number(again));
                assert!(!pidfd::has_ended(process));
            }
            "what is outside" => {
                denied(fs::read("/etc/passwd").map(drop));
                denied(fs::read_dir("/").map(drop));
                denied(fs::read("/proc/self/environ").map(drop));
                denied(fs::write(outside.path().join("file"), ""));
                denied(fs::write(home.config_file(), ""));
                denied(fs::rename(&home.data, outside.path().join("moved")));
                let parent = nix::unistd::getppid();
                assert_eq!(nix::sys::signal::kill(parent, None), Err(nix::Error::EPERM));
            }
            "a program" => drop(Command::new("/bin/true").exec()),
            "an internet socket" => drop(UdpSocket::bind("127.0.0.1:0")),
            "another internet socket" => drop(UdpSocket::bind("[::1]:0")),
            number => raw_call(number.parse().unwrap()),
        }
    }

    #[test]
    fn a_confined_process_does_its_work_and_reaches_nothing_else() {
        assert_eq!(outcome("its work"), None);
        let has_landlock = fs::read_to_string("/sys/kernel/security/lsm");
        if has_landlock.is_ok_and(|modules| !modules.contains("landlock")) {
            eprintln!("skipped in part: this kernel has no Landlock");
        } else {
            assert_eq!(outcome("what is outside"), None);
        }
    }

    #[test]
    fn programs_other_processes_and_the_network_end_a_confined_process() {
        let deeds = ["a program", "an internet socket", "another internet socket"];
        let calls = never().map(|call| call.to_string());
        for deed in deeds.iter().map(|deed| (*deed).to_owned()).chain(calls) {
            assert_eq!(outcome(&deed), Some(libc::SIGSYS), "{deed}");
        }
    }
}
