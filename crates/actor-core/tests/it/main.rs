//! What actors promise, seen from outside. One module per concern; a number in a test's name is
//! that of the acceptance scenario.

#[cfg(test)]
mod asks;
#[cfg(test)]
mod basics;
#[cfg(test)]
mod children;
#[cfg(test)]
mod common;
#[cfg(test)]
mod contexts;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod mailboxes;
#[cfg(test)]
mod model;
#[cfg(test)]
mod pipes;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod shutdowns;
#[cfg(test)]
mod sigterm;
#[cfg(test)]
mod soak;
#[cfg(all(test, feature = "tracing"))]
mod spans;
#[cfg(test)]
mod starts;
#[cfg(test)]
mod stashes;
#[cfg(test)]
mod timers;
#[cfg(test)]
mod visits;
#[cfg(test)]
mod watches;
#[cfg(test)]
mod yields;
