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
    /// How it stands beside others of its kind.
    row: Option<Row>,
}

/// One of several problems of a kind, as a row of their table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// What several of them are called.
    title: &'static str,
    /// What it is about, how that is, and what helps in a few words.
    cells: [String; 3],
}

impl Told {
    /// A message, and what to do about it. Whatever could act on a terminal is escaped;
    /// the ends of lines are the caller's own.
    #[must_use]
    pub fn new(message: impl fmt::Display, hint: Option<String>) -> Self {
        let lines = |text: &str| {
            let lines: Vec<_> = text.split('\n').map(|line| escaped(line).to_string()).collect();
            lines.join("\n")
        };
        let (message, hint) = (lines(&message.to_string()), hint.as_deref().map(lines));
        Self { message, hint, row: None }
    }

    /// With its row in the table that [`together`] makes of several with this title: what it
    /// is about, how that is, and in a few words what helps.
    #[must_use]
    pub fn in_table(mut self, title: &'static str, cells: [String; 3]) -> Self {
        self.row = Some(Row { title, cells: cells.map(|cell| escaped(&cell).to_string()) });
        self
    }

    /// A message with colours in it, in which every name is escaped already.
    #[must_use]
    pub fn styled(message: String) -> Self {
        Self { message, hint: None, row: None }
    }

    /// All of it, as it is said.
    #[must_use]
    pub fn rendered(&self, look: Look) -> String {
        let mut text = look.paint(&self.message, None);
        if let Some(hint) = &self.hint {
            text.push_str(&look.paint(hint, Some("hint:")));
        }
        text
    }

    /// Says it on standard error. A closed standard error changes nothing.
    pub fn say(&self) {
        let _ = io::stderr().write_all(self.rendered(Look::here()).as_bytes());
    }
}

/// On a terminal, no line is longer than this unless it can't be broken.
pub const COLUMNS_MAX: usize = 80;

/// How messages look: for a person with a terminal, or for whoever reads lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// With colours.
    pub colour: bool,
    /// Broken at [`COLUMNS_MAX`].
    pub broken: bool,
}

impl Look {
    /// As befits this process's standard error.
    #[must_use]
    pub fn here() -> Self {
        Self { colour: has_colour(), broken: is_seen() }
    }

    /// A message behind the one mark by which what pds says is told from what the command
    /// says, and behind a word.
    fn paint(self, message: &str, word: Option<&str>) -> String {
        let mark = ["pds:"].into_iter().chain(word).collect::<Vec<_>>().join(" ");
        let mut lines = message.split('\n');
        let first = format!("{mark} {}", lines.next().unwrap_or_default());
        let lines = [first].into_iter().chain(lines.map(str::to_owned));
        let lines = lines.map(|line| if self.broken { broken(&line) } else { line });
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        match (self.colour, word) {
            (false, _) => text,
            (true, None) => text.replacen("pds:", "\x1b[1mpds:\x1b[0m", 1),
            (true, Some(word)) => {
                let styled = format!("\x1b[1mpds:\x1b[0m \x1b[1;36m{word}\x1b[0m");
                text.replacen(&mark, &styled, 1)
            }
        }
    }
}

/// A line as several, of at most [`COLUMNS_MAX`]: broken where a part of the sentence ends
/// if there is such a place, and never inside of backticks. A row of a table stays whole, and so
/// does a line of a file.
fn broken(line: &str) -> String {
    const INDENT: &str = "     ";
    let is_quoted = line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit());
    let is_quoted = is_quoted.starts_with('|') || is_quoted.starts_with("-->");
    if line.starts_with("  ") || is_quoted || line.contains('\x1b') {
        return line.to_owned();
    }
    let (mut text, mut rest, mut indent) = (String::new(), line, "");
    loop {
        let room = COLUMNS_MAX - indent.len();
        let fits = rest.char_indices().nth(room).map(|(at, _)| at);
        let at = fits.and_then(|end| place_to_break(rest, end));
        let Some(at) = at else { break text + indent + rest };
        text += &format!("{indent}{}\n", &rest[..at]);
        (rest, indent) = (&rest[at + 1..], INDENT);
    }
}

/// The space where the first `end` bytes of `line` are best broken.
fn place_to_break(line: &str, end: usize) -> Option<usize> {
    // The rest of a line that was broken may begin with one.
    let mut command = line.starts_with("pds ");
    let (mut quoted, mut any, mut good) = (false, None, None);
    for (at, character) in line[..end].char_indices() {
        quoted ^= character == '`';
        if character != ' ' {
            continue;
        }
        let before = &line[..at];
        let ends_part = before.ends_with([':', ';', ',']);
        // A command is to be copied as one line.
        command &= !ends_part;
        if !quoted && !command {
            any = Some(at);
            // Not behind the mark itself.
            if at > COLUMNS_MAX / 3 && ends_part {
                good = Some(at);
            }
        }
        command |= ends_part && line[at..].starts_with(" pds ");
    }
    good.or(any).filter(|at| *at > "pds: hint:".len())
}

