//! Where it goes: a file of one's own, standard output, a terminal that is asked about.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
};

use crate::support::{Sandbox, Terminal, is_root};

#[test]
fn a_file_is_private_whole_and_never_in_the_place_of_another() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "1");
    let file = sandbox.path("w/out.env");
    sandbox.pds(["export", "A", "--output", "out.env"]).done().code(0).stdout("").end();
    assert_eq!(fs::read_to_string(&file).unwrap(), "A=1\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    sandbox.set("A", "2");
    let again = sandbox.pds(["export", "A", "--output", "out.env"]).done().code(1);
    again.mentions("`out.env` exists already").end();
    assert_eq!(fs::read_to_string(&file).unwrap(), "A=1\n");
    let inode = |path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&file);
    sandbox.pds(["export", "A", "--output", "out.env", "--force"]).done().code(0).end();
    assert_eq!(fs::read_to_string(&file).unwrap(), "A=2\n");
    assert_ne!(inode(&file), before, "another file, not the old one written over");
    assert_eq!(fs::read_dir(sandbox.path("w")).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn nothing_but_a_file_is_ever_replaced_by_one() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "1");
    fs::create_dir(sandbox.path("w/folder")).unwrap();
    sandbox.sh("mkfifo fifo; : > there; ln -s there link; ln -s nowhere dangling").ok();
    let listening = UnixListener::bind(sandbox.path("w/socket")).unwrap();
    let mut kinds = vec!["folder", "fifo", "link", "dangling", "socket"];
    if is_root() && sandbox.sh("mknod device c 1 7").done().status() == 0 {
        kinds.push("device");
    }
    let kind = |name: &str| fs::symlink_metadata(sandbox.path("w").join(name)).unwrap().file_type();
    for name in kinds {
        let before = kind(name);
        for more in [&[][..], &["--force"]] {
            let export = [&["export", "A", "--output", name], more].concat();
            let refused = sandbox.pds(export).done().code(1).stdout("");
            refused.mentions(&format!("`{name}` is a")).mentions("which no file replaces").end();
        }
        let backup = sandbox.pds(["backup", name]).done().code(1).stdout("");
        backup.mentions(&format!("`{name}` is a")).end();
        assert_eq!(kind(name), before, "{name}");
    }
    assert_eq!(fs::read(sandbox.path("w/there")).unwrap(), b"");
    sandbox.pds(["export", "A", "-o", "/dev/stdout", "--force"]).done().code(1).stdout("").end();
    drop(listening);
}

#[test]
fn a_dash_is_standard_output_and_never_a_file() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "1");
    assert_eq!(sandbox.pds(["export", "A", "-o", "-"]).text(), "A=1\n");
    for command in ["backup", "restore"] {
        let refused = sandbox.pds([command, "-"]).done().code(2).stdout("");
        refused.mentions("a backup is a file that is read back, and no stream").end();
    }
    assert!(!sandbox.path("w/-").exists());
}

#[test]
fn an_error_names_the_file_that_the_person_named() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "1");
    let said = "pds: can't use `gone/x`: No such file or directory (os error 2)\n";
    sandbox.pds(["backup", "gone/x"]).done().code(1).says(said).end();
    sandbox.pds(["export", "A", "-o", "gone/x"]).done().code(1).says(said).end();
}

#[test]
fn at_a_terminal_it_asks_before_it_shows_a_value() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "hunter2");
    for (answer, shows) in [("n\n", false), ("\n", false), ("y\n", true)] {
        let mut terminal = Terminal::run_whole(&sandbox, &["export", "A"]);
        terminal.expect("show the values on this terminal? [y/N] ").send(answer);
        if shows {
            terminal.expect("A=hunter2");
        }
        let shown = terminal.shown.clone();
        let (outcome, _) = terminal.end();
        assert!(!shown.contains("hunter2"), "{shown}");
        outcome.code(if shows { 0 } else { 1 }).end();
    }
    let mut terminal = Terminal::run_whole(&sandbox, &["export", "A", "--yes"]);
    terminal.expect("A=hunter2");
    terminal.end().0.code(0).end();
    let terminal = Terminal::run_whole(&sandbox, &["export", "A", "--no-prompt"]);
    terminal.end().0.code(1).end();
}
