//! Quantiles of the gamma, beta and normal distributions, bounded in time for any shape.

use statrs::distribution::{Beta, ContinuousCDF, Gamma, Normal};

use crate::limits;

/// From this shape on the gamma quantile is computed by Wilson and Hilferty (1931), whose error is then
/// below one part in a million; the exact series would take long.
const GAMMA_SHAPE_EXACT_MAX: f64 = 10_000.0;

/// From this sum of shapes on the beta quantile is computed from gamma quantiles or by Paulson (1942); the
/// continued fraction behind the exact one does not converge for much larger shapes.
const BETA_SHAPES_EXACT_MAX: f64 = 5_000.0;

/// Smaller of two large shapes up to which a beta variable is treated as nearly a gamma variable.
const BETA_SHAPE_RARE_MAX: f64 = 50.0;

/// A level brought into the allowed range; what is not a number becomes the lowest.
pub(crate) fn allowed(level: f64) -> f64 {
    if level.is_nan() {
        return limits::CONFIDENCE_MIN;
    }
    level.clamp(limits::CONFIDENCE_MIN, limits::CONFIDENCE_MAX)
}

/// The probabilities below the lower end, the middle and the upper end of a central interval.
pub(crate) fn central(level: f64) -> (f64, f64, f64) {
    let tail = (1.0 - allowed(level)) / 2.0;
    (tail, 0.5, 1.0 - tail)
}

/// The quantile of the standard normal distribution; `p` is in 0..=1.
pub(crate) fn normal(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// Twice the upper tail of the standard normal distribution beyond `z`.
pub(crate) fn normal_two_sided(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).min(1.0)
}

/// The quantile of the gamma distribution of rate 1; `shape` is above 0, `p` strictly within 0 and 1.
pub(crate) fn gamma(shape: f64, p: f64) -> f64 {
    if shape <= GAMMA_SHAPE_EXACT_MAX
        && let Ok(gamma) = Gamma::new(shape, 1.0)
    {
        return gamma.inverse_cdf(p);
    }
    let ninth = 1.0 / (9.0 * shape);
    shape * (1.0 - ninth + normal(p) * ninth.sqrt()).powi(3)
}

/// The quantile of the beta distribution; both shapes are above 0, `p` strictly within 0 and 1.
pub(crate) fn beta(a: f64, b: f64, p: f64) -> f64 {
    if a > b {
        // The larger shape second: so what is close to 0 stays exact.
        return 1.0 - beta(b, a, 1.0 - p);
    }
    if a + b <= BETA_SHAPES_EXACT_MAX
        && let Ok(beta) = Beta::new(a, b)
    {
        return beta.inverse_cdf(p);
    }
    if a <= BETA_SHAPE_RARE_MAX {
        // Bol'shev: the gamma limit of rare events, right to the second order in a / b.
        let rare = gamma(a, p);
        return rare / (b + (a - 1.0) / 2.0 + rare / 2.0);
    }
    paulson(a, b, normal(p))
}

/// Paulson's cube root approximation of the F distribution, solved for the beta variable.
fn paulson(a: f64, b: f64, z: f64) -> f64 {
    let (ninth_a, ninth_b) = (1.0 / (9.0 * a), 1.0 / (9.0 * b));
    let (center_a, center_b) = (1.0 - ninth_a, 1.0 - ninth_b);
    // (center_b * r - center_a)^2 = z^2 (ninth_b r^2 + ninth_a), with r the cube root of F.
    let square = center_b * center_b - z * z * ninth_b;
    let constant = center_a * center_a - z * z * ninth_a;
    let root = (center_a * center_a * center_b * center_b - square * constant).max(0.0).sqrt();
    let cube_root = (center_a * center_b + root.copysign(z)) / square;
    let odds = a / b * cube_root.powi(3);
    odds / (1.0 + odds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts that two numbers agree to a relative error.
    fn close(left: f64, right: f64, error: f64) {
        assert!((left - right).abs() <= error * right.abs(), "{left} is not {right}");
    }

    #[test]
    fn chi_square_quantiles_agree_with_the_printed_table() {
        // NIST/SEMATECH e-Handbook, 1.3.6.7.4: chi-square with f degrees is twice gamma(f / 2).
        for (degrees, p, table) in [
            (1.0, 0.95, 3.841),
            (1.0, 0.05, 0.004),
            (3.0, 0.05, 0.352),
            (3.0, 0.95, 7.815),
            (11.0, 0.025, 3.816),
            (11.0, 0.975, 21.920),
            (100.0, 0.025, 74.222),
            (100.0, 0.975, 129.561),
        ] {
            let computed = 2.0 * gamma(degrees / 2.0, p);
            assert!((computed - table).abs() < 0.000_51, "{degrees} at {p}: {computed}");
        }
    }

    #[test]
    fn beta_quantiles_agree_with_closed_forms() {
        for p in [0.001_f64, 0.025, 0.3, 0.5, 0.8, 0.975, 0.999] {
            close(beta(0.5, 0.5, p), (p * std::f64::consts::FRAC_PI_2).sin().powi(2), 1e-6);
            for shape in [1.0, 7.0, 400.0] {
                close(beta(shape, 1.0, p), p.powf(1.0 / shape), 1e-8);
                close(beta(1.0, shape, p), -((-p).ln_1p() / shape).exp_m1(), 1e-6);
            }
        }
        // With shape 1 the closed form holds at any size.
        for p in [0.025_f64, 0.5, 0.975] {
            close(beta(1.0, 1e7, p), -((-p).ln_1p() / 1e7).exp_m1(), 1e-6);
        }
    }

    #[test]
    fn large_shapes_join_the_exact_ones_without_a_step() {
        for p in [0.025, 0.5, 0.975] {
            close(gamma(9_999.9, p) / 9_999.9, gamma(10_000.1, p) / 10_000.1, 1e-5);
            for a in [0.5, 3.5, 20.5, 49.9, 50.1, 300.5, 1_000.5, 2_400.5] {
                let below = beta(a, 4_999.9 - a, p);
                let above = beta(a, 5_000.1 - a, p);
                close(below, above, 4e-4);
            }
        }
    }

    #[test]
    fn the_normal_quantile_is_the_one_everybody_knows() {
        assert!((normal(0.975) - 1.959_964).abs() < 1e-6);
        assert!((normal_two_sided(1.959_964) - 0.05).abs() < 1e-6);
        assert!((normal_two_sided(0.0) - 1.0).abs() < f64::EPSILON);
    }
}
