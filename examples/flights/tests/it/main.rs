//! What the demo does with the real file, with damaged ones, and when inputs get lost.
#![forbid(unsafe_code)]

#[cfg(test)]
mod damage;
#[cfg(test)]
mod known_facts;
#[cfg(test)]
mod program;
#[cfg(test)]
mod redelivery;
#[cfg(test)]
mod survival;
