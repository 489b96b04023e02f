//! What was planted, and a search for it: for the values, and for their lengths as numbers.

use std::{
    collections::BTreeSet,
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use pds::secret::SecureBytes;

use crate::support::Patterns;

/// What makes up a value, again and again: its windows are all that there is to look for.
const PIECE_BYTES: usize = 251;
/// A length is not told by a number a little below it, nor by one above that has a nonce, a
/// tag, quotes or a name counted in.
const BELOW: usize = 4;
const ABOVE: usize = 64;
/// Processes have numbers too: no length is one of those that begin during a test.
const PROCESSES: usize = 10_000;

/// Values that are recognised, as they are and by their length.
#[derive(Default)]
pub(crate) struct Searcher {
    patterns: Patterns,
    lengths: Vec<(String, RangeInclusive<u64>)>,
}

impl Searcher {
    /// A value that no other test has: `beginning`, and letters up to about `len` bytes.
    pub(crate) fn plant(&mut self, name: &str, beginning: &[u8], len: usize) -> Vec<u8> {
        let len = beside_processes(len, std::process::id());
        let piece = letters(PIECE_BYTES);
        self.patterns.plant(name, &piece.repeat(2));
        let mut value = beginning.to_vec();
        value.extend(piece.iter().cycle().take(len - beginning.len()));
        for (form, len) in ["bytes", "hex", "base64"].into_iter().zip(told_by(len)) {
            self.lengths.push((format!("length of {name} as {form}"), around(len)));
        }
        value
    }

    /// Something short, of which only the bytes are looked for.
    pub(crate) fn plant_short(&mut self, name: &str) -> String {
        let text = letters(40);
        self.patterns.plant(name, &text);
        String::from_utf8(text).unwrap()
    }

    /// What of it is in `bytes`, that a process has written.
    pub(crate) fn within(&self, bytes: &[u8]) -> BTreeSet<String> {
        let mut found = self.patterns.within(bytes);
        found.extend(self.lengths_in(bytes));
        found
    }

    fn lengths_in(&self, bytes: &[u8]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for number in numbers(&String::from_utf8_lossy(bytes)) {
            let told = self.lengths.iter().filter(|(_, range)| range.contains(&number));
            found.extend(told.map(|(name, _)| name.clone()));
        }
        found
    }

    /// What of it is in the files below `folder`, and in which. In a database there are no
    /// numbers to be read.
    pub(crate) fn below(&self, folder: &Path) -> (usize, Vec<String>) {
        let mut found = Vec::new();
        let all = files(folder);
        for path in &all {
            let bytes = fs::read(path).unwrap_or_default();
            let is_database = path.extension().is_some_and(|end| end == "db");
            let hits = if is_database { self.patterns.within(&bytes) } else { self.within(&bytes) };
            found.extend(hits.iter().map(|hit| format!("{hit} in {}", path.display())));
        }
        (all.len(), found)
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

/// Letters alone: nothing that a form of export or a file's format would write otherwise.
fn letters(len: usize) -> Vec<u8> {
    let random = SecureBytes::random(len).unwrap();
    random.expose().iter().map(|byte| b'a' + byte % 26).collect()
}

/// `len`, or less if a process that begins during the test could have a number that tells it.
fn beside_processes(len: usize, pid: u32) -> usize {
    let begun = usize::try_from(pid).unwrap();
    let is_near = |told: usize| (begun..begun + PROCESSES).contains(&told);
    match told_by(len).into_iter().any(is_near) {
        true => len / 5 * 4,
        false => len,
    }
}

/// What a length is as bytes, as hex, and as base64.
fn told_by(len: usize) -> [usize; 3] {
    [len, len * 2, len.div_ceil(3) * 4]
}

fn around(len: usize) -> RangeInclusive<u64> {
    u64::try_from(len - BELOW).unwrap()..=u64::try_from(len + ABOVE).unwrap()
}

/// The numbers in a text, however they are written. A fraction is none: it is part of a time.
fn numbers(text: &str) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let grouped = without_groups(text);
    for text in [text, &grouped] {
        let mut before = ' ';
        for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let (word, end) = match word.char_indices().next_back() {
                Some((at, end)) if !end.is_ascii_alphanumeric() => (&word[..at], end),
                _ => (word, ' '),
            };
            if before != '.' {
                let hex = word.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16));
                // A word as long as a digest is none.
                found.extend(
                    hex.or_else(|| (word.len() < 12).then(|| word.parse())).and_then(Result::ok),
                );
            }
            before = end;
        }
    }
    found
}

/// `1,234,567` and `1_234_567` without what stands between the groups.
fn without_groups(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_between = |at: usize| {
        at > 0 && digit(at - 1) && (1..=3).all(|more| digit(at + more)) && !digit(at + 4)
    };
    let kept = text.char_indices();
    kept.filter(|(at, c)| !(matches!(c, ',' | '_' | '\'') && is_between(*at)))
        .map(|(_, c)| c)
        .collect()
}

#[test]
fn each_way_to_tell_a_value_or_its_length_is_found() {
    let mut searcher = Searcher::default();
    let value = searcher.plant("it", b"", 127_301);
    let len = value.len();
    let part = String::from_utf8(value[1_000..1_020].to_vec()).unwrap();
    let hex: String = part.bytes().map(|byte| format!("{byte:02x}")).collect();
    let grouped = format!("{},{:03}", len / 1_000, len % 1_000);
    for told in [
        part,
        hex,
        len.to_string(),
        format!("a value of {len} bytes"),
        format!("\"len\":{len},"),
        format!("[{}]", len + 28),
        format!("{len:#x}"),
        format!("column {}:", len + 9),
        grouped.replace(',', "_"),
        format!("({grouped})"),
        (len * 2).to_string(),
    ] {
        let found = searcher.within(format!("some {told} words").as_bytes());
        assert!(!found.is_empty(), "{told}");
    }
    for other in [format!("12.{len}Z"), format!("{len}7"), format!("ab{len}cd"), "17".to_owned()] {
        let found = searcher.within(format!("some {other} words").as_bytes());
        assert!(found.is_empty(), "{other}: {found:?}");
    }
}
