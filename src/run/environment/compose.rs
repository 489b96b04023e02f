//! Values made of others, in secret memory from the first byte to the last.

use std::collections::HashMap;

use super::{EnvironmentProblem, Resolved, filter};
use crate::{
    run::{
        manifest::{Composed, Filter, Segment},
        variable::VariableName,
    },
    secret::SecureBytes,
};

/// A value that a template can take.
enum Source<'s> {
    Borrowed(&'s [u8]),
    /// The template at this place in the list of those that are done.
    Composed(usize),
}

/// A template's part, ready to be copied.
enum Piece<'p> {
    Plain(&'p [u8]),
    Filtered(SecureBytes),
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Filtered(bytes) => bytes.expose(),
        }
    }
}

/// The values of `templates`. One is left out if a secret has its name, or if it takes a
/// value that is absent.
pub(super) fn compose<'a>(
    templates: &'a [Composed],
    vars: &[(VariableName, String)],
    secrets: &[Resolved<'_>],
    problems: &mut Vec<EnvironmentProblem>,
) -> Vec<(&'a VariableName, SecureBytes)> {
    let mut done = Vec::with_capacity(templates.len());
    if templates.is_empty() {
        return done;
    }
    let plain =
        vars.iter().map(|(name, value)| (name.as_str(), Source::Borrowed(value.as_bytes())));
    let mut sources: HashMap<&str, Source<'_>> = plain.collect();
    sources.extend(secrets.iter().map(|s| (s.name.as_str(), Source::Borrowed(s.value.expose()))));
    for composed in templates {
        if secrets.iter().any(|secret| *secret.name == composed.name) {
            continue;
        }
        match value_of(composed, &sources, &done) {
            Ok(Some(value)) => {
                sources.insert(&composed.name, Source::Composed(done.len()));
                done.push((&composed.name, value));
            }
            // A `[vars]` entry of the same name, from elsewhere, is not what was meant.
            Ok(None) => drop(sources.remove(composed.name.as_str())),
            Err(problem) => problems.push(problem),
        }
    }
    done
}

fn value_of(
    composed: &Composed,
    sources: &HashMap<&str, Source<'_>>,
    done: &[(&VariableName, SecureBytes)],
) -> Result<Option<SecureBytes>, EnvironmentProblem> {
    let mut pieces = Vec::with_capacity(composed.template.segments.len());
    for segment in &composed.template.segments {
        let (name, filters) = match segment {
            Segment::Literal(text) => {
                pieces.push(Piece::Plain(text.as_bytes()));
                continue;
            }
            Segment::Value { name, filters, .. } => (name, filters),
        };
        let value = match sources.get(name.as_str()) {
            None => return Ok(None),
            Some(Source::Borrowed(value)) => value,
            Some(&Source::Composed(index)) => done[index].1.expose(),
        };
        let piece = filtered(value, filters).map_err(|error| match error {
            filter::FilterError::OutOfSecretMemory(error) => error.into(),
            filter::FilterError::NotText => {
                EnvironmentProblem::NotText { composed: composed.name.clone(), value: name.clone() }
            }
        })?;
        pieces.push(piece);
    }
    Ok(Some(join(&pieces)?))
}

fn filtered<'p>(value: &'p [u8], filters: &[Filter]) -> Result<Piece<'p>, filter::FilterError> {
    let mut piece = Piece::Plain(value);
    for &filter in filters {
        piece = Piece::Filtered(filter::apply(filter, piece.bytes())?);
    }
    Ok(piece)
}

fn join(pieces: &[Piece<'_>]) -> Result<SecureBytes, EnvironmentProblem> {
    let mut value = SecureBytes::zeroed(pieces.iter().map(|piece| piece.bytes().len()).sum())?;
    let mut rest = value.expose_mut();
    for piece in pieces {
        let (here, after) = rest.split_at_mut(piece.bytes().len());
        here.copy_from_slice(piece.bytes());
        rest = after;
    }
    Ok(value)
}
