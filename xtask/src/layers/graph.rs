//! The layers as a table in Markdown, between two markers.

use anyhow::{Context, Result};

use crate::layers::metadata::Model;

const BEGIN: &str = "<!-- layers:begin (written by `cargo xtask layers --md`) -->";
const END: &str = "<!-- layers:end -->";

/// The table: one line per layer, by rank, then by name.
pub(crate) fn markdown(model: &Model) -> String {
    let mut layers: Vec<_> = model.layers.iter().collect();
    layers.sort_by_key(|(name, layer)| (layer.rank, name.as_str()));
    let mut text = "| rank | crate | its one concern | uses |\n|---|---|---|---|\n".to_owned();
    for (name, layer) in layers {
        let member = model.members.iter().find(|member| member.layer() == Some(name));
        let concern = member.map_or("", |member| member.description.as_str());
        let uses = if layer.uses.is_empty() { "-".to_owned() } else { layer.uses.join(", ") };
        let rank = layer.rank;
        text.extend(["| ", &rank.to_string(), " | `", name, "` | ", concern, " | ", &uses, " |\n"]);
    }
    text
}

/// `text` with what stands between the markers replaced by `table`.
pub(crate) fn replace(text: &str, table: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}