/// Whether standard error is to have colours: on a terminal, unless `NO_COLOR`
/// (<https://no-color.org>) or `TERM=dumb` says otherwise. clap has the same rule.
#[must_use]
pub fn has_colour() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    is_seen() && !forbidden && !dumb
}

/// A message, and below it a table whose columns are as wide as they need to be.
#[must_use]
pub fn table(title: impl fmt::Display, rows: &[[String; 3]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let (first, second) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
    let mut text = title.to_string();
    for [a, b, c] in rows {
        text.push_str(format!("\n  {a:first$}  {b:second$}  {c}").trim_end());
    }
    text
}

/// All of it, several problems of one kind in one table, where the first of them was. What
/// helps all of them stands once below it.
#[must_use]
pub fn together(all: Vec<Told>) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let mut done: Vec<&'static str> = Vec::new();
    for one in &all {
        let Some(Row { title, .. }) = one.row else {
            told.push(one.clone());
            continue;
        };
        if done.contains(&title) {
            continue;
        }
        done.push(title);
        let is_kin = |other: &&Told| other.row.as_ref().is_some_and(|row| row.title == title);
        let kin: Vec<&Told> = all.iter().filter(is_kin).collect();
        told.push(if kin.len() == 1 { one.clone() } else { in_one(title, &kin) });
    }
    told
}

fn in_one(title: &str, kin: &[&Told]) -> Told {
    let mut rows: Vec<_> =
        kin.iter().filter_map(|told| told.row.as_ref()?.cells.clone().into()).collect();
    let shared = kin.iter().all(|told| told.hint == kin[0].hint);
    if shared {
        rows.iter_mut().for_each(|[_, _, remedy]| remedy.clear());
    }
    let message = table(format_args!("{} {title}:", kin.len()), &rows);
    Told::new(message, kin[0].hint.clone().filter(|_| shared))
}

/// So many of a thing, whose several have an `s`.
#[must_use]
pub fn count(many: impl TryInto<u64>, one: &str) -> String {
    match many.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    }
}

/// Says one line on standard error.
pub fn note(message: impl fmt::Display) {
    Told::new(message, None).say();
}

/// Says what to do, where nothing is the matter.
pub fn hint(hint: impl fmt::Display) {
    let _ = io::stderr().write_all(Look::here().paint(&hint.to_string(), Some("hint:")).as_bytes());
}

/// Writes data to standard output, all of it. Past Rust's own buffer for it, which
/// would keep a value on the ordinary heap for as long as the process lives.
///
/// # Errors
/// What the kernel says, of a closed pipe and of a closed standard output as well: Rust's
/// own would take the latter for success.
pub fn print(data: &[u8]) -> io::Result<()> {
    File::from(io::stdout().as_fd().try_clone_to_owned()?).write_all(data)
}

/// A line of a report. On a terminal it is broken at [`COLUMNS_MAX`], and what goes on below
/// stands behind `indent`; a file or a pipe gets it as one line.
#[must_use]
pub fn report_line(line: &str, indent: usize) -> String {
    let line = if is_page() { folded(line, indent) } else { line.to_owned() };
    line + "\n"
}

/// Whether reports go to a terminal.
#[must_use]
pub fn is_page() -> bool {
    io::stdout().is_terminal()
}

