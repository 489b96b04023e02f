//! What is said and asked at a terminal, with the answers as they are typed.

use std::{fs, process::Command};

use crate::support::{Sandbox, Terminal};

/// Every file of the catalogue that comes of a dialogue.
pub(super) fn all() -> Vec<(&'static str, String)> {
    let mut all = vec![("first-use", first_use()), ("questions", questions())];
    match Command::new("git").arg("--version").output() {
        Ok(_) => all.push(("takeover", takeover())),
        Err(_) => eprintln!("skipped in part: needs git"),
    }
    all
}

/// One call at a terminal: each question with its answer, and what is said at the end.
/// What is typed at a hidden question is not seen.
fn talk(sandbox: &Sandbox, call: &[&str], answers: &[(&str, &str)]) -> String {
    talk_with(sandbox, call, answers, |_| {})
}

/// The same; `before` is called ahead of each answer.
fn talk_with(
    sandbox: &Sandbox,
    call: &[&str],
    answers: &[(&str, &str)],
    before: impl Fn(&str),
) -> String {
    let mut terminal = Terminal::dialogue(sandbox, call, &[]);
    let mut text = format!("$ pds {}\n", shell_words::join(call));
    for (question, answer) in answers {
        text += &terminal.before(question);
        text += question;
        before(question);
        // Ctrl-D is an answer by itself.
        terminal.send(&if *answer == CTRL_D { CTRL_D.to_owned() } else { format!("{answer}\n") });
    }
    text += &terminal.all();
    let home = sandbox.path("");
    let home = home.to_str().unwrap().trim_end_matches('/');
    text.replace("\r\n", "\n").replace(home, "/home/me") + "\n"
}

const CTRL_D: &str = "\u{4}";
const NEW: &str = "new password for profile `default`: ";
const AGAIN: &str = "the same again: ";

/// From nothing to a running command.
fn first_use() -> String {
    const VAULT: &str = "make one? [Y/n] ";
    const APPROVE: &str = "approve? [y/N] ";
    let sandbox = Sandbox::new();
    sandbox.write_manifest(
        "[run]\ninherit = []\nconflict = \"error\"\n[secrets]\n\
         TOKEN = { key = \"token\", about = \"ask #platform\" }\nOTHER = \"other\"\n\
         MADE = { key = \"made\", generate = \"password:24\" }\n\
         MAYBE = { key = \"maybe\", required = false }\n\
         PORT = { key = \"port\", default = \"80\" }\n",
    );
    let run = ["run", "--", "/bin/true"];
    let mut text = talk(&sandbox, &run, &[(VAULT, "n")]);
    text += &talk(&sandbox, &run, &[(VAULT, ""), (NEW, "hunter2"), (AGAIN, "hunter3")]);
    let vault = [(VAULT, ""), (NEW, "hunter2"), (AGAIN, "hunter2")];
    let token = ("value of `token`, for TOKEN: ", "t");
    let asked = [(APPROVE, "y"), token, ("value of `other`, for OTHER: ", "")];
    text += &talk(&sandbox, &run, &[&vault[..], &asked].concat());
    sandbox.write_manifest("[run]\nconflict = \"environment\"\n[secrets]\nOTHER = \"other\"\n");
    let last = [(APPROVE, "n")];
    text += &talk(&sandbox, &run, &last);
    let last = [(APPROVE, "y"), ("value of `other`, for OTHER: ", "o")];
    text + &talk(&sandbox, &run, &last)
}

/// The questions of single commands.
fn questions() -> String {
    let sandbox = Sandbox::new();
    let mut text = String::new();
    for (profile, password) in
        [("fair", "violet tractor 58"), ("strong", "unwed-glimpse-tarot-mosaic-flint")]
    {
        let new = format!("new password for profile `{profile}`: ");
        let answers = [(new.as_str(), password), (AGAIN, password)];
        text += &talk(&sandbox, &["init", "-p", profile], &answers);
    }
    let sandbox = sandbox.vault("default");
    let value = "value of `k`: ";
    text += &talk(&sandbox, &["set", "k"], &[(value, "v"), (AGAIN, "w")]);
    text += &talk(&sandbox, &["set", "k"], &[(value, "v"), (AGAIN, "v")]);
    fs::write(sandbox.path("w/.env"), "k=1\nl=2\n").unwrap();
    text += &talk(&sandbox, &["import", ".env"], &[("[y/N] ", "n")]);
    let show = "show the values on this terminal? [y/N] ";
    text += &talk(&sandbox, &["export", "--format", "json", "k"], &[(show, "n")]);
    text += &talk(&sandbox, &["export", "--format", "json", "k", "--no-prompt"], &[]);
    text += &approvals(&sandbox);
    sandbox.pds(["lock"]).ok();
    let password = "password for profile `default`: ";
    let tries = [(password, "no"), (password, "password of default")];
    text += &talk(&sandbox, &["get", "k"], &tries);
    sandbox.pds(["lock"]).ok();
    let tries = [(password, "no"), (password, "no"), (password, "no")];
    text += &talk(&sandbox, &["get", "k"], &tries);
    text + &talk(&sandbox, &["get", "k"], &[(password, CTRL_D)])
}

