//! Pure statistics: trends, time to exhaustion, MTBF, MTTR, availability, with intervals.
#![forbid(unsafe_code)]
