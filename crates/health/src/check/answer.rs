//! Answers to liveness, readiness and startup probes, ready to be sent by any web framework.

use serde::Serialize;

use super::status::{CheckStatus, HealthSummary};

/// An answer to an HTTP probe: status, content type, body.
///
/// No web framework is needed or known here: a handler of yours calls [`HealthChecker::readiness`]
/// and the like, and sends what it gets.
///
/// | Probe | Path by convention | 200 | 503 |
/// |---|---|---|---|
/// | liveness | `/livez` | the process works | restart it |
/// | readiness | `/readyz` | send work | send no work |
/// | startup | `/startupz` | the start is over | wait, and do not ask for the others yet |
///
/// With axum a route is
/// `get(|| async move { let a = checker.readiness(); (StatusCode::from_u16(a.status)?, [(CONTENT_TYPE, a.content_type)], a.body) })`;
/// with hyper, `Response::builder().status(a.status).header(CONTENT_TYPE, a.content_type).body(a.body)`.
/// Answers are of the moment: send `cache-control: no-store` with them. The body names checks and
/// their reasons, so serve it to operators only, or send the status without the body.
///
/// ```text
/// {"probe":"readiness","pass":false,"health":"critical","reason":"db is unhealthy: connection refused",
///  "checks":[{"name":"db","state":"unhealthy","critical":true,"reason":"connection refused",..}]}
/// ```
///
/// [`HealthChecker::readiness`]: crate::HealthChecker::readiness
///
/// # Example
///
/// ```
/// use steadfast_actor_core::System;
/// use steadfast_health::HealthChecker;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let system = System::builder("shop").build()?;
/// let checker = HealthChecker::builder().start(&system)?;
/// let answer = checker.liveness();
/// assert_eq!((answer.status, answer.content_type), (200, "application/json"));
/// # system.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// 200 or 503.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// JSON: the verdict, the health of the whole, every check.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    probe: &'static str,
    pass: bool,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    checks: &'a [CheckStatus],
}

impl HttpAnswer {
    /// `obstacle` is a reason to fail that no check knows of.
    pub(super) fn liveness(summary: &HealthSummary, obstacle: Option<&str>) -> Self {
        Self::new("liveness", summary.is_alive(), summary, obstacle)
    }

    pub(super) fn readiness(summary: &HealthSummary, obstacle: Option<&str>) -> Self {
        Self::new("readiness", summary.is_ready(), summary, obstacle)
    }

    pub(super) fn startup(summary: &HealthSummary) -> Self {
        Self::new("startup", summary.is_started(), summary, None)
    }

    fn new(
        probe: &'static str,
        passed: bool,
        summary: &HealthSummary,
        obstacle: Option<&str>,
    ) -> Self {
        let pass = passed && obstacle.is_none();
        let body = Body {
            probe,
            pass,
            health: summary.health.as_str(),
            reason: obstacle.or(summary.reason.as_deref()),
            checks: &summary.checks,
        };
        // Strings, numbers and lists of them can always be written.
        let body = serde_json::to_string(&body).unwrap_or_default();
        Self { status: if pass { 200 } else { 503 }, content_type: "application/json", body }
    }
}