/// Broken where there is a blank, as late as one fits. Blanks in a row, which make columns,
/// are kept within a line.
#[must_use]
pub fn folded(line: &str, indent: usize) -> String {
    let (mut text, mut columns) = (String::with_capacity(line.len()), 0);
    let mut is_blank = true;
    for word in line.split_inclusive(' ') {
        let len = word.trim_end().chars().count();
        if columns + len > COLUMNS_MAX && !is_blank && len > 0 {
            text.truncate(text.trim_end().len());
            text.push_str(&format!("\n{:indent$}", ""));
            columns = indent;
        }
        text.push_str(word);
        columns += word.chars().count();
        is_blank &= len == 0;
    }
    text
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

/// A line of JSON, in which what [`escaped`] escapes is escaped too, in JSON's own way.
#[must_use]
pub fn json_line(value: &serde_json::Value) -> String {
    json_line_of(&value.to_string())
}

/// The same of JSON that is text already. Outside of its strings it has nothing to escape.
#[must_use]
pub fn json_line_of(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        match is_tricky(character) {
            true => line.extend(
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")),
            ),
            false => line.push(character),
        }
    }
    line + "\n"
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

/// Controls, what sets the direction, ends of lines, and all else that Unicode calls
/// ignorable (`Default_Ignorable_Code_Point`): with it two names look like one.
fn is_tricky(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}'
                | '\u{34F}'
                | '\u{61C}'
                | '\u{115F}'..='\u{1160}'
                | '\u{17B4}'..='\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{3164}'
                | '\u{FE00}'..='\u{FE0F}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF0}'..='\u{FFFB}'
                | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_where_a_part_ends_and_never_in_backticks() {
        let look = Look { colour: false, broken: true };
        let told = Told::new(
            format!(
                "nothing was changed; if you have a backup: {} `a b c d e f g h`",
                "x".repeat(20)
            ),
            Some("short".to_owned()),
        );
        let expected = format!(
            "pds: nothing was changed; if you have a backup:\n     {} `a b c d e f g h`\n\
             pds: hint: short\n",
            "x".repeat(20)
        );
        assert_eq!(told.rendered(look), expected);
        for text in ["x".repeat(200), format!("`{}`", "a ".repeat(60)), String::new()] {
            let said = Told::new(&text, None).rendered(look);
            assert_eq!(said, format!("pds: {text}\n"), "it can't be broken");
        }
    }

    #[test]
    fn problems_of_one_kind_stand_in_one_table_and_what_helps_all_stands_once() {
        let told = |what: &str, hint: &str| {
            let cells = [format!("`{what}`"), "locked".to_owned(), hint.to_owned()];
            Told::new(format!("`{what}` is locked"), Some(hint.to_owned())).in_table("are", cells)
        };
        let other = Told::new("other", None);
        let one = vec![told("a", "x"), other.clone()];
        assert_eq!(together(one.clone()), one);
        let text = |all: Vec<Told>| {
            let all = together(all);
            all.iter().map(|t| format!("{}|{:?}\n", t.message, t.hint)).collect::<String>()
        };
        let table = "2 are:\n  `a`  locked  x\n  `b`  locked  y|None\nother|None\n";
        assert_eq!(text(vec![told("a", "x"), other.clone(), told("b", "y")]), table);
        let table = "2 are:\n  `a`  locked\n  `b`  locked|Some(\"x\")\n";
        assert_eq!(text(vec![told("a", "x"), told("b", "x")]), table);
    }

    #[test]
    fn json_escapes_the_same_and_reads_back() {
        let value = serde_json::json!({ "a\u{9b}": "\n\u{7f}\u{202e}\u{e0041}é\"" });
        let line = json_line(&value);
        assert_eq!(line, "{\"a\\u009b\":\"\\n\\u007f\\u202e\\udb40\\udc41é\\\"\"}\n");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
    }

    #[test]
    fn a_line_of_a_report_is_folded_at_blanks_and_its_columns_stay() {
        let words = "word ".repeat(30);
        let shown = folded(&format!("name     {words}"), 9);
        let lines: Vec<_> = shown.lines().collect();
        assert!(lines.len() == 3 && lines.iter().all(|l| l.chars().count() <= 80), "{shown}");
        assert!(lines[1..].iter().all(|line| line.starts_with("         word")), "{shown}");
        let long = "x".repeat(100);
        assert_eq!(folded(&long, 4), long, "there is no blank");
        assert_eq!(folded(&format!("a {long} b"), 2), format!("a\n  {long}\n  b"));
        assert_eq!(folded("short", 4), "short");
    }

    #[test]
    fn one_is_not_several() {
        let counted = [0, 1, 2].map(|many| count(many, "file"));
        assert_eq!(counted, ["0 files", "1 file", "2 files"]);
    }

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let row = |a: &str, b: &str, c: &str| [a, b, c].map(str::to_owned);
        let rows = [row("a", "no", "x y"), row("long", "yes", ""), row("é", "maybe", "z")];
        let expected = "t:\n  a     no     x y\n  long  yes\n  é     maybe  z";
        assert_eq!(table("t:", &rows), expected);
    }

    #[test]
    fn what_could_act_on_a_terminal_is_escaped_and_the_rest_is_not() {
        assert_eq!(escaped("plain naïve ключ").to_string(), "plain naïve ключ");
        assert_eq!(escaped("\x1b]0;t\x07").to_string(), "\\u{1b}]0;t\\u{7}");
        assert_eq!(escaped("a\nb\rc").to_string(), "a\\nb\\rc");
        assert_eq!(escaped("\u{202e}txt\u{9b}1m").to_string(), "\\u{202e}txt\\u{9b}1m");
        let unseen = "\u{ad}\u{180e}\u{200b}\u{2066}\u{3164}\u{fe0f}\u{feff}\u{e0041}\u{e0100}";
        assert!(escaped(unseen).to_string().is_ascii());
    }
}
