//! What the daemon gives up before its first thread: files outside its folders,
//! programs, other processes, and the network.
//!
//! None of it keeps a correct daemon from anything. It is for the day when a
//! parser turns out not to be: what a peer could make it do is then little.

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

/// Ends the process at once when it starts a program, looks into another
/// process, or opens a socket that is not a Unix one. An error could be
/// ignored by whoever has taken over; the end can't.
fn restrict_calls() -> Result<(), DaemonError> {
    const NEVER: [libc::c_long; 8] = [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_bpf,
    ];
    let unconfined = |_| DaemonError::Unconfined;
    // What keeps keys of others: only with field encryption the launcher's are taken away.
    const KEYRING: &[libc::c_long] = if cfg!(feature = "ipc-field-encryption") {
        &[libc::SYS_add_key, libc::SYS_request_key]
    } else {
        &[libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl]
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        NEVER.iter().chain(KEYRING).map(|call| (*call, Vec::new())).collect();
    let family = u64::try_from(libc::AF_UNIX).unwrap_or_default();
    let foreign = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(unconfined)?;
    rules.insert(libc::SYS_socket, vec![foreign]);
    let arch = std::env::consts::ARCH.try_into().map_err(unconfined)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, arch)
        .map_err(unconfined)?;
    let program: BpfProgram = filter.try_into().map_err(unconfined)?;
    seccompiler::apply_filter(&program).map_err(|_| DaemonError::Unconfined)
}
