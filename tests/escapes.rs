//! What comes out of a manifest, a file, a path or a peer's words, and could act on a
//! terminal, does not reach one: it is escaped, at every place that shows it.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
};

use pds::wire::message::{Batch, Entry, Request};

use crate::support::{Sandbox, Stranger, Terminal};

/// A title, a link, the clipboard, a cleared screen, each also by a control of eight bits;
/// what moves the cursor; what turns the direction; what ends a line; what nobody sees.
const TRICKS: &str = "\u{1b}]0;t\u{7}\u{1b}]8;;x:y\u{1b}\\\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{9b}2J\
     \u{9d}0;t\u{9c}\u{90}q\u{85}\u{8}\u{7f}\r\u{b}\u{c}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
     \u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}\u{2028}\u{2029}\u{200b}\u{200c}\
     \u{200d}\u{feff}\u{ad}\u{2060}\u{180e}\u{e0041}\u{e007f}\u{e0100}\n";

/// Of them what a project's name may have.
const PROJECT: &str = "p\u{202e}\u{2066}\u{61c}\u{2028}\u{200b}\u{feff}\u{e0041}\u{e0100}\u{ad}";
/// The same as a TOML string, or JSON's: what it holds is what an editor would not show.
fn quoted(tricks: &str) -> String {
    let mut text = String::from("\"");
    for character in tricks.chars() {
        match u32::from(character) {
            code if code > 0xffff => text.push_str(&format!("\\U{code:08x}")),
            code => text.push_str(&format!("\\u{code:04x}")),
        }
    }
    text + "\""
}

fn is_tricky(character: char) -> bool {
    let is_plain = character.is_ascii_graphic() || matches!(character, ' ' | '\n');
    !is_plain && (TRICKS.contains(character) || character.is_control())
}

/// What the terminal was sent acts on it in no way but by lines that end.
#[track_caller]
fn is_inert(what: &str, sent: &[u8]) {
    let text = String::from_utf8(sent.to_vec());
    let text = text.unwrap_or_else(|_| panic!("{what}: not UTF-8: {}", sent.escape_ascii()));
    // As the terminal itself writes the end of a line.
    let text = text.replace("\r\n", "");
    let found: Vec<_> = text.chars().filter(|c| is_tricky(*c)).collect();
    assert!(found.is_empty(), "{what} sends {found:?}: {}", text.escape_debug());
}

/// One call at a terminal, with all of its streams there.
#[track_caller]
fn shown<A: AsRef<OsStr>>(sandbox: &Sandbox, arguments: &[A], answers: &[(&str, &str)]) -> String {
    shown_with(sandbox, arguments, answers, &[])
}

#[track_caller]
fn shown_with<A: AsRef<OsStr>>(
    sandbox: &Sandbox,
    arguments: &[A],
    answers: &[(&str, &str)],
    set: &[(&str, &OsStr)],
) -> String {
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    let mut terminal = Terminal::talk(sandbox, &arguments, set);
    for (question, answer) in answers {
        terminal.before(question);
        terminal.send(&format!("{answer}\n"));
    }
    let all = terminal.all();
    is_inert(&format!("{arguments:?}"), &terminal.sent);
    all
}

/// Names of a folder: one with tricks, and one that is no text.
fn odd_names() -> [Vec<u8>; 2] {
    [TRICKS.as_bytes().to_vec(), b"a\xff\x9b2J\xc2\xe2\x80".to_vec()]
}

