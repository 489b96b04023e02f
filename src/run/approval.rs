//! What a manifest asks for, put before the person whose secrets they are.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

use blake2::{Blake2s256, Digest};

use super::{
    RunError,
    listing::Listing,
    manifest::{FILE_NAME, Item, Manifest},
    plan::Plan,
};
use crate::{
    client::{AskError, Asker, ClientError, PasswordError, Wanted},
    say::{Told, escaped},
    secret::{SecureBuffer, TrustProfileName},
    sys::terminal::{self, PromptError},
    wire::message::{Approve, ItemDigest, ManifestClaim, NotApproved, Request, Response},
};

/// What a manifest claims, as the daemon compares it.
#[derive(Debug)]
pub struct Claim<'m> {
    path: String,
    owner: u32,
    items: Vec<(ItemDigest, Item<'m>)>,
    profiles: Vec<String>,
}

impl<'m> Claim<'m> {
    /// The claim of `manifest`, whose profiles are `profiles` where it names none.
    #[must_use]
    pub fn new(manifest: &'m Manifest, profiles: &[TrustProfileName]) -> Self {
        // BLAKE2s and not BLAKE3, which would ask the processor for its features,
        // a trap into the hypervisor each time, to hash a hundred bytes.
        let digest = |item: &Item<'_>| ItemDigest(Blake2s256::digest(&item.canonical).into());
        Self {
            path: path_as_text(manifest.path.as_os_str().as_bytes()),
            owner: manifest.owner,
            items: manifest.items().into_iter().map(|item| (digest(&item), item)).collect(),
            profiles: profiles.iter().map(|profile| profile.as_str().to_owned()).collect(),
        }
    }

    /// Its canonical path, as approvals are kept by.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// As it crosses the socket.
    #[must_use]
    pub fn to_wire(&self) -> ManifestClaim<'_> {
        ManifestClaim {
            path: &self.path,
            owner: self.owner,
            items: self.items.iter().map(|(digest, _)| *digest).collect(),
            profiles: self.profiles.iter().map(String::as_str).collect(),
        }
    }
}

/// A path as text: itself if it is UTF-8 without a backslash and control characters, else
/// with backslashes doubled and those bytes as `\xNN`, so that no two paths become one.
#[must_use]
pub fn path_as_text(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => escape(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut text),
                c => text.push(c),
            }
        }
        escape(chunk.invalid(), &mut text);
    }
    text
}

fn escape(bytes: &[u8], text: &mut String) {
    bytes.iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
}

/// What the last approval of a manifest does not cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    path: String,
    known: bool,
    asks_for: Listing,
    /// Whether the person has seen all of it, and not said yes.
    is_declined: bool,
}

impl Missing {
    /// Puts the daemon's digests back into words.
    #[must_use]
    pub fn new(plan: &Plan<'_>, claim: Option<&Claim<'_>>, short: &NotApproved) -> Self {
        let digests: BTreeSet<&ItemDigest> = short.items.iter().collect();
        let items = claim.map(|claim| claim.items.as_slice()).unwrap_or_default();
        let missing = items.iter().filter(|(digest, _)| digests.contains(digest));
        let asks_for = Listing::new(missing.map(|(_, item)| item.what), plan);
        let path = claim.map(|claim| claim.path.clone()).unwrap_or_default();
        Self { path, known: short.known, asks_for, is_declined: false }
    }

