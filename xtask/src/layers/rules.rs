//! The rules of the layers, over a [`Model`]; nothing here reads a file.

use std::collections::BTreeSet;

use crate::layers::metadata::{Edge, Kind, Layer, Member, Model};

/// Every fault, one line each, with the edge, both ranks and the rule.
pub(crate) fn faults(model: &Model) -> Vec<String> {
    let mut faults = table_faults(model);
    for member in &model.members {
        faults.extend(member_fault(model, member));
        for edge in &member.edges {
            faults.extend(owner_fault(model, member, edge));
            faults.extend(edge_fault(model, member, edge));
        }
    }
    faults
}

/// The table itself: `uses` names known layers of lower rank, and every layer has a crate.
fn table_faults(model: &Model) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, layer) in &model.layers {
        if !model.members.iter().any(|member| member.layer() == Some(name)) {
            faults.push(format!("layer {name}: no crate in crates/{name} (rule: no stale layer)"));
        }
        for used in &layer.uses {
            match model.layers.get(used) {
                None => faults.push(format!("layer {name}: uses {used}, which has no rank")),
                Some(lower) if lower.rank >= layer.rank => faults.push(format!(
                    "layer {name} (rank {}) -> {used} (rank {}) (rule: uses goes downward)",
                    layer.rank, lower.rank
                )),
                Some(_) => {}
            }
        }
    }
    faults
}

fn member_fault(model: &Model, member: &Member) -> Option<String> {
    let Some(name) = member.layer() else {
        let outside = ["xtask", "integration"].contains(&member.folder.as_str())
            || member.folder.starts_with("examples/");
        return (!outside).then(|| {
            format!(
                "{}: {} is no place for a crate (rule: crates live in crates/)",
                member.package, member.folder
            )
        });
    };
    (!model.layers.contains_key(name)).then(|| {
        format!(
            "{}: no rank in [workspace.metadata.layers] (rule: every crate has a rank)",
            member.package
        )
    })
}

/// A third-party crate with an owner is named by its owners only.
fn owner_fault(model: &Model, member: &Member, edge: &Edge) -> Option<String> {
    let (pattern, owners) = model.owners.iter().find(|(pattern, _)| {
        pattern.strip_suffix('*').map_or(edge.to == **pattern, |start| edge.to.starts_with(start))
    })?;
    let name = member.layer().unwrap_or(&member.package);
    (!owners.iter().any(|owner| owner == name)).then(|| {
        format!(
            "{} -> {} (rule: only {} may name {pattern}, [workspace.metadata.owners])",
            member.package,
            edge.to,
            owners.join(", ")
        )
    })
}

fn edge_fault(model: &Model, member: &Member, edge: &Edge) -> Option<String> {
    let target = model.members.iter().find(|other| other.package == edge.to)?;
    if edge.kind == Kind::Dev && edge.req != "*" {
        return Some(format!(
            "{} -> {} (dev, version {}) (rule: dev edges inside the workspace are `{{ path = \"..\" }}`, without a version)",
            member.package, edge.to, edge.req
        ));
    }
    let from = ranked(model, member)?;
    let Some(to) = ranked(model, target) else {
        return Some(format!(
            "{} (rank {}) -> {} (no rank) (rule: a layer depends on layers only)",
            member.package, from.rank, edge.to
        ));
    };
    let arrow =
        format!("{} (rank {}) -> {} (rank {})", member.package, from.rank, edge.to, to.rank);
    if edge.kind == Kind::Dev {
        return (to.rank >= from.rank).then(|| format!("{arrow} (rule: dev edges go downward)"));
    }
    let allowed = closure(model, from);
    let name = target.layer().unwrap_or_default();
    (!allowed.contains(name)).then(|| {
        let list: Vec<&str> = allowed.iter().copied().collect();
        format!("{arrow} (rule: it may use what it lists and their uses: {})", list.join(", "))
    })
}

fn ranked<'a>(model: &'a Model, member: &Member) -> Option<&'a Layer> {
    model.layers.get(member.layer()?)
}

/// What a layer may use: what it lists, what those list, and so on.
fn closure<'a>(model: &'a Model, layer: &'a Layer) -> BTreeSet<&'a str> {
    let mut allowed = BTreeSet::new();
    let mut open: Vec<&str> = layer.uses.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if allowed.insert(name) {
            let next = model.layers.get(name).map(|layer| layer.uses.as_slice());
            open.extend(next.unwrap_or_default().iter().map(String::as_str));
        }
    }
    allowed
}
