//! What each variable of a command will be, from where, and in whose place. No values.

use std::collections::BTreeSet;

use super::{
    environment::STRIPPED,
    look::{Look, Place, Sight, winner},
    manifest::{Composed, Conflict, Inherit, Segment},
    plan::{Plan, Planned},
};
use crate::{sys::process, wire::message::Reason};

/// What a variable is made from.
#[derive(Debug)]
pub enum Source<'p> {
    /// A key of a vault.
    Secret {
        /// What the plan says of it.
        secret: &'p Planned,
        /// What is known of it, if anybody was asked.
        places: &'p [Place],
    },
    /// `[vars]`.
    Plain,
    /// `[compose]`.
    Composed(&'p Composed),
    /// The environment that `run` is started in.
    Inherited,
}

/// One variable.
#[derive(Debug)]
pub struct Explained<'p> {
    /// Its name.
    pub name: &'p str,
    /// What it is made from.
    pub source: Source<'p>,
    /// Whether only templates get it.
    pub hidden: bool,
    /// Whether `-e` has put this in the place of what the manifest says.
    pub over_manifest: bool,
    /// What becomes of a variable of this name that is set already, if one is.
    pub inherited: Option<Conflict>,
}

/// The names in the environment of this process that a command would inherit.
#[must_use]
pub fn inherited_names(inherit: &Inherit) -> BTreeSet<Vec<u8>> {
    let names = process::environment().filter_map(|entry| {
        let bytes = entry.to_bytes();
        let name = &bytes[..bytes.iter().position(|&byte| byte == b'=')?];
        let kept = match inherit {
            Inherit::All => true,
            Inherit::Only(patterns) => patterns.iter().any(|pattern| pattern.matches(name)),
        };
        let ours = STRIPPED.iter().any(|stripped| stripped.as_bytes() == name);
        (kept && !ours && !name.is_empty()).then(|| name.to_vec())
    });
    names.collect()
}

/// Everything that a plan sets, in the order in which the command gets it.
#[must_use]
pub fn explain<'p>(
    plan: &'p Plan<'_>,
    look: Option<&'p Look>,
    inherited: &BTreeSet<Vec<u8>>,
) -> Vec<Explained<'p>> {
    let one = |name: &'p str, source: Source<'p>, hidden: bool| {
        let set = !hidden && inherited.contains(name.as_bytes());
        let in_manifest = plan.manifest.is_some_and(|manifest| {
            let plain = manifest.vars.iter().any(|(var, _)| var.as_str() == name);
            plain || manifest.compose.iter().any(|made| made.name.as_str() == name)
        });
        let is_secret = matches!(source, Source::Secret { .. });
        Explained {
            name,
            source,
            hidden,
            over_manifest: is_secret && (in_manifest || plan.is_assigned_over_a_secret(name)),
            inherited: set.then(|| plan.conflict()),
        }
    };
    let mut all: Vec<_> =
        plan.vars.iter().map(|(name, _)| one(name.as_str(), Source::Plain, false)).collect();
    for (n, secret) in plan.secrets.iter().enumerate() {
        let places = look.map(|look| look.secrets[n].as_slice()).unwrap_or_default();
        let source = Source::Secret { secret, places };
        all.push(one(secret.variable.as_str(), source, secret.hidden));
    }
    let made = plan.compose.iter();
    all.extend(made.map(|made| one(made.name.as_str(), Source::Composed(made), false)));
    all
}

impl Explained<'_> {
    /// From where, in one line.
    #[must_use]
    pub fn origin(&self) -> String {
        match &self.source {
            Source::Plain => "plain value".to_owned(),
            Source::Inherited => "as it is in the environment".to_owned(),
            Source::Composed(made) => match parts(made).as_slice() {
                [] => "made of nothing else".to_owned(),
                parts => format!("made of {}", parts.join(", ")),
            },
            Source::Secret { secret, places } => {
                let names: Vec<_> = secret.profiles.iter().map(|p| p.as_str()).collect();
                let names = names.join(", ");
                let found = winner(places).map(|place| place.profile.as_str());
                let from = match found {
                    Some(found) if secret.profiles.len() > 1 => format!("{found}, of {names}"),
                    _ => names,
                };
                format!("{} ({from}){}", secret.key, fate(secret, places))
            }
        }
    }

    /// What it stands in the place of, or is displaced by; empty if nothing.
    #[must_use]
    pub fn shadows(&self) -> Vec<&'static str> {
        let mut all = Vec::new();
        if self.over_manifest {
            all.push("over the manifest's");
        }
        all.extend(self.inherited.map(|conflict| match conflict {
            Conflict::Secret => "over the one in the environment",
            Conflict::Environment => "but the one in the environment is kept",
            Conflict::Error => "but it is set already, which is an error",
        }));
        all
    }

    /// How the command gets it.
    #[must_use]
    pub fn delivery(&self) -> &'static str {
        if self.hidden { "for templates alone" } else { "as an environment variable" }
    }

    /// All of it, without the name.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.origin();
        if self.hidden {
            line.push_str(", for templates alone");
        }
        for shadow in self.shadows() {
            line.push_str(", ");
            line.push_str(shadow);
        }
        line
    }
}

/// A line for each variable.
#[must_use]
pub fn in_lines(all: &[Explained<'_>]) -> String {
    let width = all.iter().map(|one| one.name.len()).max().unwrap_or(0);
    all.iter().map(|one| format!("{:width$}  {}\n", one.name, one.line())).collect()
}

/// The names that a template takes values from, each with its filters.
#[must_use]
pub fn parts(made: &Composed) -> Vec<String> {
    let part = |segment: &Segment| match segment {
        Segment::Literal(_) => None,
        Segment::Value { name, filters, .. } => {
            let filters = filters.iter().map(|filter| format!("|{}", filter.name()));
            Some(format!("{name}{}", filters.collect::<String>()))
        }
    };
    made.template.segments.iter().filter_map(part).collect()
}

/// What becomes of a secret that isn't simply there.
fn fate(secret: &Planned, places: &[Place]) -> String {
    let sights = || places.iter().rev().map(|place| place.sight);
    if let Some(sight) = sights().find(|sight| !matches!(sight, Sight::Absent)) {
        return seen(sight);
    }
    match (places.is_empty(), &secret.default, &secret.generate) {
        (true, ..) if secret.required => String::new(),
        (true, ..) => ", optional".to_owned(),
        (false, Some(_), _) => ", not there: its default".to_owned(),
        (false, None, Some(_)) => ", not there: will be made".to_owned(),
        (false, None, None) if secret.required => ", which is not there".to_owned(),
        (false, None, None) => ", not there: unset".to_owned(),
    }
}

fn seen(sight: Sight) -> String {
    match sight {
        Sight::There { .. } | Sight::Absent => String::new(),
        Sight::Locked => ", which is locked".to_owned(),
        Sight::NoVault => ", which has no vault".to_owned(),
        Sight::Refused(Reason::AccessDenied) => ", which no rule grants".to_owned(),
        Sight::Refused(reason) => format!(", which is refused: {}", reason.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_has_its_reason() {
        let refused = seen(Sight::Refused(Reason::VaultDamaged));
        assert_eq!(refused, ", which is refused: vault-damaged");
    }
}
