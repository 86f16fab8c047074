//! Defaults, and how configurations join.

use super::{ComponentConfig, Config};

#[test]
fn everything_is_off_by_default_but_what_the_code_gives() {
    let ComponentConfig { fallback, critical, retry, breaker, .. } = ComponentConfig::default();
    assert!(fallback && critical && retry.is_none() && breaker.is_none());
}

#[test]
fn components_of_the_code_stay_unless_named() {
    let named = |text: &str| Config::from_toml(text).expect("it is sound");
    let code = named("[components.a]\nfallback = false\n[components.b]\n");
    let joined = named("[components.a]\n[components.c]\n").over(&code);
    assert_eq!(joined.components.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(joined.components.get("a").is_some_and(|a| a.fallback));
}
