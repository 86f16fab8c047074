//! A year of real flights, digested by supervised actors.
fn main() {}
