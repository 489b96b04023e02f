//! What the manual, the completions and the README say is what the program does.

use std::{collections::BTreeSet, fs, path::PathBuf};

use clap::Command;

/// The folder that the sources are in: elsewhere when the tests run as another user.
fn source(path: &str) -> String {
    let root =
        std::env::var("PDS_TEST_SOURCE").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    let path = PathBuf::from(root).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn described() -> Command {
    let mut command = pds::cli::described();
    command.build();
    command
}

/// The subcommands with their visible aliases.
fn commands() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for command in described().get_subcommands().filter(|command| !command.is_hide_set()) {
        names.insert(command.get_name().to_owned());
        names.extend(command.get_visible_aliases().map(str::to_owned));
    }
    names
}

/// Every visible long and short option of every command.
fn options() -> (BTreeSet<String>, BTreeSet<char>) {
    let (mut long, mut short) = (BTreeSet::new(), BTreeSet::new());
    let command = described();
    for command in command.get_subcommands().chain([&command]) {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            long.extend(argument.get_long().map(str::to_owned));
            short.extend(argument.get_short());
        }
    }
    (long, short)
}

/// The words that look like a long option, however the text writes them.
fn long_options_in(text: &str) -> BTreeSet<String> {
    let word = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect()
    };
    let marks = ["--", "Fl -", "-l "];
    let found = marks.iter().flat_map(|mark| text.match_indices(mark).map(|(at, m)| at + m.len()));
    found.map(|at| word(&text[at..])).filter(|name| name.len() > 1).collect()
}

#[test]
fn every_command_and_option_is_in_the_manual_and_every_one_there_exists() {
    let page = source("man/pds.1");
    for name in commands() {
        let item = [format!("Cm {name}"), format!("Cm {name} ")];
        assert!(item.iter().any(|item| page.contains(item)), "pds.1 lacks the command {name}");
    }
    let named = page.match_indices("Cm ").map(|(at, _)| &page[at + 3..]);
    for rest in named {
        let name: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
        assert!(commands().contains(&name), "pds.1 has the command {name}");
    }
    let (long, short) = options();
    let in_page = long_options_in(&page);
    for name in &long {
        assert!(in_page.contains(name), "pds.1 lacks --{name}");
    }
    for name in in_page {
        assert!(long.contains(&name), "pds.1 has --{name}");
    }
    for name in short {
        assert!(page.contains(&format!("Fl {name} ")), "pds.1 lacks -{name}");
    }
}

#[test]
fn every_command_and_option_is_in_each_completion_and_every_one_there_exists() {
    for file in ["completions/pds.bash", "completions/_pds", "completions/pds.fish"] {
        let text = source(file);
        let words: BTreeSet<&str> =
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').collect();
        for name in commands() {
            assert!(words.contains(name.as_str()), "{file} lacks the command {name}");
        }
        let (long, short) = options();
        for name in &long {
            let forms = [format!("--{name}"), format!("-l {name}")];
            assert!(forms.iter().any(|form| text.contains(form)), "{file} lacks --{name}");
        }
        for name in short {
            let forms = [format!("-{name}"), format!("-s {name}")];
            assert!(forms.iter().any(|form| text.contains(form)), "{file} lacks -{name}");
        }
        // Of fish, only what completes: its functions have options of their own.
        let said =
            text.lines().filter(|line| !file.ends_with("fish") || line.starts_with("complete"));
        for name in long_options_in(&said.collect::<Vec<_>>().join("\n")) {
            // What belongs to the shells' own tools.
            let foreign = ["fcs-skip"].contains(&name.as_str());
            assert!(foreign || long.contains(&name), "{file} has --{name}");
        }
    }
}

/// Every word of this form in a text.
fn variables_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
    let known = |word: &&str| {
        word.starts_with("PDS_") && !word.ends_with('_') && !word.contains("PDS_TEST")
    };
    words.filter(known).map(str::to_owned).collect()
}

fn all_sources() -> String {
    fn walk(folder: PathBuf, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                walk(entry.path(), text);
            } else if entry.path().extension().is_some_and(|end| end == "rs") {
                text.push_str(&fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let root =
        std::env::var("PDS_TEST_SOURCE").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    let mut text = String::new();
    walk(PathBuf::from(root).join("src"), &mut text);
    text
}

#[test]
fn the_variables_of_the_program_are_those_of_the_manual() {
    let code = all_sources();
    // Between quotes: what is read, passed on, or taken away.
    let quoted: BTreeSet<String> = variables_in(&code)
        .into_iter()
        .filter(|name| code.contains(&format!("\"{name}\"")))
        .collect();
    let page = source("man/pds.1");
    let documented: BTreeSet<String> = variables_in(&page)
        .into_iter()
        .filter(|name| page.contains(&format!("Ev {name}")))
        .collect();
    assert_eq!(documented, quoted);
}

#[test]
fn the_exit_statuses_of_the_manual_are_those_of_the_program() {
    let page = source("man/pds.1");
    for status in [0, 1, 2, 3, 4, 5, 6, 125, 126, 127] {
        assert!(page.contains(&format!(".It {status}\n")), "pds.1 lacks exit status {status}");
    }
}

#[test]
fn the_readmes_session_is_made_of_commands_that_exist() {
    let readme = source("README.md");
    let lines = readme.lines().filter_map(|line| line.strip_prefix("    pds "));
    let lines: Vec<_> = lines.map(|line| line.split('#').next().unwrap().trim()).collect();
    assert!(lines.len() >= 4, "{lines:?}");
    for line in lines {
        let words = shell_words::split(&format!("pds {line}")).unwrap();
        let parsed = pds::cli::parse(words.into_iter().map(Into::into).collect());
        assert!(parsed.is_ok(), "pds {line}: {}", parsed.unwrap_err());
    }
}
