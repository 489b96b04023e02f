//! `.env` files, strictly.
//!
//! ```text
//! # a comment
//! A=plain text, $literal   # a comment after a blank
//! export B='exactly this: \n $X "'
//! C="a newline \n, and \r \t \\ \" \$ \`"
//! D="more than
//! one line"
//! ```
//!
//! Nothing is expanded: `$` stands for itself. What tools disagree on is an error.

use std::collections::BTreeMap;

use super::{IMPORT_MAX_ENTRIES, Imported};
use crate::secret::{OutOfSecretMemory, SecureBytes};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const NAME_MAX_BYTES: usize = 128;

/// What is wrong, and where. Nothing of the file's content is in it but names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct DotenvError {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes. Never behind the beginning of a value, or it would tell how long
    /// that is.
    pub column: usize,
    /// What is wrong.
    pub problem: DotenvProblem,
}

/// What can be wrong with a `.env` file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DotenvProblem {
    /// Not `[A-Za-z_][A-Za-z0-9_]{0,127}`.
    #[error("a variable's name is expected here: letters, digits and `_`")]
    Name,
    /// No `=` after the name.
    #[error("`=` is expected after the name")]
    NoEquals,
    /// A quote that is opened and never closed.
    #[error("this quote is never closed")]
    Unclosed,
    /// Something other than a comment after the closing quote.
    #[error("only a comment may follow the closing quote")]
    AfterQuote,
    /// A backslash in double quotes before anything but ``n r t \ " $ ` ``.
    #[error(
        "there is no such escape: `\\n`, `\\r`, `\\t`, `\\\\`, `\\\"`, `\\$` and `` \\` `` are known"
    )]
    Escape,
    /// A carriage return that ends no line.
    #[error("a carriage return stands alone here")]
    CarriageReturn,
    /// A NUL: UTF-16, or not a text at all.
    #[error("a NUL stands here")]
    Nul,
    /// The name was there before.
    #[error("`{name}` is on line {first} as well")]
    Duplicate {
        /// Which.
        name: String,
        /// Where it was first.
        first: usize,
    },
    /// More than [`IMPORT_MAX_ENTRIES`].
    #[error("a file has at most {IMPORT_MAX_ENTRIES} values")]
    TooMany,
    /// Secret memory ran out.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}

impl DotenvProblem {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::AfterQuote | Self::CarriageReturn => Some("put the whole value in quotes"),
            Self::Escape => Some("write `\\\\` for a backslash, or use single quotes"),
            Self::Nul => Some("save the file as UTF-8"),
            Self::Duplicate { .. } => Some("remove one of the two lines"),
            _ => None,
        }
    }
}

/// The values of the `.env` file `text`, in its order.
///
/// # Errors
/// The first problem. Nothing is returned unless all of the file was understood.
pub fn parse(text: &[u8]) -> Result<Vec<Imported>, DotenvError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut scan = Scan { text, at: 0, value_at: None };
    let mut values = Vec::new();
    let mut seen = BTreeMap::new();
    while scan.next_entry() {
        let start = scan.at;
        if values.len() == IMPORT_MAX_ENTRIES {
            return Err(scan.error(start, DotenvProblem::TooMany));
        }
        let name = scan.name()?;
        if let Some(first) = seen.insert(name.clone(), start) {
            let first = scan.position(first).0;
            return Err(scan.error(start, DotenvProblem::Duplicate { name, first }));
        }
        let value = scan.value()?;
        values.push(Imported { name, value });
    }
    Ok(values)
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// Where what may be a value begins, once it is reached.
    value_at: Option<usize>,
}

