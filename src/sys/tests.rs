//! Attacks, each in a process of its own: on guard pages and canaries here, on the
//! daemon's confinement by whoever calls [`raw_call`].

use std::{
    env,
    os::unix::process::ExitStatusExt,
    process::{Command, Output},
};

use super::arena;

const ATTACK: &str = "PDS_TEST_ATTACK";

/// Runs one test of this binary again, in a process of its own, with a word to it.
pub(crate) fn in_a_process_of_its_own(test: &str, variable: &str, word: &str) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(variable, word).output().unwrap()
}

/// A system call without arguments. What it answers is nobody's business here.
pub(crate) fn raw_call(number: libc::c_long) {
    // SAFETY: the calls that this is for take no pointer that zero could be mistaken
    // for, and fail where they are allowed at all.
    unsafe { libc::syscall(number, 0, 0, 0, 0, 0, 0) };
}

#[test]
fn victim_of_an_attack() {
    let Ok(attack) = env::var(ATTACK) else { return };
    super::process::harden();
    let mut words = attack.split(' ');
    let (len, direction) = (words.next().unwrap().parse().unwrap(), words.next().unwrap());
    let count: usize = words.next().unwrap().parse().unwrap();
    let mut slot = arena::allocate(len).unwrap();
    let value = slot.as_mut_slice().as_mut_ptr();
    for n in 0..count {
        let at = if direction == "over" {
            value.wrapping_add(len + n)
        } else {
            value.wrapping_sub(n + 1)
        };
        // Another byte than the one that is there: a canary is random, and one of 256 would
        // have been written over with itself.
        // SAFETY: there is none. This is what must end the process, which is there for that.
        unsafe { at.write_volatile(!at.read_volatile()) };
    }
    drop(slot);
}

#[test]
fn whoever_writes_beyond_a_value_dies_of_it_before_the_value_is_given_back() {
    // In an extent; in a region of its own; and so that the region is full.
    for len in [32, 65_537, 131_072 - 8] {
        for direction in ["over", "under"] {
            for count in [0, 1, 8, 16, 100, 4_095, 4_096] {
                let attack = format!("{len} {direction} {count}");
                let name = "sys::tests::victim_of_an_attack";
                let output = in_a_process_of_its_own(name, ATTACK, &attack);
                if count == 0 {
                    assert!(output.status.success(), "without an attack: {output:?}");
                    continue;
                }
                let said = String::from_utf8_lossy(&output.stderr);
                match output.status.signal() {
                    Some(libc::SIGSEGV) => {}
                    Some(libc::SIGABRT) => {
                        assert_eq!(said, "pds: secret memory was overrun\n", "{attack}");
                    }
                    _ => panic!("{attack} was survived: {output:?}"),
                }
                assert!(!output.status.core_dumped(), "{attack}");
            }
        }
    }
}
