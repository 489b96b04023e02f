//! Looks for planted bytes in every readable byte of a process.
//!
//! A pattern is searched for raw, as hex in both cases, and as base64 at each of
//! the three phases, by every window of 12 bytes of each; a key also by its
//! AES-256 round keys (FIPS 197, section 5.2) and as SQLCipher shields it: two
//! places that give the key when one is laid over the other by XOR. What can't
//! be read is listed, so that no hit never means that nobody could look.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    os::unix::fs::FileExt,
};

const WINDOW_BYTES: usize = 12;
const CHUNK_BYTES: usize = 16 << 10;

type Window = [u8; WINDOW_BYTES];

/// What is searched for.
#[derive(Default)]
pub(crate) struct Patterns {
    windows: HashMap<Window, String>,
    /// Which pairs of bytes a window begins with.
    beginnings: Vec<bool>,
    /// The first 16 bytes of keys that may be there under a mask.
    shielded: Vec<(String, Words)>,
}

/// 16 bytes at a multiple of 8: where each allocation of SQLite's begins.
type Words = (u64, u64);

/// What was found in one process.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Which pattern, in which form, in which mapping.
    pub(crate) hits: BTreeSet<String>,
    /// Mappings that could not be read.
    pub(crate) unreadable: Vec<String>,
    pub(crate) bytes_read: usize,
}

impl Patterns {
    pub(crate) fn plant(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.windows_of(&format!("{name} raw"), bytes);
        self.windows_of(&format!("{name} hex"), hex.as_bytes());
        self.windows_of(&format!("{name} HEX"), hex.to_uppercase().as_bytes());
        for phase in 0..3.min(bytes.len()) {
            // Whole groups of three only: what comes before and after is not known.
            let whole = bytes[phase..].len() / 3 * 3;
            let text = base64(&bytes[phase..phase + whole]);
            self.windows_of(&format!("{name} base64"), text.as_bytes());
        }
        self
    }

    pub(crate) fn plant_key(&mut self, name: &str, key: &[u8]) -> &mut Self {
        self.plant(name, key);
        for round in round_keys(key.try_into().unwrap()).chunks(16).skip(2) {
            self.windows_of(&format!("{name} round key"), round);
        }
        self
    }

    /// A key that SQLCipher keeps under a mask of as many random bytes, both on its heap
    /// (`sqlcipher_shield` in its source).
    pub(crate) fn plant_shielded(&mut self, name: &str, key: &[u8]) -> &mut Self {
        self.plant_key(name, key);
        self.shielded.push((format!("{name} shielded"), words(key)));
        self
    }

    fn windows_of(&mut self, name: &str, bytes: &[u8]) {
        self.beginnings.resize(1 << 16, false);
        for window in bytes.windows(WINDOW_BYTES) {
            self.beginnings[usize::from(u16::from_ne_bytes([window[0], window[1]]))] = true;
            self.windows.insert(window.try_into().unwrap(), name.to_owned());
        }
    }

    /// The patterns in `bytes`.
    pub(crate) fn within(&self, bytes: &[u8]) -> BTreeSet<String> {
        let mut hits = BTreeSet::new();
        for window in bytes.windows(WINDOW_BYTES) {
            let beginning = usize::from(u16::from_ne_bytes([window[0], window[1]]));
            if self.beginnings[beginning]
                && let Some(name) = self.windows.get(window)
            {
                hits.insert(name.clone());
            }
        }
        hits
    }

    /// The keys that any two of these give when one is laid over the other.
    fn unshielded(&self, mut all: Vec<Words>) -> BTreeSet<String> {
        all.sort_unstable();
        all.dedup();
        let over = |key: &Words| {
            let partner = |one: &Words| (one.0 ^ key.0, one.1 ^ key.1);
            all.iter().any(|one| all.binary_search(&partner(one)).is_ok())
        };
        let found = self.shielded.iter().filter(|(_, key)| over(key));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// Scans every mapping of the process.
    pub(crate) fn scan(&self, pid: u32) -> Found {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
        let mut found = Found::default();
        let mut writable = Vec::new();
        for line in
            maps.lines().filter(|line| !line.contains("[vvar") && !line.contains("[vsyscall"))
        {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let parse = |text| u64::from_str_radix(text, 16).unwrap();
            self.scan_mapping(&memory, parse(from), parse(to), line, &mut found);
            if line.contains(" rw") && !self.shielded.is_empty() {
                writable.extend(words_of(&memory, parse(from), parse(to)));
            }
        }
        found.hits.extend(self.unshielded(writable));
        found
    }

    fn scan_mapping(&self, memory: &File, from: u64, to: u64, line: &str, found: &mut Found) {
        let behind = File::open(line.split_whitespace().nth(5).unwrap_or_default()).ok();
        let offset = u64::from_str_radix(line.split_whitespace().nth(2).unwrap(), 16).unwrap();
        // With the end of the chunk before, so that no window is cut in two.
        let mut bytes = Vec::new();
        let (mut chunk, mut at) = (vec![0; CHUNK_BYTES], from);
        while at < to {
            let want = usize::try_from(to - at).unwrap().min(CHUNK_BYTES);
            let Ok(got @ 1..) = memory.read_at(&mut chunk[..want], at) else {
                found.unreadable.push(line.to_owned());
                return;
            };
            found.bytes_read += got;
            bytes.drain(..bytes.len().saturating_sub(WINDOW_BYTES - 1));
            bytes.extend_from_slice(&chunk[..got]);
            if !is_plain(&chunk[..got], behind.as_ref(), offset + (at - from)) {
                let hits = self.within(&bytes);
                found.hits.extend(hits.into_iter().map(|hit| format!("{hit} in {line}")));
            }
            at += got as u64;
        }
    }
}

/// Whether nothing that was planted can be in a chunk: it is all zeros, or what the
/// file behind the mapping has there, which was made before anything was planted.
fn is_plain(chunk: &[u8], behind: Option<&File>, offset: u64) -> bool {
    if chunk == &vec![0; chunk.len()][..] {
        return true;
    }
    let mut filed = vec![0; chunk.len()];
    behind.is_some_and(|file| file.read_exact_at(&mut filed, offset).is_ok() && filed == chunk)
}

fn words(bytes: &[u8]) -> Words {
    let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
    (word(0), word(8))
}

/// What of a mapping may be one half of a shielded key.
fn words_of(memory: &File, from: u64, to: u64) -> Vec<Words> {
    let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
    // What can't be read is listed already.
    let got = memory.read_at(&mut bytes, from).unwrap_or(0);
    let places = (0..got.saturating_sub(15)).step_by(8);
    places.map(|at| words(&bytes[at..])).filter(|two| two.0 != 0 && two.1 != 0).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks_exact(3)
        .flat_map(|three| {
            let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize]))
        })
        .collect()
}

