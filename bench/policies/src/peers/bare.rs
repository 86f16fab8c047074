//! The unprotected call, beside every kind of protected one.

use clap::ValueEnum as _;

use super::BARE;
use crate::{
    case::{Case, succeed, succeed_async},
    workload::Kind,
};

pub fn cases() -> Vec<Case> {
    let case = |kind: &Kind| {
        if kind.is_async() {
            Case::future(*kind, BARE, || async || succeed_async().await.is_ok())
        } else {
            Case::sync(*kind, BARE, || succeed().is_ok())
        }
    };
    Kind::value_variants().iter().map(case).collect()
}