impl<'t> Scan<'t> {
    /// Line and column. Counted only once something is wrong: each time costs the whole text.
    fn position(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at.min(self.text.len())];
        let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |found| found + 1);
        (before.iter().filter(|&&b| b == b'\n').count() + 1, before.len() - line_start + 1)
    }

    fn error(&self, at: usize, problem: impl Into<DotenvProblem>) -> DotenvError {
        let (line, column) = self.position(at);
        let column = match self.value_at.filter(|start| at > *start) {
            Some(start) => Some(self.position(start))
                .filter(|place| place.0 == line)
                .map_or(1, |place| place.1),
            None => column,
        };
        DotenvError { line, column, problem: problem.into() }
    }

    fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) {
        let rest = self.rest();
        self.at += rest.iter().position(|&b| !is_skipped(b)).unwrap_or(rest.len());
    }

    /// To the next line that is neither empty nor a comment.
    fn next_entry(&mut self) -> bool {
        self.value_at = None;
        loop {
            self.skip(|b| b" \t\n".contains(&b));
            match self.rest() {
                [] => return false,
                [b'\r', b'\n', ..] => self.at += 2,
                [b'#', ..] => self.skip(|b| b != b'\n'),
                _ => return true,
            }
        }
    }

    /// A name and the `=` behind it.
    fn name(&mut self) -> Result<String, DotenvError> {
        let export = self.rest().strip_prefix(b"export");
        if export.is_some_and(|rest| rest.first().is_some_and(|b| b" \t".contains(b))) {
            let start = self.at;
            self.at += b"export".len();
            self.skip(is_blank);
            if self.rest().first() == Some(&b'=') {
                self.at = start; // a variable that is called `export`
            }
        }
        let start = self.at;
        // Without a `=`, it is the rest of a value that has no quotes.
        self.value_at = Some(start);
        self.skip(|b| b.is_ascii_alphanumeric() || b == b'_');
        let name = &self.text[start..self.at];
        let fits =
            name.first().is_some_and(|b| !b.is_ascii_digit()) && name.len() <= NAME_MAX_BYTES;
        let name = String::from_utf8(name.to_vec()).ok().filter(|_| fits);
        let name = name.ok_or_else(|| self.error(start, DotenvProblem::Name))?;
        self.skip(is_blank);
        if self.rest().first() != Some(&b'=') {
            return Err(self.error(self.at, DotenvProblem::NoEquals));
        }
        self.at += 1;
        self.value_at = None;
        Ok(name)
    }

    fn value(&mut self) -> Result<SecureBytes, DotenvError> {
        let after_equals = self.at;
        self.skip(is_blank);
        self.value_at = Some(self.at);
        match self.rest().first() {
            Some(&quote @ (b'\'' | b'"')) => {
                let value =
                    if quote == b'"' { self.double_quoted() } else { self.single_quoted() }?;
                self.line_end()?;
                Ok(value)
            }
            _ => self.unquoted(after_equals),
        }
    }

    /// To the end of the line or a comment, without the blanks at both ends.
    fn unquoted(&mut self, after_equals: usize) -> Result<SecureBytes, DotenvError> {
        let start = self.at;
        self.skip(|b| b != b'\n');
        let line = &self.text[start..self.at];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let starts_comment = |at: usize| {
            let blank_before = if at == 0 { start > after_equals } else { is_blank(line[at - 1]) };
            line[at] == b'#' && blank_before
        };
        let end = (0..line.len()).find(|&at| starts_comment(at)).unwrap_or(line.len());
        let value = line[..end].trim_ascii_end();
        if let Some(at) = value.iter().position(|b| *b == b'\r' || *b == 0) {
            let problem =
                if value[at] == 0 { DotenvProblem::Nul } else { DotenvProblem::CarriageReturn };
            return Err(self.error(start + at, problem));
        }
        SecureBytes::copy_from(value).map_err(|error| self.error(start, error))
    }

    fn single_quoted(&mut self) -> Result<SecureBytes, DotenvError> {
        let open = self.at;
        let inside = &self.rest()[1..];
        let Some(len) = inside.iter().position(|&b| b == b'\'') else {
            return Err(self.error(open, DotenvProblem::Unclosed));
        };
        let value = &inside[..len];
        self.no_nul(open + 1, value)?;
        self.at += len + 2;
        SecureBytes::copy_from(value).map_err(|error| self.error(open, error))
    }

    /// Each escape makes two bytes one, so the value fits where its text did.
    fn double_quoted(&mut self) -> Result<SecureBytes, DotenvError> {
        let open = self.at;
        let mut len = 0;
        let inside = &self.rest()[1..];
        while let Some(&byte) = inside.get(len).filter(|&&b| b != b'"') {
            len += if byte == b'\\' { 2 } else { 1 };
        }
        if len >= inside.len() {
            return Err(self.error(open, DotenvProblem::Unclosed));
        }
        let inside = &inside[..len];
        self.no_nul(open + 1, inside)?;
        let mut value = SecureBytes::zeroed(len).map_err(|error| self.error(open, error))?;
        let (mut read, mut written) = (0, 0);
        while let Some(&byte) = inside.get(read) {
            let (byte, taken) = match (byte, inside.get(read + 1)) {
                (b'\\', Some(b'n')) => (b'\n', 2),
                (b'\\', Some(b'r')) => (b'\r', 2),
                (b'\\', Some(b't')) => (b'\t', 2),
                (b'\\', Some(&escaped @ (b'\\' | b'"' | b'$' | b'`'))) => (escaped, 2),
                (b'\\', _) => return Err(self.error(open + 1 + read, DotenvProblem::Escape)),
                _ => (byte, 1),
            };
            value.expose_mut()[written] = byte;
            read += taken;
            written += 1;
        }
        value.truncate(written);
        self.at += len + 2;
        Ok(value)
    }

    fn no_nul(&self, start: usize, value: &[u8]) -> Result<(), DotenvError> {
        let found = value.iter().position(|&b| b == 0);
        found.map_or(Ok(()), |at| Err(self.error(start + at, DotenvProblem::Nul)))
    }

    /// Nothing but blanks and a comment.
    fn line_end(&mut self) -> Result<(), DotenvError> {
        let quote_end = self.at;
        self.skip(is_blank);
        match self.rest() {
            [] | [b'\n', ..] | [b'\r'] | [b'\r', b'\n', ..] => {
                self.skip(|b| b == b'\r');
                Ok(())
            }
            [b'#', ..] if self.at > quote_end => {
                self.skip(|b| b != b'\n');
                Ok(())
            }
            _ => Err(self.error(self.at, DotenvProblem::AfterQuote)),
        }
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &[u8]) -> Vec<(String, Vec<u8>)> {
        let values = parse(text).unwrap_or_else(|error| panic!("{error}"));
        values.into_iter().map(|found| (found.name, found.value.expose().to_vec())).collect()
    }

    fn value(text: &str) -> String {
        let mut values = values(text.as_bytes());
        assert_eq!(values.len(), 1, "{text}");
        String::from_utf8(values.remove(0).1).unwrap()
    }

    #[test]
    fn a_value_is_exactly_what_the_line_says() {
        for (text, expected) in [
            ("A=b", "b"),
            ("A=", ""),
            ("A=''", ""),
            ("A = b c \t", "b c"),
            ("export A=b", "b"),
            ("export\tA=b", "b"),
            ("  A=b", "b"),
            ("A=b=c==", "b=c=="),
            ("A=$B ${C} $(d) `e`", "$B ${C} $(d) `e`"),
            ("A=b#c", "b#c"),
            ("A=#c", "#c"),
            ("A= #c", ""),
            ("A=b # c", "b"),
            ("A=b\t# c", "b"),
            ("A=b\\n", "b\\n"),
            ("A=b'c'", "b'c'"),
            ("A='b # \\n $X \"' # c", "b # \\n $X \""),
            ("A=\"b # 'c'\"", "b # 'c'"),
            ("A=\"\\n\\r\\t\\\\\\\"\\$\"", "\n\r\t\\\"$"),
            ("A=\"b\nc\r\nd\"\n", "b\nc\r\nd"),
            ("A='b\nc'", "b\nc"),
            ("A=b\r\n", "b"),
            ("A=b\r", "b"),
            ("A='b'\r\n", "b"),
            ("\u{feff}A=b", "b"),
            ("export=b", "b"),
            ("export =b", "b"),
            ("A=ключ", "ключ"),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
        assert_eq!(values(b"A=\xff")[0].1, b"\xff", "bytes, not text");
    }

    #[test]
    fn a_file_is_its_lines_in_order() {
        let text = b"# one\r\n\r\nB=1\r\n\nA='2'\r\n \t\nexport C=\"3\" # x\n#";
        let names: Vec<_> = values(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["B", "A", "C"]);
        assert!(values(b"").is_empty());
    }

    #[test]
    fn each_problem_has_its_place() {
        use DotenvProblem::*;
        let duplicate = Duplicate { name: "A".to_owned(), first: 2 };
        for (text, line, column, problem) in [
            ("A=1\nB", 2, 1, NoEquals),
            ("export A", 1, 8, NoEquals),
            ("A-B=1", 1, 1, NoEquals),
            ("1A=1", 1, 1, Name),
            ("=1", 1, 1, Name),
            ("é=1", 1, 1, Name),
            ("A=1\n\nB='x\n", 3, 3, Unclosed),
            ("A=\"x\\\"", 1, 3, Unclosed),
            ("A=\"x\\", 1, 3, Unclosed),
            ("A='x'y", 1, 3, AfterQuote),
            ("A='x\ny'z", 2, 1, AfterQuote),
            ("A=\"C:\\dir\"", 1, 3, Escape),
            ("A=x\ry", 1, 3, CarriageReturn),
            ("A=x\0", 1, 3, Nul),
            ("A='x\0'", 1, 3, Nul),
            ("A\0=\0", 1, 1, NoEquals),
            ("\nA=1\nB=2\nA=1", 4, 1, duplicate),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(
                (error.line, error.column, error.problem),
                (line, column, problem),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_number_of_values_has_an_edge() {
        let mut text: String = (0..IMPORT_MAX_ENTRIES).map(|n| format!("A{n}=\n")).collect();
        assert!(parse(text.as_bytes()).is_ok());
        text.push_str("B=");
        assert_eq!(parse(text.as_bytes()).unwrap_err().problem, DotenvProblem::TooMany);
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(text in proptest::collection::vec(prop_oneof![
            Just(b'='), Just(b'"'), Just(b'\''), Just(b'\\'), Just(b'\n'), Just(b'\r'), Just(b'A'), any::<u8>(),
        ], 0..40)) {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_in_single_quotes_reads_back(value in "[^'\0]*") {
            prop_assert_eq!(values(format!("A='{value}'").as_bytes()), [("A".to_owned(), value.into_bytes())]);
        }
    }
}
