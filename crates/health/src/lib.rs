//! Health checks, self-healing, graceful degradation and leak detection.
#![forbid(unsafe_code)]
