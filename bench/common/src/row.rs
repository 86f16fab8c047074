//! One figure of one library, as every benchmark prints it.

use serde::Serialize;

/// One figure of one library.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub workload: String,
    pub library: &'static str,
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub unit: &'static str,
    /// Median over the rounds of this library's number over the baseline's of the same round.
    pub ratio: Option<f64>,
    pub baseline: Option<&'static str>,
}

impl Row {
    /// The row of a library's numbers, one for each round, and of those it is compared with.
    pub fn new(
        workload: impl Into<String>,
        library: &'static str,
        unit: &'static str,
        own: &[f64],
        reference: Option<(&'static str, &[f64])>,
    ) -> Self {
        let compared = reference.and_then(|(name, other)| Some((name, ratio(own, other)?)));
        Self {
            workload: workload.into(),
            library,
            median: median(own.iter().copied()),
            min: own.iter().copied().fold(f64::INFINITY, f64::min),
            max: own.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            unit,
            ratio: compared.map(|(_, ratio)| ratio),
            baseline: compared.map(|(name, _)| name),
        }
    }
}

/// The median of the ratios of the same rounds; `None` if it is no finite number.
pub fn ratio(own: &[f64], other: &[f64]) -> Option<f64> {
    let ratios = own.iter().zip(other).map(|(own, other)| own / other);
    Some(median(ratios)).filter(|ratio| ratio.is_finite())
}

/// The median; not a number if there are none.
pub fn median(samples: impl Iterator<Item = f64>) -> f64 {
    let mut samples: Vec<f64> = samples.collect();
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    match (samples.len(), samples.len() % 2) {
        (0, _) => f64::NAN,
        (_, 0) => f64::midpoint(samples[middle - 1], samples[middle]),
        _ => samples[middle],
    }
}

/// One array of all rows.
pub fn json<R: Serialize>(rows: &[R]) -> String {
    serde_json::to_string_pretty(rows).expect("rows hold only finite numbers and strings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_is_the_median_of_the_ratios_and_not_the_ratio_of_the_medians() {
        let (base, own) = ([100.0, 200.0, 400.0], [50.0, 180.0, 240.0]);
        // The ratios are 0.5, 0.9 and 0.6; the medians 180 and 200.
        let row = Row::new("tell", "x", "ns", &own, Some(("base", &base)));
        assert_eq!((row.ratio, row.baseline), (Some(0.6), Some("base")));
        assert_eq!((row.median, row.min, row.max), (180.0, 50.0, 240.0));
    }

    #[test]
    fn median_of_an_even_count_lies_in_the_middle() {
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
    }

    #[test]
    fn a_ratio_to_zero_is_no_number_and_left_out() {
        let row = Row::new("tell", "x", "ns", &[1.0], Some(("base", &[0.0])));
        assert_eq!((row.ratio, row.baseline), (None, None));
    }

    #[test]
    fn json_rows_have_exactly_the_eight_keys() {
        let row = Row::new("tell", "x", "ns", &[1.0], Some(("base", &[2.0])));
        let text = json(&[row]);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        let row = parsed[0].as_object().unwrap();
        let mut keys: Vec<_> = row.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            ["baseline", "library", "max", "median", "min", "ratio", "unit", "workload"]
        );
    }
}
