//! What the demo does with the real file, with damaged ones, and when it is killed.
#![forbid(unsafe_code)]

#[cfg(test)]
mod damage;
#[cfg(test)]
mod killing;
#[cfg(test)]
mod known_facts;
#[cfg(test)]
mod program;
#[cfg(test)]
mod survival;
