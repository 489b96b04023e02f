//! The tree is the architecture: who imports whom, and how long a file gets.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const FILE_MAX_LINES: usize = 400;
const FUNCTION_MAX_LINES: usize = 60;

fn root() -> PathBuf {
    std::env::var("PDS_TEST_SOURCE").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into()).into()
}

/// Each Rust file with its path below `folder`.
fn files_below(folder: &Path) -> BTreeMap<String, String> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Each source file with its path below `src`, its tests cut off.
fn sources() -> BTreeMap<String, String> {
    let mut all = files_below(&root().join("src"));
    all.retain(|name, _| !name.ends_with("tests.rs") && !name.contains("/tests/"));
    for text in all.values_mut() {
        let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
        text.truncate(end);
    }
    assert!(all.len() > 50, "the sources were not found");
    all
}

/// A line without its comment and without what is in its strings.
fn code(line: &str) -> String {
    let (mut kept, mut in_string) = (String::new(), false);
    let plain = line.replace("\\\\", "").replace("\\\"", "").replace("'\"'", "");
    for (at, character) in plain.char_indices() {
        match character {
            '"' => in_string = !in_string,
            '/' if !in_string && plain[at..].starts_with("//") => break,
            _ if !in_string => kept.push(character),
            _ => {}
        }
    }
    kept
}

/// The top-level modules of the crate that a file's code names.
fn imports(text: &str) -> Vec<String> {
    let code: String = text.lines().map(|line| format!("{}\n", code(line))).collect();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(top_names(group)),
            None => found.extend(word(rest)),
        }
    }
    found
}

fn word(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The first names of a group's members, not those nested in inner braces.
fn top_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut at_start) = (0, Vec::new(), true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && c.is_alphanumeric() => {
                names.extend(word(&group[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

/// How many `super` lead from a file's own module to the crate's root.
fn depth(file: &str) -> usize {
    let is_its_folder = file.ends_with("/mod.rs");
    file.split('/').count() - usize::from(is_its_folder)
}

#[test]
fn no_module_leaves_its_own_by_way_of_super() {
    for (file, text) in sources().iter().filter(|(file, _)| !file.starts_with("bin/")) {
        let out = "super::".repeat(depth(file));
        let found = text.lines().find(|line| code(line).contains(&out));
        assert!(found.is_none(), "{file} reaches the root without saying `crate`: {found:?}");
    }
}

#[test]
fn imports_run_one_way() {
    const ALL: &[&str] = &["*"];
    // Of each module: what it may name. What is not listed here may name nothing.
    let may: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("sys", &[][..]),
        ("secret", &["sys"]),
        ("hex", &[]),
        ("say", &[]),
        ("home", &[]),
        ("mistake", &["say"]),
        ("variable", &["say"]),
        ("config", &["mistake", "secret", "variable"]),
        ("crypto", &["secret", "sys"]),
        ("wire", &["crypto", "hex", "secret", "sys"]),
        ("store", &["crypto", "hex", "secret", "sys"]),
        ("cli", &["secret"]),
        ("client", &["home", "say", "secret", "sys", "wire"]),
        (
            "run",
            &[
                "cli", "client", "config", "home", "mistake", "say", "secret", "sys", "variable",
                "wire",
            ],
        ),
        (
            "commands",
            &[
                "cli", "client", "config", "error", "hex", "home", "mistake", "run", "say",
                "secret", "sys", "variable", "wire",
            ],
        ),
        ("error", &["client", "commands", "config", "home", "mistake", "run", "say", "sys"]),
        ("daemon", &["cli", "config", "crypto", "hex", "home", "secret", "store", "sys", "wire"]),
        ("fuzz", &["daemon", "run", "secret", "store", "wire"]),
        ("lib.rs", ALL),
        ("main.rs", ALL),
        ("bin", ALL),
    ]);
    for (file, text) in sources() {
        let module = file.split('/').next().unwrap();
        let module = if file.contains('/') || module == "lib.rs" || module == "main.rs" {
            module
        } else {
            module.trim_end_matches(".rs")
        };
        let allowed = may.get(module).unwrap_or_else(|| panic!("{file}: a module without a rule"));
        for name in imports(&text) {
            let fine = *allowed == ALL || name == module || allowed.contains(&name.as_str());
            assert!(fine, "{file} names crate::{name}, which {module} may not");
        }
    }
}

#[test]
fn unsafe_code_is_in_sys_alone() {
    for (file, text) in sources().into_iter().filter(|(file, _)| !file.starts_with("sys/")) {
        for (n, line) in text.lines().enumerate() {
            let word = |w: &str| w == "unsafe";
            let has = code(line).split(|c: char| !c.is_alphanumeric() && c != '_').any(word);
            assert!(!has, "{file}:{}: {line}", n + 1);
        }
    }
}

/// Whether `fn` comes after nothing but what may stand before it.
fn starts_a_function(line: &str) -> bool {
    let Some((before, _)) = line.split_once("fn ") else { return false };
    before.split_whitespace().all(|word| {
        word.starts_with("pub") || ["const", "async", "unsafe", "extern", "\"C\""].contains(&word)
    })
}

#[test]
fn no_file_and_no_function_is_too_long() {
    for (file, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE_MAX_LINES {
            eprintln!("{file} {}", lines.len());
        }
        let mut begun: Option<(usize, String, &str)> = None;
        for (n, line) in lines.iter().enumerate() {
            let indent: String = line.chars().take_while(|c| *c == ' ').collect();
            let trimmed = line.trim_start();
            if let Some((from, at, name)) = &begun {
                if *line == format!("{at}}}") {
                    assert!(
                        n - from < FUNCTION_MAX_LINES,
                        "{file}:{}: {name} is too long",
                        from + 1
                    );
                    begun = None;
                }
            } else if starts_a_function(trimmed) && !line.ends_with([';', '}']) {
                begun = Some((n, indent, trimmed));
            }
        }
    }
}

#[test]
fn only_say_writes_to_standard_output_and_error() {
    for (file, text) in sources() {
        for word in ["println!", "eprintln!", "print!(", "dbg!", "todo!", "unimplemented!"] {
            let found = text.lines().any(|line| code(line).contains(word));
            assert!(!found, "{file} has {word}");
        }
    }
}

#[test]
fn folders_are_named_after_what_is_in_them() {
    for (file, _) in sources() {
        for name in ["utils", "common", "core", "helpers", "types", "util", "misc"] {
            assert!(!file.split(['/', '.']).any(|part| part == name), "{file}");
        }
    }
}

#[test]
fn every_file_of_claims_is_listed() {
    let list = fs::read_to_string(root().join("tests/main.rs")).unwrap();
    for entry in fs::read_dir(root().join("tests")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".rs").filter(|name| *name != "main") else { continue };
        assert!(list.contains(&format!("mod {name};")), "tests/main.rs lacks {name}");
    }
}

#[test]
fn every_ignored_claim_has_a_reason() {
    // Not written out, because this file is among those that are read.
    let bare = ["#[ignore", "]"].concat();
    for folder in ["src", "tests"] {
        for (file, text) in files_below(&root().join(folder)) {
            assert!(!text.contains(&bare), "{file} ignores a claim without a reason");
        }
    }
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut is_dependency = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_dependency = line.contains("dependencies]");
        } else if is_dependency && line.contains(" = ") {
            assert!(line.contains("} # ") || line.contains("\" # "), "no reason: {line}");
        }
    }
}
