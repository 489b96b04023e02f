//! The protocol is what pds-daemon(8) says: a client that was written from that page
//! alone, in another language over another Noise implementation, is served.

use std::path::PathBuf;

use crate::support::Sandbox;

fn source() -> PathBuf {
    std::env::var("PDS_TEST_SOURCE").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into()).into()
}

/// The packages of tests/python/requirements.txt, where `.ci/run` and the hint below put
/// them. A run that says where they are must find them there.
fn packages() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("PDS_TEST_PYTHON_PACKAGES") {
        return Some(folder.into());
    }
    let folder = source().join("target/python-packages");
    folder.join("noise").is_dir().then_some(folder)
}

#[test]
fn a_client_written_from_the_manual_alone_is_served() {
    let Some(packages) = packages() else {
        eprintln!(
            "skipped: no Python packages; pip install --target target/python-packages \
             -r tests/python/requirements.txt"
        );
        return;
    };
    let sandbox = Sandbox::ready();
    sandbox.set("from/pds", "a value that pds set");
    let scenario = source().join("tests/python/scenario.py");
    let password = sandbox.password("default");
    let arguments = [scenario, sandbox.home("data"), password];
    let python = sandbox.program("python3", arguments).env("PYTHONPATH", packages);
    let done = python.env("PYTHONDONTWRITEBYTECODE", "1").text();
    assert_eq!(done.lines().count(), 10, "{done}");
    // What it did is there for pds, and on record under its name.
    let value = sandbox.pds(["get", "from/python"]).ok();
    assert_eq!(value, b"set by another implementation\x00\xff\n");
    let denied = |line: &serde_json::Value| line["reasons"][0] == "identity-unknown";
    assert!(sandbox.audit().iter().any(|line| denied(line) && line["requester"] == "-"));
    let batch = |line: &serde_json::Value| line["project"] == "scenario";
    assert_eq!(sandbox.audit().iter().filter(|line| batch(line)).count(), 1);
}
