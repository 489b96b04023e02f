#![allow(clippy::unwrap_used)]
use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

use tempfile::TempDir;

use super::*;
use crate::{crypto::KdfParams, store::Put};

const CHEAP: KdfParams = KdfParams { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
const PASSWORD: &[u8] = b"correct horse";

fn bytes(value: &[u8]) -> SecureBytes {
    SecureBytes::copy_from(value).unwrap()
}

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }
    fn vaults(&self) -> PathBuf {
        self.0.path().join("data/vaults")
    }
    fn generations(&self) -> PathBuf {
        self.0.path().join("state/generations")
    }
    fn vault(&self, profile: &str) -> Vault {
        let profile = TrustProfileName::new(profile).unwrap();
        Vault::new(&self.vaults(), &self.generations(), &profile)
    }
    fn with_vault() -> (Self, Vault) {
        let home = Self::new();
        let vault = home.vault("work");
        let unlocked = vault.create(PASSWORD, &CHEAP, None).unwrap();
        set(&unlocked, "key", b"value");
        close(unlocked);
        (home, vault)
    }
}

fn set(unlocked: &Unlocked, key: &str, value: &[u8]) {
    unlocked.store.put(&Put::new(key, &bytes(value))).unwrap();
}

fn close(unlocked: Unlocked) {
    unlocked.store.pragma_rekey_clear().unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_vault_opens_with_its_password_and_no_other() {
    let (_home, vault) = Home::with_vault();
    assert_eq!(vault.unlock(b"Correct horse", false).unwrap_err(), VaultError::WrongPassword);
    assert_eq!(vault.unlock(b"", false).unwrap_err(), VaultError::WrongPassword);
    let unlocked = vault.unlock(PASSWORD, false).unwrap();
    assert_eq!(unlocked.store.read("key").unwrap().expose(), b"value");
    assert_eq!(unlocked.header.params(), CHEAP);
    assert_eq!(unlocked.note, Note::Same);
    assert!(!unlocked.integrity_checked, "it was closed cleanly");
}

#[test]
fn folders_are_0700_and_files_0600() {
    let (home, vault) = Home::with_vault();
    let mut files = 0;
    for folder in [home.vaults(), vault.folder(), home.generations()] {
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o7777, 0o700, "{folder:?}");
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                files += 1;
                assert_eq!(entry.metadata().unwrap().mode() & 0o7777, 0o600, "{:?}", entry.path());
            }
        }
    }
    assert_eq!(files, 4, "header, database, its journal, and the note");
}

// The umask belongs to the whole process, and other tests run beside: a child has its own.
#[test]
fn the_modes_are_the_same_under_any_umask() {
    for umask in ["000", "022", "077"] {
        let status = std::process::Command::new("sh")
            .args(["-c", "umask $1; exec \"$0\" -q --exact \"$2\""])
            .arg(std::env::current_exe().unwrap())
            .args([umask, "store::vault::tests::folders_are_0700_and_files_0600"])
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success(), "umask {umask}");
    }
}

#[test]
fn creating_refuses_what_is_there_and_cleans_up_what_a_killed_one_left() {
    let (home, vault) = Home::with_vault();
    let before = fs::read(vault.folder().join(HEADER)).unwrap();
    assert_eq!(vault.create(PASSWORD, &CHEAP, None).unwrap_err(), VaultError::Exists);
    assert_eq!(fs::read(vault.folder().join(HEADER)).unwrap(), before);
    let other = home.vault("other");
    let leftover = home.vaults().join(".other.new-0123");
    fs::create_dir(&leftover).unwrap();
    fs::write(leftover.join(HEADER), b"half").unwrap();
    let unrelated = home.vaults().join(".othe.new-0123");
    fs::create_dir(&unrelated).unwrap();
    close(other.create(PASSWORD, &CHEAP, None).unwrap());
    assert!(!leftover.exists());
    assert!(unrelated.exists());
    assert!(!home.vault("none").exists());
    assert_eq!(home.vault("none").unlock(PASSWORD, false).unwrap_err(), VaultError::Missing);
}

#[test]
fn a_failed_creation_leaves_nothing() {
    let home = Home::new();
    let absurd = KdfParams { memory_kib: 8, ..CHEAP };
    assert_eq!(home.vault("p").create(PASSWORD, &absurd, None).unwrap_err(), VaultError::Absurd);
    assert!(!home.vaults().exists());
}

