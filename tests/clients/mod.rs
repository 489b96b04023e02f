//! Enrolled clients: each has its own key, its own socket, and exactly what was granted.

/// Other users, and processes in namespaces of their own.
mod elsewhere;
/// How a client comes to be, and what is left when it was revoked.
mod enrolment;
/// What a client may do, by every command that it has a use for.
mod rights;

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use pds::wire::identity::KeyPair;

use crate::support::Sandbox;

/// Enrols `name` and returns where its key is.
#[track_caller]
pub(crate) fn add(sandbox: &Sandbox, name: &str, options: &[&str]) -> PathBuf {
    let key = sandbox.path(&format!("{name}.key"));
    let file = ["client", "add", name, "--key-file", key.to_str().unwrap()];
    sandbox.pds(file.iter().chain(options)).ok();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    key
}

pub(crate) fn socket(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.home(&format!("run/clients/{name}.sock"))
}

pub(crate) fn key_pair(sandbox: &Sandbox, name: &str) -> KeyPair {
    let bytes = fs::read(sandbox.path(&format!("{name}.key"))).unwrap();
    KeyPair::from_file_bytes(&bytes[..128]).unwrap().unwrap()
}

/// With two keys, of which `ci` was granted to get one.
fn granted() -> (Sandbox, String) {
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "one").set("web/a", "two");
    let key = add(&sandbox, "ci", &["--grant", "default:db/*:get"]);
    (sandbox, key.to_str().unwrap().to_owned())
}
