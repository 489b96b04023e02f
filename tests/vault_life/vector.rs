//! Vaults of each released format open for ever.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use pds::store::{Note, Put};

use super::support::{CHEAP, Sandbox, bytes, close, copy_tree};

const VALUES: &[(&str, &[u8])] =
    &[("api/token", b"\x00\xff bytes, not text"), ("db/password", b"second"), ("empty", b"")];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/format-1")
}

#[test]
fn the_vault_of_format_1_opens_with_its_password_and_has_what_it_had() {
    let password = fs::read(folder().join("password.txt")).unwrap();
    let password = password.strip_suffix(b"\n").unwrap();
    let sandbox = Sandbox::new();
    copy_tree(&folder().join("work"), &sandbox.vault().folder());
    for folder in [sandbox.home.vaults(), sandbox.vault().folder()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    for file in ["header", "vault.db"] {
        let path = sandbox.vault().folder().join(file);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let unlocked = sandbox.vault().unlock(password, false).unwrap();
    assert_eq!(unlocked.note, Note::Absent);
    let store = &unlocked.store;
    store.integrity_check().unwrap();
    assert_eq!(store.keys().unwrap(), ["api/token", "db/password", "empty"]);
    for (key, value) in VALUES {
        assert!(store.read(key).unwrap().ct_eq(value), "{key}");
    }
    assert!(store.get_version("db/password", 1).unwrap().ct_eq(b"first"));
    let info = store.info("db/password").unwrap();
    assert_eq!((info.version, info.set_by.as_deref()), (2, Some("launcher")));
    assert_eq!(info.expires_at, Some(4_102_444_800_000));
    assert_eq!(store.approvals_list().unwrap()[0].path, "/srv/app/pds.toml");
    assert!(store.audit_private_key().unwrap().ct_eq(&[4; 32]));
    assert_eq!(unlocked.header.audit_public_key(), Some([3; 32]));
    close(unlocked);
}

/// How the vector was made: `PDS_TEST_MAKE_VECTOR=1`, once per format and never again.
#[test]
fn a_vector_is_made_only_where_there_is_none() {
    if std::env::var_os("PDS_TEST_MAKE_VECTOR").is_none() {
        assert!(folder().join("work/vault.db").exists());
        return;
    }
    assert!(!folder().exists(), "a vector that was released is never made again");
    let password = "the password of the vector";
    let sandbox = Sandbox::new();
    let keys = pds::store::AuditKeys { public: [3; 32], private: bytes(&[4; 32]) };
    let unlocked = sandbox.vault().create(password.as_bytes(), &CHEAP, Some(&keys)).unwrap();
    unlocked.store.put(&Put::new("db/password", &bytes(b"first"))).unwrap();
    for (key, value) in VALUES {
        let value = bytes(value);
        let expires_at = (*key == "db/password").then_some(4_102_444_800_000);
        let put = Put { set_by: Some("launcher"), expires_at, ..Put::new(key, &value) };
        unlocked.store.put(&put).unwrap();
    }
    unlocked.store.approvals_put("/srv/app/pds.toml", 1000, &[7; 32]).unwrap();
    close(unlocked);
    fs::create_dir_all(folder()).unwrap();
    copy_tree(&sandbox.vault().folder(), &folder().join("work"));
    fs::remove_file(folder().join("work/vault.db-journal")).unwrap();
    fs::write(folder().join("password.txt"), format!("{password}\n")).unwrap();
}
