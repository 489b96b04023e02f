//! What an approval covers: each thing that a manifest asks for, as canonical bytes that are
//! equal exactly for equal things.
//!
//! Comments, order, `project` and `about` change nothing that the command gets, so they
//! are not in it. Everything else is: another `DB_HOST` sends an approved password to
//! another machine.

use super::{Composed, Conflict, Delivery, Inherit, Manifest, SecretReference};
use crate::{secret::TrustProfileName, variable::VariableName};

/// Room for most items, so that few have to grow.
const ITEM_USUAL_BYTES: usize = 160;

/// One thing that a manifest asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'m> {
    /// The thing, to be shown.
    pub what: What<'m>,
    /// Its canonical bytes: a tag, then each part after its length. Equal exactly for
    /// equal things, whatever the manifest's text.
    pub canonical: Vec<u8>,
}

/// What an [`Item`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What<'m> {
    /// A secret.
    Secret(&'m SecretReference),
    /// A plain value.
    Var(&'m VariableName, &'m str),
    /// A template.
    Composed(&'m Composed),
    /// What is kept of the environment.
    Inherit(&'m Inherit),
    /// What happens to variables that are already set.
    Conflict(Conflict),
}

impl Manifest {
    /// Everything that is asked for, in ascending order of the canonical bytes.
    #[must_use]
    pub fn items(&self) -> Vec<Item<'_>> {
        let vars = self.vars.iter().map(|(name, value)| What::Var(name, value));
        let settings = [What::Inherit(&self.inherit), What::Conflict(self.conflict)];
        let whats = settings
            .into_iter()
            .chain(self.secrets.iter().map(What::Secret))
            .chain(vars)
            .chain(self.compose.iter().map(What::Composed));
        let item = |what| Item { what, canonical: self.canonical(what) };
        let mut items: Vec<_> = whats.map(item).collect();
        items.sort_unstable_by(|a, b| a.canonical.cmp(&b.canonical));
        items
    }

    fn canonical(&self, what: What<'_>) -> Vec<u8> {
        match what {
            What::Secret(secret) => canonical_secret(secret, self.profiles_of(secret)),
            What::Var(name, value) => Canonical::new(b'v').part(name).part(value).0,
            What::Composed(composed) => {
                Canonical::new(b'c').part(&composed.name).part(&composed.template.source).0
            }
            What::Inherit(Inherit::All) => Canonical::new(b'i').0,
            What::Inherit(Inherit::Only(patterns)) => {
                let mut patterns: Vec<_> = patterns.iter().map(|p| p.as_str()).collect();
                patterns.sort_unstable();
                patterns.dedup();
                Canonical::new(b'I').list(&patterns).0
            }
            What::Conflict(conflict) => {
                let of = |(_, known): &&(_, Conflict)| *known == conflict;
                let name = Conflict::ALL.iter().find(of).map_or("", |(name, _)| name);
                Canonical::new(b'x').part(name).0
            }
        }
    }
}

fn canonical_secret(secret: &SecretReference, profiles: &[TrustProfileName]) -> Vec<u8> {
    let profiles: Vec<_> = profiles.iter().map(TrustProfileName::as_str).collect();
    let generate = secret.generate.map(|how| how.to_string());
    let hidden = secret.delivery == Delivery::Hidden;
    Canonical::new(b's')
        .part(&secret.variable)
        .part(&secret.key)
        .list(&profiles)
        .part(if secret.required { "required" } else { "" })
        .list(generate.as_deref().as_slice())
        .list(secret.default.as_deref().as_slice())
        .part(if hidden { "hidden" } else { "env" })
        .0
}

/// Bytes in which no part can be taken for another: each has its length before it.
struct Canonical(Vec<u8>);

impl Canonical {
    fn new(tag: u8) -> Self {
        let mut bytes = Vec::with_capacity(ITEM_USUAL_BYTES);
        bytes.push(tag);
        Self(bytes)
    }

    fn length(mut self, len: usize) -> Self {
        self.0.extend_from_slice(&(len as u64).to_le_bytes());
        self
    }

    fn part(self, part: &str) -> Self {
        let mut with_length = self.length(part.len());
        with_length.0.extend_from_slice(part.as_bytes());
        with_length
    }

    fn list(self, parts: &[&str]) -> Self {
        parts.iter().fold(self.length(parts.len()), |all, part| all.part(part))
    }
}