    /// What there is to say about it.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        let message = match self.is_declined {
            true => format!("`{}` is not approved", escaped(&self.path)),
            false => self.message(self.asks_for.lines()),
        };
        vec![Told::new(message, Some(self.hint()))]
    }

    /// Whether the person was asked, and has said no.
    pub(super) fn is_declined(&self) -> bool {
        self.is_declined
    }

    /// The command, where the path can be typed: as text it has escapes for bytes that are
    /// no text, and here for what could act on a terminal.
    fn hint(&self) -> String {
        let shown = escaped(&self.path).to_string();
        match shown == self.path && !shown.contains('\\') {
            true => format!("pds allow {}", shell_words::quote(&shown)),
            false if shown.ends_with(&format!("/{FILE_NAME}")) => {
                "in the folder of that file: pds allow".to_owned()
            }
            false => "in the folder of that file: pds allow ./FILE".to_owned(),
        }
    }

    fn message<'l>(&self, lines: impl Iterator<Item = &'l str>) -> String {
        let path = escaped(&self.path);
        let mut message = match self.known {
            true => format!("`{path}` asks for more than you approved:"),
            false => format!("`{path}` is not approved; it asks for:"),
        };
        for line in lines {
            message.push_str("\n  ");
            message.push_str(line);
        }
        message
    }

    /// All of what is asked for is counted in it, because what stands above may have left
    /// the screen.
    fn question(&self) -> String {
        let short = self.asks_for.shortened();
        let message = self.message(short.iter().map(String::as_str));
        format!("pds: {message}\npds: {} in all; approve? [y/N] ", self.asks_for)
    }

    /// Asks the person, and has the daemon remember a yes. False for a no, or
    /// if there is nobody to ask.
    pub(super) fn ask(
        &mut self,
        asker: &mut Asker<'_>,
        plan: &Plan<'_>,
        claim: Option<&Claim<'_>>,
    ) -> Result<bool, RunError> {
        let Some(claim) = claim.filter(|_| asker.passwords().may_ask()) else { return Ok(false) };
        let answer = terminal::ask(&self.question());
        asker.forget_connection();
        match answer {
            Ok(answer) if is_yes(&answer) => approve(asker, claim, &vaults(plan)).map(|()| true),
            Ok(_) | Err(PromptError::Cancelled) => {
                self.is_declined = true;
                Ok(false)
            }
            Err(PromptError::NoTerminal) => Ok(false),
            Err(error) => Err(AskError::from(PasswordError::from(error)).into()),
        }
    }
}

/// Whether an answer means yes; anything else means no.
#[must_use]
pub fn is_yes(answer: &str) -> bool {
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

/// The profiles whose vaults keep a plan's approval: those whose keys it asks for.
#[must_use]
pub fn vaults(plan: &Plan<'_>) -> BTreeSet<TrustProfileName> {
    let named: BTreeSet<_> =
        plan.secrets.iter().flat_map(|secret| secret.profiles.iter().cloned()).collect();
    if named.is_empty() { plan.profiles.iter().cloned().collect() } else { named }
}

/// Has the daemon remember that all of a claim is approved, in each of `profiles`.
///
/// # Errors
/// [`RunError::Ask`].
pub fn approve(
    asker: &mut Asker<'_>,
    claim: &Claim<'_>,
    profiles: &BTreeSet<TrustProfileName>,
) -> Result<(), RunError> {
    for profile in profiles {
        let request = Request::Approve(Approve { profile, manifest: claim.to_wire() });
        let about = [Wanted { profiles: vec![profile], key: "" }];
        let mut buffer = SecureBuffer::new()?;
        match asker.ask(&request, &about, &mut buffer)? {
            Response::Done => {}
            _ => return Err(ClientError::Malformed.into()),
        }
    }
    Ok(())
}

/// Everything that a manifest asks for.
#[must_use]
pub fn asks_for(manifest: &Manifest, plan: &Plan<'_>) -> Listing {
    Listing::new(manifest.items().iter().map(|item| item.what), plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_paths_become_one_text() {
        assert_eq!(path_as_text("/home/é/pds.toml".as_bytes()), "/home/é/pds.toml");
        let all = [&b"/a\xff"[..], b"/a\\xff", b"/a\\\\xff", "/aÿ".as_bytes(), b"/a\n", b"/a\\x0a"];
        let texts: BTreeSet<_> = all.iter().map(|path| path_as_text(path)).collect();
        assert_eq!(texts.len(), all.len());
        assert_eq!(path_as_text("/a\n\u{85}".as_bytes()), "/a\\x0a\\xc2\\x85");
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(is_yes("y") && is_yes("YES"));
        assert!(!is_yes("") && !is_yes("n") && !is_yes("yep"));
    }
}