/// The 15 round keys of AES-256, 16 bytes each.
fn round_keys(key: &[u8; 32]) -> Vec<u8> {
    let sbox = sbox();
    let mut words: Vec<[u8; 4]> =
        key.chunks_exact(4).map(|word| word.try_into().unwrap()).collect();
    let mut constant = 1u8;
    for n in 8..60 {
        let mut word = words[n - 1];
        if n % 8 == 0 {
            word.rotate_left(1);
            word = word.map(|byte| sbox[usize::from(byte)]);
            word[0] ^= constant;
            constant = double(constant);
        } else if n % 8 == 4 {
            word = word.map(|byte| sbox[usize::from(byte)]);
        }
        let before = words[n - 8];
        words.push([0, 1, 2, 3].map(|i| word[i] ^ before[i]));
    }
    words.concat()
}

fn double(byte: u8) -> u8 {
    (byte << 1) ^ if byte & 0x80 == 0 { 0 } else { 0x1b }
}

fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut a) = (0, a);
    for bit in 0..8 {
        if b >> bit & 1 == 1 {
            product ^= a;
        }
        a = double(a);
    }
    product
}

fn sbox() -> [u8; 256] {
    let mut sbox = [0; 256];
    for (byte, place) in (0..=255u8).zip(&mut sbox) {
        let inverse = (1..=255).find(|&other| multiply(byte, other) == 1).unwrap_or(0);
        let rotated = |by| inverse.rotate_left(by);
        *place = inverse ^ rotated(1) ^ rotated(2) ^ rotated(3) ^ rotated(4) ^ 0x63;
    }
    sbox
}

#[test]
fn the_scanner_finds_each_form_of_what_is_planted() {
    let secret: Vec<u8> = (0..32u32).map(|n| (n * 37 + 11) as u8).collect();
    let mut patterns = Patterns::default();
    patterns.plant_key("it", &secret);
    let surrounded = |bytes: &[u8]| [&[0; 100][..], bytes, &[0; 100]].concat();
    assert!(patterns.within(&surrounded(&[7; 64])).is_empty());
    assert!(patterns.within(&surrounded(&secret[9..21])).contains("it raw"), "a part of it");
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(patterns.within(&surrounded(hex.as_bytes())).contains("it hex"));
    let upper = hex.to_uppercase();
    assert!(patterns.within(&surrounded(upper.as_bytes())).contains("it HEX"));
    for phase in 0..3 {
        let text = base64(&[&vec![b'x'; phase][..], &secret, b"yy"].concat());
        assert!(patterns.within(text.as_bytes()).contains("it base64"), "phase {phase}");
    }
    patterns.plant_shielded("it", &secret);
    let mask = words(b"sixteen bytes...");
    let (key, noise) = (words(&secret), (7, 7));
    let shielded = (key.0 ^ mask.0, key.1 ^ mask.1);
    assert!(patterns.unshielded(vec![noise, shielded, noise]).is_empty(), "half of it is nothing");
    assert!(patterns.unshielded(vec![shielded, noise, mask]).contains("it shielded"));
    // FIPS 197, appendix A.3.
    let key: Vec<u8> = (0..32)
        .map(|n| {
            let text = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
            u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap()
        })
        .collect();
    let keys = round_keys(key.as_slice().try_into().unwrap());
    assert_eq!(keys[32..36], [0x9b, 0xa3, 0x54, 0x11]);
    assert_eq!(keys[236..240], [0x70, 0x6c, 0x63, 0x1e]);
}