#[test]
fn a_missing_header_or_database_is_never_replaced() {
    let (_home, vault) = Home::with_vault();
    let (header, database) = (vault.folder().join(HEADER), vault.folder().join(DATABASE));
    let aside = vault.folder().join("aside");
    fs::rename(&header, &aside).unwrap();
    assert_eq!(vault.unlock(PASSWORD, false).unwrap_err(), VaultError::HeaderMissing);
    assert_eq!(vault.create(PASSWORD, &CHEAP, None).unwrap_err(), VaultError::Exists);
    assert!(!header.exists());
    fs::rename(&aside, &header).unwrap();
    fs::rename(&database, &aside).unwrap();
    assert_eq!(vault.unlock(PASSWORD, false).unwrap_err(), VaultError::DatabaseMissing);
    assert!(!database.exists());
    fs::write(&database, b"").unwrap();
    fs::set_permissions(&database, Permissions::from_mode(0o600)).unwrap();
    let empty = vault.unlock(PASSWORD, true).unwrap_err();
    assert!(matches!(empty, VaultError::Damaged { .. }));
    assert_eq!(fs::metadata(&database).unwrap().len(), 0);
    fs::rename(&aside, &database).unwrap();
    close(vault.unlock(PASSWORD, false).unwrap());
}

#[test]
fn links_strangers_modes_and_fifos_are_refused() {
    let (home, vault) = Home::with_vault();
    for name in [HEADER, DATABASE] {
        let file = vault.folder().join(name);
        for mode in [0o644, 0o660, 0o604] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let refused = vault.unlock(PASSWORD, false).unwrap_err();
            assert_eq!(refused, VaultError::WrongMode { path: file.clone() });
        }
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let aside = home.0.path().join("aside");
        fs::rename(&file, &aside).unwrap();
        symlink(&aside, &file).unwrap();
        let refused = vault.unlock(PASSWORD, false).unwrap_err();
        assert_eq!(refused, VaultError::NotPlain { path: file.clone() });
        fs::remove_file(&file).unwrap();
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let refused = vault.unlock(PASSWORD, false).unwrap_err();
        assert_eq!(refused, VaultError::NotPlain { path: file.clone() });
        fs::remove_file(&file).unwrap();
        fs::rename(&aside, &file).unwrap();
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
            let refused = vault.unlock(PASSWORD, false).unwrap_err();
            assert_eq!(refused, VaultError::WrongOwner { path: file.clone() });
            std::os::unix::fs::chown(&file, Some(0), None).unwrap();
        }
    }
    let folder = vault.folder();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let refused = vault.unlock(PASSWORD, false).unwrap_err();
    assert_eq!(refused, VaultError::WrongMode { path: folder.clone() });
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let aside = home.0.path().join("folder");
    fs::rename(&folder, &aside).unwrap();
    symlink(&aside, &folder).unwrap();
    assert_eq!(vault.unlock(PASSWORD, false).unwrap_err(), VaultError::NotPlain { path: folder });
}

#[test]
fn a_damaged_header_is_damaged_and_a_resummed_one_is_a_wrong_password() {
    let (_home, vault) = Home::with_vault();
    let path = vault.folder().join(HEADER);
    let whole = fs::read_to_string(&path).unwrap();
    for bent in [whole[..whole.len() / 2].to_owned(), String::new(), whole.replace("t=2", "t=3")] {
        fs::write(&path, bent).unwrap();
        let refused = vault.unlock(PASSWORD, false).unwrap_err();
        assert_eq!(refused, VaultError::Damaged { what: "the header" });
    }
    fs::write(&path, vec![b'x'; HEADER_MAX_BYTES as usize + 1]).unwrap();
    assert!(matches!(vault.unlock(PASSWORD, false).unwrap_err(), VaultError::Damaged { .. }));
    // Somebody without the password makes guessing cheaper, or costlier, and mends the checksum.
    let body = whole[..whole.find("sum ").unwrap()].replace("t=2", "t=3");
    fs::write(&path, format!("{body}sum {}\n", blake3::hash(body.as_bytes()))).unwrap();
    assert_eq!(vault.unlock(PASSWORD, false).unwrap_err(), VaultError::WrongPassword);
    fs::write(&path, whole).unwrap();
    close(vault.unlock(PASSWORD, false).unwrap());
}

#[test]
fn an_older_copy_put_back_went_back_and_is_taken_on_purpose_only() {
    let (home, vault) = Home::with_vault();
    let older = home.0.path().join("older");
    copy_folder(&vault.folder(), &older);
    let unlocked = vault.unlock(PASSWORD, false).unwrap();
    set(&unlocked, "key", b"newer");
    close(unlocked);
    fs::remove_dir_all(vault.folder()).unwrap();
    copy_folder(&older, &vault.folder());
    let refused = vault.unlock(PASSWORD, false).unwrap_err();
    assert!(matches!(refused, VaultError::WentBack { found, noted } if found < noted));
    let unlocked = vault.unlock(PASSWORD, true).unwrap();
    assert_eq!(unlocked.note, Note::Accepted);
    assert_eq!(unlocked.store.read("key").unwrap().expose(), b"value");
    close(unlocked);
    let unlocked = vault.unlock(PASSWORD, false).unwrap();
    assert_eq!(unlocked.note, Note::Same, "once accepted, it is the vault");
}

