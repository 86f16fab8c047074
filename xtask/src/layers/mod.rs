//! `cargo xtask layers`: every edge between crates goes where the table of ranks lets it.

mod graph;
mod metadata;
mod rules;
#[cfg(test)]
mod tests;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// The file that carries the generated table of layers.
pub(crate) const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Checks the workspace; the answer is one line of summary.
pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let model = metadata::read(workspace)?;
    let faults = rules::faults(&model);
    if faults.is_empty() {
        let edges: usize = model.members.iter().map(|member| member.edges.len()).sum();
        return Ok(format!("{} crates, {edges} edges, all allowed", model.members.len()));
    }
    bail!("{} faults\n{}", faults.len(), faults.join("\n"))
}

/// Writes the table of layers into ARCHITECTURE.md, between its markers.
pub(crate) fn write_markdown(workspace: &Workspace) -> Result<()> {
    let model = metadata::read(workspace)?;
    let text = workspace.read(ARCHITECTURE)?;
    workspace.write(ARCHITECTURE, &graph::replace(&text, &graph::markdown(&model))?)
}

/// Whether ARCHITECTURE.md shows the table as it is now.
pub(crate) fn markdown_is_current(workspace: &Workspace) -> Result<bool> {
    let model = metadata::read(workspace)?;
    let text = workspace.read(ARCHITECTURE)?;
    Ok(graph::replace(&text, &graph::markdown(&model))? == text)
}