#[test]
fn what_a_manifest_asks_for_is_shown_and_does_not_act() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1");
    let odd = quoted(TRICKS);
    let short = quoted(PROJECT);
    let manifest = format!(
        "pds = 1\nproject = {short}\n[vars]\nV = {odd}\n[secrets]\nA = \"a\"\n\
         D = {{ key = \"d\", default = {odd} }}\n\
         N = {{ key = \"n\", about = {odd} }}\n[compose]\nC = {odd}\n"
    );
    for name in odd_names() {
        let folder = sandbox.path("w").join(OsStr::from_bytes(&name));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("pds.toml");
        fs::write(&path, &manifest).unwrap();
        let path = path.as_os_str();
        let with = |words: &[&str]| -> Vec<OsString> {
            words.iter().map(OsString::from).chain([path.into()]).collect()
        };
        let no = [("approve? [y/N] ", "n")];
        let run: Vec<_> =
            with(&["run", "-m"]).into_iter().chain(["--", "true"].map(OsString::from)).collect();
        let seen = shown(&sandbox, &run, &no);
        assert!(seen.contains("is not approved"), "{seen}");
        shown(&sandbox, &with(&["check", "-m"]), &[]);
        shown(&sandbox, &with(&["check", "--json", "-m"]), &[]);
        let yes = [("approve? [y/N] ", "y"), ("for N: ", "")];
        let seen = shown(&sandbox, &run, &yes);
        assert!(seen.contains("there is no `n`"), "{seen}");
        for words in [
            &["allow"][..],
            &["check", "-m"],
            &["check", "--json", "-m"],
            &["explain", "-m"],
            &["explain", "--json", "-m"],
            &["explain", "V", "-m"],
            &["explain", "V", "--json", "-m"],
            &["explain", "C", "-m"],
            &["explain", "D", "-m"],
            &["explain", "A", TRICKS, "-m"],
            &["explain", TRICKS, "-m"],
            &["run", "--dry-run", "true", TRICKS, "-m"],
            &["disallow"],
        ] {
            shown(&sandbox, &with(words), &[]);
        }
        let dry: Vec<_> = with(&["run", "--dry-run", "-m"]);
        let dry: Vec<_> =
            dry.into_iter().chain(["--", "true", TRICKS].map(OsString::from)).collect();
        shown(&sandbox, &dry, &[]);
        // Found from below, and the folder that a project is called after.
        let own = [("PDS_MANIFEST", path)];
        shown_with(&sandbox, &["allow"], &[], &own);
        shown_with(&sandbox, &["allow", "--list"], &[], &own);
        shown_with(&sandbox, &["allow", "--list", "--json"], &[], &own);
        shown_with(&sandbox, &["audit"], &[], &own);
        let missing = [("value of `n`, for N: ", "")];
        shown_with(&sandbox, &["run", "--", "/no/such"], &missing, &own);
        for mode in [0o666, 0o000] {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            shown_with(&sandbox, &["check"], &[], &own);
            shown_with(&sandbox, &["check", "--json"], &[], &own);
        }
    }
}

#[test]
fn mistakes_in_manifests_and_configs_are_shown_and_do_not_act() {
    let sandbox = Sandbox::ready();
    let odd = quoted(TRICKS);
    let path = sandbox.path("w/pds.toml");
    let wrong = [
        format!("pds = 1\n{odd} = 1\n"),
        format!("pds = 1\n[{odd}]\na = 1\n"),
        format!("pds = 1\n[vars]\n{odd} = \"x\"\n"),
        format!("pds = 1\n[run]\nprofile = {odd}\n"),
        format!("pds = 1\n[run]\nprofile = [{odd}, {odd}]\ninherit = [{odd}]\nconflict = {odd}\n"),
        format!("pds = 1\n[secrets]\nA = {odd}\n{odd} = \"a\"\nB = {{ key = \"b\", {odd} = 1 }}\n"),
        format!("pds = 1\n[secrets]\nA = {{ key = \"a\", generate = {odd}, deliver = {odd} }}\n"),
        format!("pds = {odd}\n[compose]\nA = \"${{{}}}\"\n", &odd[1..odd.len() - 1]),
        format!("pds = 1\n# {TRICKS}\n"),
        format!("pds = 1\n[vars]\nA = \"{TRICKS}\"\n"),
        format!("{TRICKS} = {TRICKS}\n"),
        "pds = 1\n# \u{9b}2J\u{202e} = \n[vars]\nA = \"\u{9b}2J\u{202e}\u{200b}\n".to_owned(),
    ];
    for text in &wrong {
        fs::write(&path, text).unwrap();
        for call in [
            &["check", "--no-values"][..],
            &["check", "--json"],
            &["allow"],
            &["run", "--", "true"],
        ] {
            shown(&sandbox, call, &[]);
            // With the colours that are ours, and no others.
            let mut terminal = Terminal::dialogue(&sandbox, call, &[("TERM", "xterm")]);
            terminal.all();
            is_inert(&format!("{call:?} in colour"), &without_colours(&terminal.sent));
        }
    }
    fs::remove_file(&path).unwrap();
    for text in &wrong {
        let text = text.replace("pds = 1\n", "").replace("[secrets]", "[acl.work.ci]");
        sandbox.config(&text);
        for call in
            [&["status"][..], &["status", "--json"], &["doctor"], &["doctor", "--json"], &["check"]]
        {
            shown(&sandbox, call, &[]);
        }
    }
}

/// The colours that messages have: `ESC [ digits m`.
fn without_colours(sent: &[u8]) -> Vec<u8> {
    let mut left = Vec::new();
    let mut rest = sent;
    while let Some((first, more)) = rest.split_first() {
        let digits = |b: &u8| !b.is_ascii_digit() && *b != b';';
        let colour = rest.strip_prefix(b"\x1b[").and_then(|inside| {
            let end = inside.iter().position(digits)?;
            (inside[end] == b'm').then(|| &inside[end + 1..])
        });
        if colour.is_none() {
            left.push(*first);
        }
        rest = colour.unwrap_or(more);
    }
    left
}

