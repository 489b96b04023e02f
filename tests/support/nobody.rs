//! Limits that root is exempt from.

use std::{env, fs, os::unix::fs::PermissionsExt, process::Command};

use super::{is_root, program};

/// Runs this very test as the user that everybody calls nobody, if it runs as root: true
/// then, and all is said. Root is exempt from limits, and may look into any process.
#[track_caller]
pub(crate) fn as_nobody(test: &str) -> bool {
    if !is_root() {
        return false;
    }
    // A place that anybody can reach and write to.
    let folder = tempfile::Builder::new().prefix("p").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let claims = env::current_exe().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::copy(claims, at("claims")).unwrap();
    fs::copy(program(), at("pds")).unwrap();
    fs::copy(program() + "-daemon", at("pds-daemon")).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(at("claims"));
    command.args(["--exact", test, "--nocapture"]).env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("TMPDIR", folder.path());
    command.env("PDS_TEST_BINARY", at("pds"));
    command.envs(env::vars_os().filter(|(name, _)| name == "PDS_TEST_SHIPPED"));
    let output = command.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "as nobody: {said}{errors}");
    true
}