#[test]
fn a_note_that_is_absent_or_behind_is_accepted_and_told_an_altered_one_is_not() {
    let (home, vault) = Home::with_vault();
    let id = vault.header().unwrap().vault_id();
    let path = home.generations().join(id.to_string());
    let lagging = fs::read(&path).unwrap();
    let unlocked = vault.unlock(PASSWORD, false).unwrap();
    set(&unlocked, "key", b"newer");
    close(unlocked);
    fs::write(&path, &lagging).unwrap();
    let unlocked = vault.unlock(PASSWORD, false).unwrap();
    assert_eq!(unlocked.note, Note::Behind);
    close(unlocked);
    assert_ne!(fs::read(&path).unwrap(), lagging, "and brought up to date");
    fs::remove_file(&path).unwrap();
    let unlocked = vault.unlock(PASSWORD, false).unwrap();
    assert_eq!(unlocked.note, Note::Absent);
    close(unlocked);
    let whole = fs::read(&path).unwrap();
    for bit in (0..whole.len() * 8).step_by(97) {
        let mut bent = whole.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bent).unwrap();
        assert_eq!(vault.unlock(PASSWORD, false).unwrap_err(), VaultError::NoteAltered, "{bit}");
    }
    let unlocked = vault.unlock(PASSWORD, true).unwrap();
    assert_eq!(unlocked.note, Note::Accepted);
}

#[test]
fn a_state_folder_that_can_not_be_written_keeps_no_write_from_being_stored() {
    let (home, vault) = Home::with_vault();
    fs::remove_dir_all(home.generations()).unwrap();
    fs::write(home.generations(), b"a file in its place").unwrap();
    let refused = vault.unlock(PASSWORD, false);
    assert!(matches!(refused.unwrap_err(), VaultError::NotPlain { .. }));
    fs::remove_file(home.generations()).unwrap();
    let unlocked = vault.unlock(PASSWORD, false).unwrap();
    fs::remove_dir_all(home.generations()).unwrap();
    fs::write(home.generations(), b"a file in its place").unwrap();
    set(&unlocked, "key", b"stored all the same");
    assert_eq!(unlocked.store.read("key").unwrap().expose(), b"stored all the same");
}

#[test]
fn another_vaults_database_is_told_apart_from_a_damaged_one() {
    let (home, vault) = Home::with_vault();
    let other = home.vault("other");
    close(other.create(PASSWORD, &CHEAP, None).unwrap());
    let database = vault.folder().join(DATABASE);
    let own = fs::read(&database).unwrap();
    fs::write(&database, fs::read(other.folder().join(DATABASE)).unwrap()).unwrap();
    assert_eq!(vault.unlock(PASSWORD, true).unwrap_err(), VaultError::OtherVault);
    let mut bent = own.clone();
    bent[3] ^= 1;
    fs::write(&database, bent).unwrap();
    assert!(matches!(vault.unlock(PASSWORD, true).unwrap_err(), VaultError::Damaged { .. }));
    // The other profile's whole folder, under this one's name.
    fs::remove_dir_all(vault.folder()).unwrap();
    copy_folder(&other.folder(), &vault.folder());
    assert_eq!(vault.unlock(PASSWORD, true).unwrap_err(), VaultError::WrongPassword);
    fs::write(&database, own).unwrap();
    assert!(vault.unlock(PASSWORD, true).is_err());
}

#[test]
fn an_unclean_close_is_checked_before_serving_and_once() {
    let (_home, vault) = Home::with_vault();
    let database = vault.folder().join(DATABASE);
    let unlocked = vault.unlock(PASSWORD, false).unwrap();
    set(&unlocked, "key", b"newer");
    let as_killed = fs::read(&database).unwrap();
    close(unlocked);
    fs::write(&database, &as_killed).unwrap();
    let refused = vault.unlock(PASSWORD, false).unwrap_err();
    assert!(matches!(refused, VaultError::WentBack { .. }), "the clean close was a write, too");
    let unlocked = vault.unlock(PASSWORD, true).unwrap();
    assert!(unlocked.integrity_checked);
    assert_eq!(unlocked.store.read("key").unwrap().expose(), b"newer");
    close(unlocked);
    assert!(!vault.unlock(PASSWORD, false).unwrap().integrity_checked);
}

#[test]
fn the_audit_key_comes_back_from_the_vault() {
    let home = Home::new();
    let keys = AuditKeys { public: [3; 32], private: bytes(&[4; 32]) };
    let vault = home.vault("work");
    let unlocked = vault.create(PASSWORD, &CHEAP, Some(&keys)).unwrap();
    assert_eq!(unlocked.store.audit_private_key().unwrap().expose(), [4; 32]);
    assert_eq!(vault.header().unwrap().audit_public_key(), Some([3; 32]));
    assert!(unlocked.store.keys().unwrap().is_empty());
}
