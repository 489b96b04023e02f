//! The three shells at a terminal, and somebody who presses Tab.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use super::file;
use crate::support::{Sandbox, Terminal, program};

const READY: &str = "READY> ";
/// A machine that is too busy to answer in time is asked again.
const TRIES: usize = 20;

/// A shell in which `pds` only says what it was called with; the completion asks the real
/// one, which it finds by PATH.
struct Shell(Terminal);

impl Shell {
    /// `None` where it isn't installed.
    fn start(name: &str, sandbox: &Sandbox) -> Option<Self> {
        let folders = ["/usr/local/bin", "/usr/bin", "/bin"];
        if !folders.iter().any(|folder| Path::new(folder).join(name).exists()) {
            eprintln!("skipped: needs {name}");
            return None;
        }
        let mut command = sandbox.command("setsid");
        command.args(["--ctty", name]).env("TERM", "xterm").env("SHELL", name);
        let own = Path::new(&program()).parent().unwrap().display().to_string();
        let bin = sandbox.path("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("other"), "").unwrap();
        fs::set_permissions(bin.join("other"), fs::Permissions::from_mode(0o755)).unwrap();
        command.env("PATH", format!("{own}:{}:{}", bin.display(), folders.join(":")));
        match name {
            "bash" => bash(sandbox, &mut command),
            "zsh" => zsh(sandbox, &mut command),
            _ => fish(&mut command),
        }
        let mut terminal = Terminal::over(command);
        terminal.expect(READY);
        Some(Self(terminal))
    }

    /// What `typed`, Tab and Return call.
    #[track_caller]
    fn press(&mut self, typed: &str) -> String {
        self.0.send(typed).send("\t").send("\r");
        let called = self.0.expect("GOT[").before("]TOG");
        self.0.expect(READY);
        called
    }

    #[track_caller]
    fn completes(&mut self, typed: &str, called: &str) {
        let mut last = String::new();
        for _ in 0..TRIES {
            last = self.press(typed);
            if last == called {
                return;
            }
        }
        panic!("{typed:?} has become {last:?}, not {called:?}");
    }

    /// Ends it with a list of what `typed` can become, which has these names in it.
    #[track_caller]
    fn lists(mut self, typed: &str, names: &[&str]) {
        self.0.send(typed).send("\t");
        names.iter().for_each(|name| drop(self.0.before(name)));
        self.0.close();
    }
}

fn bash(sandbox: &Sandbox, command: &mut Command) {
    let rc = sandbox.path("bashrc");
    let text = format!(
        "PS1='{READY}'\nbind 'set enable-bracketed-paste off'\nbind 'set bell-style none'\n\
         bind 'set show-all-if-ambiguous on'\n\
         for f in /usr/share/bash-completion/bash_completion; do [ -r $f ] && . $f; done\n\
         . {}\ncomplete -W 'fizz buzz' other\n\
         pds() {{ local IFS=' '; printf 'GOT[%s]TOG\\n' \"$*\"; }}\n",
        shell_words::quote(file("pds.bash").to_str().unwrap()),
    );
    fs::write(&rc, text).unwrap();
    command.arg("--noprofile").arg("--rcfile").arg(rc).arg("-i");
}

fn zsh(sandbox: &Sandbox, command: &mut Command) {
    let folder = sandbox.path("zdot");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(file("_pds"), folder.join("_pds")).unwrap();
    let text = format!(
        "PROMPT='{READY}'\nsetopt no_beep no_prompt_sp\nfpath=({} $fpath)\n\
         autoload -Uz compinit\ncompinit -u -D\n\
         _other() {{ compadd fizz buzz }}\ncompdef _other other\n\
         pds() {{ printf 'GOT[%s]TOG\\n' \"$*\" }}\n",
        shell_words::quote(folder.to_str().unwrap()),
    );
    fs::write(folder.join(".zshrc"), text).unwrap();
    command.env("ZDOTDIR", folder).args(["-d", "-i"]);
}

fn fish(command: &mut Command) {
    let text = format!(
        "function fish_prompt; printf '{READY}'; end; set -g fish_autosuggestion_enabled 0; \
         set -g fish_greeting; source {}; \
         complete -c other -f -a 'fizz buzz'; \
         function pds; printf 'GOT[%s]TOG\\n' (string join ' ' -- $argv); end",
        shell_words::quote(file("pds.fish").to_str().unwrap()),
    );
    command.args(["--private", "-i", "--init-command", &text]);
}

#[track_caller]
fn presses_tab(name: &str) {
    let sandbox = Sandbox::ready().vault("work");
    sandbox.set("db/password", "1").set("db/url", "2").set("stripe/key", "3");
    sandbox.set_in("work", "queue", "4");
    sandbox.write_manifest("[secrets]\nDB_URL = \"db/url\"\n[vars]\nMODE = \"x\"\n");
    let before = sandbox.audit().len();
    let Some(mut shell) = Shell::start(name, &sandbox) else { return };
    for (typed, called) in [
        ("pds stat", "status"),
        ("pds audit ver", "audit verify"),
        ("pds set --from", "set --from-file"),
        ("pds get str", "get stripe/key"),
        ("pds get -p work q", "get -p work queue"),
        ("pds get --profile=work q", "get --profile=work queue"),
        ("pds get -p wo", "get -p work"),
        ("pds get --profile=wo", "get --profile=work"),
        ("pds import --format=j", "import --format=json"),
        ("pds import --format j", "import --format json"),
        ("pds audit show --client la", "audit show --client launcher"),
        ("pds audit show --key str", "audit show --key stripe/key"),
        ("pds audit show --outcome gr", "audit show --outcome granted"),
        ("pds run -e MO", "run -e MODE="),
        ("pds run -e MODE=str", "run -e MODE=stripe/key"),
        ("pds run --env MODE=db/u", "run --env MODE=db/url"),
        ("pds import pds.t", "import pds.toml"),
        ("pds run --manifest=pds.t", "run --manifest=pds.toml"),
        ("pds run -- other fi", "run -- other fizz"),
        ("pds run other bu", "run other buzz"),
        ("pds run --clean oth", "run --clean other"),
    ] {
        shell.completes(typed, called);
    }
    shell.lists("pds get ", &["db/password", "db/url", "stripe/key"]);
    sandbox.pds(["lock"]).ok();
    let mut locked = Shell::start(name, &sandbox).unwrap();
    assert_eq!(locked.press("pds get str"), "get str");
    assert_eq!(locked.press("pds run -e MODE=str"), "run -e MODE=str");
    locked.completes("pds get -p wo", "get -p work");
    sandbox.stop();
    assert_eq!(locked.press("pds get str"), "get str");
    assert_eq!(sandbox.daemon_pid(), None, "{name} has started a daemon");
    locked.0.close();
    let words: Vec<_> =
        sandbox.audit().split_off(before).iter().map(|line| line["operation"].clone()).collect();
    assert!(words.iter().all(|word| word != "complete" && word != "list"), "{words:?}");
}

#[test]
fn pressing_tab_in_bash_completes_commands_names_and_what_is_run() {
    presses_tab("bash");
}

#[test]
fn pressing_tab_in_zsh_completes_commands_names_and_what_is_run() {
    presses_tab("zsh");
}

#[test]
fn pressing_tab_in_fish_completes_commands_names_and_what_is_run() {
    presses_tab("fish");
}
