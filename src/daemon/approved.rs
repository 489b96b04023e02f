//! Whether an approval covers what a manifest asks for.

use std::collections::{HashMap, HashSet};

use crate::{
    store::Approval,
    wire::message::{ItemDigest, ManifestClaim, NotApproved},
};

/// Approvals by the path of their manifest.
pub(super) fn by_path(approvals: Vec<Approval>) -> HashMap<String, Approval> {
    approvals.into_iter().map(|approval| (approval.path.clone(), approval)).collect()
}

/// Compares what a manifest claims with what was approved for its path.
pub(super) fn uncovered(
    claim: &ManifestClaim<'_>,
    approved: Option<&Approval>,
) -> Option<NotApproved> {
    let Some(approved) = approved.filter(|approved| approved.owner == claim.owner) else {
        return Some(NotApproved { known: false, items: claim.items.clone() });
    };
    let covered: HashSet<&[u8]> = approved.items.chunks_exact(32).collect();
    let items: Vec<ItemDigest> =
        claim.items.iter().filter(|item| !covered.contains(item.0.as_slice())).copied().collect();
    (!items.is_empty()).then_some(NotApproved { known: true, items })
}
