//! Values made of others, in secret memory from the first byte to the last.

use std::collections::HashMap;

use super::{
    COMPOSED_MAX_BYTES, EnvironmentProblem, MAX_ARG_STRLEN, Resolved,
    filter::{self, FilterError},
};
use crate::{
    run::manifest::{Composed, Filter, Segment},
    secret::SecureBytes,
    variable::VariableName,
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
    let mut len = 0;
    for composed in templates {
        if secrets.iter().any(|secret| *secret.name == composed.name) {
            continue;
        }
        match value_of(composed, &sources, &done) {
            // As few lines double a value each time as make it larger than all memory.
            Ok(Some(value)) if len + value.expose().len() > COMPOSED_MAX_BYTES => {
                problems.push(EnvironmentProblem::ComposedTooLarge(composed.name.clone()));
                break;
            }
            Ok(Some(value)) => {
                len += value.expose().len();
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

/// No string longer than the kernel takes is ever made, nor any part of one.
fn value_of(
    composed: &Composed,
    sources: &HashMap<&str, Source<'_>>,
    done: &[(&VariableName, SecureBytes)],
) -> Result<Option<SecureBytes>, EnvironmentProblem> {
    let mut pieces = Vec::with_capacity(composed.template.segments.len());
    // Of one string, less its name, `=` and its NUL.
    let mut room = MAX_ARG_STRLEN - composed.name.len() - 2;
    let too_long = || EnvironmentProblem::ComposedTooLong(composed.name.clone());
    for segment in &composed.template.segments {
        let piece = match segment {
            Segment::Literal(text) => Piece::Plain(text.as_bytes()),
            Segment::Value { name, filters, .. } => {
                let value = match sources.get(name.as_str()) {
                    None => return Ok(None),
                    Some(Source::Borrowed(value)) => value,
                    Some(&Source::Composed(index)) => done[index].1.expose(),
                };
                filtered(value, filters, room).map_err(|error| match error {
                    FilterError::OutOfSecretMemory(error) => error.into(),
                    FilterError::TooLong => too_long(),
                    FilterError::NotText => {
                        let (composed, value) = (composed.name.clone(), name.clone());
                        EnvironmentProblem::NotText { composed, value }
                    }
                })?
            }
        };
        room = room.checked_sub(piece.bytes().len()).ok_or_else(too_long)?;
        pieces.push(piece);
    }
    Ok(Some(join(&pieces)?))
}

fn filtered<'p>(
    value: &'p [u8],
    filters: &[Filter],
    room: usize,
) -> Result<Piece<'p>, FilterError> {
    let mut piece = Piece::Plain(value);
    for &filter in filters {
        piece = Piece::Filtered(filter::apply(filter, piece.bytes(), room)?);
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
