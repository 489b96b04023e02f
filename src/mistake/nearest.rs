//! The right name that a wrong one was probably meant to be.

/// Longer names get no suggestion: it costs the product of both lengths, for names
/// that a stranger's file chooses.
const NAME_MAX_BYTES: usize = 32;
/// More candidates than this are not looked at, for the same reason.
const CANDIDATES_MAX: usize = 512;

/// The one of `candidates` that is nearest to `name`, if it is near at all: at most a
/// third of its letters differ.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NAME_MAX_BYTES {
        return None;
    }
    let of_similar_length = |c: &&str| c.len().abs_diff(name.len()) <= name.len() / 3 + 1;
    let candidates = candidates.into_iter().take(CANDIDATES_MAX).filter(of_similar_length);
    let (far, candidate) = candidates.map(|c| (distance(name, c), c)).min()?;
    (far <= name.len().max(candidate.len()).div_ceil(3)).then_some(candidate)
}

/// How many letters must be put in, taken out, changed, or swapped with the next to make `b`
/// of `a`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let same = |i: usize, j: usize| a[i].eq_ignore_ascii_case(&b[j]);
    let (mut before, mut last) = (Vec::new(), (0..=b.len()).collect::<Vec<usize>>());
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let changed = last[j] + usize::from(!same(i, j));
            let mut cheapest = changed.min(row[j] + 1).min(last[j + 1] + 1);
            if i > 0 && j > 0 && same(i, j - 1) && same(i - 1, j) {
                cheapest = cheapest.min(before[j - 1] + 1);
            }
            row.push(cheapest);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant_and_another_word_finds_none() {
        let fields = ["profile", "inherit", "conflict"];
        for (name, expected) in [
            ("profil", Some("profile")),
            ("PROFILE", Some("profile")),
            ("inhreit", Some("inherit")),
            ("cnoflictt", Some("conflict")),
            ("conflicts", Some("conflict")),
            ("ttl", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, fields), expected, "{name}");
        }
    }

    #[test]
    fn distance_counts_letters() {
        for (a, b, far) in [
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("a", "A", 0),
            ("psd", "pds", 1),
            ("ba", "abc", 2),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (far, far));
        }
    }
}