#[test]
fn what_is_typed_and_what_files_are_called_is_shown_and_does_not_act() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1");
    for name in odd_names() {
        let name = OsStr::from_bytes(&name);
        let folder = sandbox.path("w").join(name);
        fs::create_dir(&folder).unwrap();
        let calls: [&[&str]; 24] = [
            &["get"],
            &["get", "--json"],
            &["get", "a", "-p"],
            &["set", "k", "--from-file"],
            &["set"],
            &["set", "k", "--generate", "--expires"],
            &["set", "k"],
            &["rename", "a"],
            &["delete"],
            &["history"],
            &["import"],
            &["import", "--format", "env"],
            &["import", "--from-env"],
            &["import", "--from", "pass"],
            &["export", "a", "--output"],
            &["export", "a", "--format"],
            &["backup"],
            &["restore"],
            &["unlock", "--password-file"],
            &["client", "add"],
            &["client", "add", "ci", "--grant"],
            &["client", "revoke"],
            &["run", "-e"],
            &["audit", "show", "--since"],
        ];
        for call in calls {
            let words: Vec<_> = call.iter().map(OsStr::new).chain([name]).collect();
            shown(&sandbox, &words, &[]);
        }
        shown(&sandbox, &[name], &[]);
        shown(&sandbox, &[OsStr::new("list"), name], &[]);
        shown(&sandbox, &[OsStr::new("status"), OsStr::new("--client-key"), name], &[]);
        // clap's own words have colours too.
        let colours = [("TERM", OsStr::new("xterm"))];
        for words in [&[name][..], &[OsStr::new("list"), name], &[OsStr::new("run"), name]] {
            let mut terminal = Terminal::talk(&sandbox, words, &colours);
            terminal.all();
            is_inert(&format!("{words:?} in colour"), &without_colours(&terminal.sent));
        }
        shown(
            &sandbox,
            &["run", "-e", "A=a", "--"].map(OsStr::new).iter().chain(&[name]).collect::<Vec<_>>(),
            &[],
        );
        for variable in ["PDS_PROFILE", "PDS_MANIFEST", "PDS_CLIENT_KEY", "PDS_PASSWORD_FILE"] {
            shown_with(&sandbox, &["check"], &[], &[(variable, name)]);
            shown_with(&sandbox, &["list"], &[], &[(variable, name)]);
        }
        let home = [("PDS_HOME", folder.as_os_str())];
        shown_with(&sandbox, &["status"], &[], &home);
        shown_with(&sandbox, &["doctor"], &[], &home);
        shown_with(&sandbox, &["list", "--no-prompt"], &[], &home);
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        fs::create_dir_all(folder.join("data/vaults")).unwrap();
        shown_with(&sandbox, &["doctor"], &[], &home);
        shown_with(&sandbox, &["stop"], &[], &home);
    }
    for (format, text) in [
        ("json", format!("{{{}: 1}}", quoted(TRICKS).replace("\\U000", "\\ud8"))),
        ("json", format!("{{\"{TRICKS}\": 1}}")),
        ("yaml", format!("{}: 1\n", quoted(TRICKS))),
        ("yaml", format!("{TRICKS}: 1\n")),
        ("env", format!("{TRICKS}=1\n")),
    ] {
        fs::write(sandbox.path("w/file"), text).unwrap();
        shown(&sandbox, &["import", "file", "--format", format], &[]);
    }
    let store = sandbox.path(".password-store");
    fs::create_dir(&store).unwrap();
    fs::write(store.join(format!("{TRICKS}.gpg")), "").unwrap();
    shown(&sandbox, &["import", "--from", "pass"], &[]);
}

#[test]
fn what_a_peer_says_of_itself_is_shown_and_does_not_act() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1");
    let entry = || vec![Entry { profiles: vec!["default"], key: "a", required: true }];
    let mut peer = Stranger::launcher(&sandbox);
    for check_only in [false, true] {
        peer.ask(&Request::Resolve(Batch {
            entries: entry(),
            manifest: None,
            project: Some(PROJECT),
            command: Some(PROJECT),
            check_only,
        }));
    }
    for call in [
        &["audit"][..],
        &["audit", "show"],
        &["audit", "show", "--json"],
        &["audit", "show", "--running"],
        &["audit", "show", "--running", "--json"],
        &["audit", "verify"],
        &["status"],
        &["doctor"],
    ] {
        shown(&sandbox, call, &[]);
    }
    let seen = shown(&sandbox, &["audit", "show"], &[]);
    assert!(seen.contains("p\\u{202e}"), "{seen}");
    let mut follow = Terminal::dialogue(&sandbox, &["audit", "follow"], &[]);
    // It begins at the end of what there is: whichever comes after it has begun is shown.
    while !follow.has_shown("p\\u{202e}") {
        peer.ask(&Request::Resolve(Batch {
            entries: entry(),
            manifest: None,
            project: Some(PROJECT),
            command: None,
            check_only: false,
        }));
    }
    is_inert("audit follow", &follow.sent);
    follow.kill();
}