/// Each kind of thing that can be asked for, once and several times.
fn approvals(sandbox: &Sandbox) -> String {
    let folder = fs::canonicalize(sandbox.path("w")).unwrap();
    sandbox.config(&format!("[lift.{folder:?}]\nvariables = [\"PATH\", \"CC\"]\n"));
    let long = format!("https://{}@example.org/  ", "x".repeat(200));
    let vars: String = (0..11).map(|n| format!("N{n} = \"{n}\"\n")).collect();
    let refuse = |text: &str| {
        sandbox.write_manifest(text);
        talk(sandbox, &["run", "--", "true"], &[("[y/N] ", "n")])
    };
    refuse(&format!("[secrets]\nA = \"a\"\n[vars]\nCC = \"{long}\"\n[compose]\nM = \"${{A}}\"\n"))
        + &refuse(&format!(
            "[vars]\nPATH = \"\"\nCC = \"cc\"\n{vars}[compose]\nM = \"1\"\nO = \"2\"\n"
        ))
}

/// `init` where a `.env` is.
fn takeover() -> String {
    const ASKED: &str = "y takes it over, n leaves it: ";
    const DELETE: &str = "delete `.env`? [y/N] ";
    let made = [(NEW, "hunter2"), (AGAIN, "hunter2")];
    let with = |env: &[u8]| {
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("w/.env"), env).unwrap();
        sandbox
    };
    let long = "x".repeat(5_000);
    let longest = "x".repeat(140_000);
    let env = format!(
        "PORT=80\nSTRIPE_KEY=x\nPATH=/x\nLONG={long}\nLONGEST={longest}\nFUNCTION=\"() {{ :; }}\"\n\
         BYTES="
    );
    let env = [env.as_bytes(), b"\xff\n"].concat();
    let sandbox = with(&env);
    let mut text = talk(&sandbox, &["init"], &[(ASKED, "n"), (NEW, "hunter2"), (AGAIN, "hunter2")]);
    let sandbox = with(&env);
    sandbox.sh("git init -q . && git add -f .env").ok();
    let wrong = (ASKED, "LONG BYTES PATH FUNCTION NO_SUCH STRIPE_KEY");
    let right = (ASKED, "STRIPE_KEY");
    let answers = [&[wrong, right, (ASKED, "y")][..], &made, &[(DELETE, "n")]].concat();
    text += &talk(&sandbox, &["init"], &answers);
    let sandbox = with(b"PORT=80\n");
    let answers = [&[(ASKED, "y")][..], &made, &[(DELETE, "y")]].concat();
    text += &talk(&sandbox, &["init"], &answers);
    let sandbox = with(b"PORT=80\n");
    let changed = |question: &str| {
        if question == DELETE {
            fs::write(sandbox.path("w/.env"), "PORT=81\n").unwrap();
        }
    };
    text += &talk_with(&sandbox, &["init"], &answers, changed);
    let sandbox = with(b"TOKEN=x\n").vault("default");
    sandbox.set("w/TOKEN", "y");
    text += &talk(&sandbox, &["init"], &[(ASKED, "y")]);
    let many: String = (0..66).map(|n| format!("N{n}={}\n", "x".repeat(4_000))).collect();
    let sandbox = with(many.as_bytes());
    let said = talk(&sandbox, &["init"], &[(ASKED, "y"), (ASKED, "n"), (NEW, "a"), (AGAIN, "b")]);
    let is_row = |line: &&str| line.starts_with("  plain     N") && !line.contains(" N0 ");
    text + &said.lines().filter(|line| !is_row(line)).map(|l| format!("{l}\n")).collect::<String>()
}
