//! Which check needs which: names resolved, cycles refused, an order in which needs come first.

use std::collections::BTreeMap;

use steadfast_base::{ConfigError, ConfigFaults};

use crate::limits;

/// A check as the graph sees it.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) needs: &'a [String],
    pub(super) critical: bool,
}

/// The resolved dependencies of all checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Graph {
    /// For each check, the checks that it needs.
    pub(super) needs: Vec<Vec<usize>>,
    /// All checks; each comes after all that it needs, otherwise as they were added.
    pub(super) order: Vec<usize>,
    /// Whether the whole is critical when the check is unhealthy: it is critical itself, or one that
    /// needs it is.
    pub(super) critical: Vec<bool>,
}

impl Graph {
    /// Resolves the names; refuses unknown ones, doubles, cycles and too many checks.
    pub(super) fn new(nodes: &[Node<'_>]) -> Result<Self, ConfigError> {
        let mut faults = ConfigFaults::default();
        if nodes.len() > limits::CHECKS_MAX {
            let problem = format!("are {}; at most {} are run", nodes.len(), limits::CHECKS_MAX);
            faults.add("checks", problem);
        }
        let mut places = BTreeMap::new();
        for (place, node) in nodes.iter().enumerate() {
            if node.name.is_empty() {
                faults.add("checks", "have one without a name");
            } else if places.insert(node.name, place).is_some() {
                faults.add(format!("checks.{}", node.name), "is added twice");
            }
        }
        let mut needs = Vec::with_capacity(nodes.len());
        for node in nodes {
            let mut resolved = Vec::with_capacity(node.needs.len());
            for needed in node.needs {
                match places.get(needed.as_str()) {
                    Some(place) if !resolved.contains(place) => resolved.push(*place),
                    Some(_) => {}
                    None => faults.add(
                        format!("checks.{}.needs", node.name),
                        format!("names {needed}, and there is no such check"),
                    ),
                }
            }
            needs.push(resolved);
        }
        let order = order(&needs);
        let in_cycle = (0..nodes.len()).filter(|place| !order.contains(place));
        let cycle: Vec<&str> = in_cycle.filter_map(|place| Some(nodes.get(place)?.name)).collect();
        if !cycle.is_empty() {
            let problem = format!(
                "go round in a circle, at or below: {}; take one of them out",
                cycle.join(", ")
            );
            faults.add("checks.needs", problem);
        }
        faults.into_result("health")?;
        let critical = critical(nodes, &needs, &order);
        Ok(Self { needs, order, critical })
    }
}

/// The checks in an order in which needs come first; those in or behind a cycle are missing.
fn order(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut placed = vec![false; needs.len()];
    let mut order = Vec::with_capacity(needs.len());
    // Each round places at least one check, or the rest is a cycle.
    for _ in 0..needs.len() {
        for (place, needed) in needs.iter().enumerate() {
            let ready = needed.iter().all(|needed| placed.get(*needed) == Some(&true));
            if let Some(done) = placed.get_mut(place).filter(|done| ready && !**done) {
                *done = true;
                order.push(place);
            }
        }
    }
    order
}

fn critical(nodes: &[Node<'_>], needs: &[Vec<usize>], order: &[usize]) -> Vec<bool> {
    let mut critical: Vec<bool> = nodes.iter().map(|node| node.critical).collect();
    // From the dependents down to what they need.
    for place in order.iter().rev() {
        if critical.get(*place) != Some(&true) {
            continue;
        }
        for needed in needs.get(*place).into_iter().flatten() {
            if let Some(needed) = critical.get_mut(*needed) {
                *needed = true;
            }
        }
    }
    critical
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(checks: &[(&str, &[&str], bool)]) -> Result<Graph, ConfigError> {
        let needs: Vec<Vec<String>> = checks
            .iter()
            .map(|(_, needs, _)| needs.iter().map(ToString::to_string).collect())
            .collect();
        let nodes: Vec<Node<'_>> = checks
            .iter()
            .zip(&needs)
            .map(|((name, _, critical), needs)| Node { name, needs, critical: *critical })
            .collect();
        Graph::new(&nodes)
    }

    #[test]
    fn what_is_needed_comes_first() {
        let graph = graph(&[
            ("api", &["db", "cache"], true),
            ("db", &["net"], false),
            ("cache", &[], false),
            ("net", &[], false),
        ])
        .unwrap();
        assert_eq!(graph.order, [2, 3, 1, 0]);
        assert_eq!(graph.needs, [vec![1, 2], vec![3], vec![], vec![]]);
    }

    #[test]
    fn what_a_critical_check_needs_is_critical() {
        let graph = graph(&[
            ("net", &[], false),
            ("db", &["net"], true),
            ("ads", &["net"], false),
            ("log", &[], false),
        ])
        .unwrap();
        assert_eq!(graph.critical, [true, true, false, false]);
    }

    #[test]
    fn a_cycle_is_a_fault_that_names_its_members() {
        let error =
            graph(&[("a", &["b"], true), ("b", &["a"], true), ("c", &[], true)]).unwrap_err();
        assert_eq!(error.faults().len(), 1);
        assert!(error.to_string().contains("a, b;"), "{error}");
        assert!(graph(&[("self", &["self"], true)]).is_err());
    }

    #[test]
    fn all_faults_are_listed_at_once() {
        let error = graph(&[
            ("a", &["nobody"], true),
            ("a", &[], true),
            ("", &[], true),
            ("b", &["c"], true),
            ("c", &["b"], true),
        ])
        .unwrap_err();
        let fields: Vec<&str> = error.faults().iter().map(crate::ConfigFault::field).collect();
        assert_eq!(fields, ["checks.a", "checks", "checks.a.needs", "checks.needs"]);
    }
}
