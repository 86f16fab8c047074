//! The crates, their edges and the table of ranks, as `cargo metadata` tells them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::Cmd;
use crate::workspace::Workspace;

/// What the rules look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    /// Layer name (the folder below `crates/`) to what the root manifest says of it.
    pub(crate) layers: BTreeMap<String, Layer>,
    /// Third-party crate, or prefix ending in `*`, to the layers that may name it.
    pub(crate) owners: BTreeMap<String, Vec<String>>,
    pub(crate) members: Vec<Member>,
}

/// One line of `[workspace.metadata.layers]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    pub(crate) rank: u64,
    pub(crate) uses: Vec<String>,
}

/// One member of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) package: String,
    pub(crate) description: String,
    /// Relative to the root, with `/` between parts.
    pub(crate) folder: String,
    pub(crate) edges: Vec<Edge>,
}

/// One dependency in a manifest, optional and target-specific ones included.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) to: String,
    pub(crate) kind: Kind,
    /// The version requirement; `*` if the manifest has none.
    pub(crate) req: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

impl Member {
    /// The layer's name, which is the folder below `crates/`; others are outside the ranks.
    pub(crate) fn layer(&self) -> Option<&str> {
        self.folder.strip_prefix("crates/")
    }
}

pub(crate) fn read(workspace: &Workspace) -> Result<Model> {
    let text =
        Cmd::cargo(workspace, &["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .output()?;
    parse(&text, workspace.root())
}

pub(crate) fn parse(text: &str, root: &Path) -> Result<Model> {
    let json: Value = serde_json::from_str(text).context("cargo metadata is not JSON")?;
    let table =
        |name: &str| json.pointer(&format!("/metadata/{name}")).and_then(Value::as_object).cloned();
    let layers = table("layers").context("no [workspace.metadata.layers] in the root manifest")?;
    let layers = layers
        .iter()
        .map(|(name, entry)| Ok((name.clone(), layer(name, entry)?)))
        .collect::<Result<_>>()?;
    let owners = table("owners").unwrap_or_default();
    let owners = owners.iter().map(|(name, by)| (name.clone(), strings(by))).collect();
    let packages = json.pointer("/packages").and_then(Value::as_array);
    let packages = packages.context("cargo metadata lists no packages")?;
    let members = packages.iter().map(|package| member(package, root)).collect::<Result<_>>()?;
    Ok(Model { layers, owners, members })
}

fn layer(name: &str, entry: &Value) -> Result<Layer> {
    let rank = entry.get("rank").and_then(Value::as_u64);
    let rank = rank.with_context(|| format!("layer {name} has no rank"))?;
    let uses = entry.get("uses").with_context(|| format!("layer {name} has no uses"))?;
    Ok(Layer { rank, uses: strings(uses) })
}

fn member(package: &Value, root: &Path) -> Result<Member> {
    let folder = Path::new(text(package, "manifest_path")?);
    let folder = folder.parent().context("a manifest has no folder")?;
    let folder = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().replace('\\', "/");
    let edges = package.get("dependencies").and_then(Value::as_array);
    let edges = edges.context("a package has no list of dependencies")?;
    Ok(Member {
        package: text(package, "name")?.to_owned(),
        description: text(package, "description").unwrap_or_default().to_owned(),
        folder,
        edges: edges.iter().map(edge).collect::<Result<_>>()?,
    })
}

fn edge(dependency: &Value) -> Result<Edge> {
    let kind = match dependency.get("kind").and_then(Value::as_str) {
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    };
    let to = text(dependency, "name")?.to_owned();
    Ok(Edge { to, kind, req: text(dependency, "req")?.to_owned() })
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("cargo metadata: no {key}"))
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}
