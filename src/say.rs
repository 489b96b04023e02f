//! How pds speaks: data on standard output, everything else on standard error
//! as `pds: ` and lower case, with what to do next as `pds: hint: `.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "the one place that writes to standard error")]

use std::{
    fmt,
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
};

/// One thing to tell a person: what is the matter, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What is the matter.
    pub message: String,
    /// What to do about it: where there is one, the very command.
    pub hint: Option<String>,
}

impl Told {
    /// A message, and what to do about it.
    #[must_use]
    pub fn new(message: impl fmt::Display, hint: Option<String>) -> Self {
        Self { message: message.to_string(), hint }
    }

    /// Says it on standard error. A closed standard error changes nothing.
    pub fn say(&self) {
        let mut text = format!("pds: {}\n", self.message);
        if let Some(hint) = &self.hint {
            text.push_str(&format!("pds: hint: {hint}\n"));
        }
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// Says one line on standard error.
pub fn note(message: impl fmt::Display) {
    Told::new(message, None).say();
}

/// Says what to do, where nothing is the matter.
pub fn hint(hint: impl fmt::Display) {
    let _ = io::stderr().write_all(format!("pds: hint: {hint}\n").as_bytes());
}

/// Writes data to standard output, all of it. Past Rust's own buffer for it, which
/// would keep a value on the ordinary heap for as long as the process lives.
///
/// # Errors
/// What the kernel says, a closed pipe included.
pub fn print(data: &[u8]) -> io::Result<()> {
    File::from(io::stdout().as_fd().try_clone_to_owned()?).write_all(data)
}

/// Whether a person sees what goes to standard error.
#[must_use]
pub fn is_seen() -> bool {
    io::stderr().is_terminal()
}

/// Whether a person has typed what this process was started with, and sees all of what
/// comes of it: none of the three standard streams is a pipe or a file.
#[must_use]
pub fn is_dialogue() -> bool {
    is_seen() && io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// Shows `text` with every character escaped that could move a cursor, change
/// what is shown, or turn its direction (CVE-2024-50349, CVE-2021-42574).
#[must_use]
pub fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// `text` as one word of a command that can be copied into a shell.
#[must_use]
pub fn quoted(text: &str) -> String {
    shell_words::quote(&escaped(text).to_string()).into_owned()
}

/// What [`escaped`] returns.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '\n' => f.write_str("\\n"),
            '\r' => f.write_str("\\r"),
            '\t' => f.write_str("\\t"),
            _ if is_tricky(character) => write!(f, "\\u{{{:x}}}", u32::from(character)),
            _ => fmt::Write::write_char(f, character),
        })
    }
}

fn is_tricky(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}'
                | '\u{61C}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_act_on_a_terminal_is_escaped_and_the_rest_is_not() {
        assert_eq!(escaped("plain naïve ключ").to_string(), "plain naïve ключ");
        assert_eq!(escaped("\x1b]0;t\x07").to_string(), "\\u{1b}]0;t\\u{7}");
        assert_eq!(escaped("a\nb\rc").to_string(), "a\\nb\\rc");
        assert_eq!(escaped("\u{202e}txt\u{9b}1m").to_string(), "\\u{202e}txt\\u{9b}1m");
    }
}
