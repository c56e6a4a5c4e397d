//! The estimators of `crate::statistics`, for Python.

use pyo3::prelude::*;

use crate::statistics::{self, CONFIDENCE, Estimate, Verdict};

/// Value, low end and high end.
type EstimateTuple = (f64, f64, f64);
/// Ratio, low end, high end, p, verdict, rounds needed.
type ContrastTuple = (f64, f64, f64, f64, &'static str, Option<usize>);

fn tuple(estimate: Estimate) -> EstimateTuple {
    (estimate.value, estimate.low, estimate.high)
}

/// The median of at least one value, and its 95 % interval.
#[pyfunction]
pub(super) fn median(values: Vec<f64>) -> EstimateTuple {
    tuple(statistics::median(&values, CONFIDENCE))
}

/// The nearest-rank percentiles of each column, for these shares of its values.
#[pyfunction]
pub(super) fn percentiles(py: Python<'_>, columns: Vec<Vec<f64>>, shares: Vec<f64>) -> Vec<Vec<f64>> {
    py.detach(|| statistics::percentiles(columns, &shares))
}

/// Whether this many values are enough to show the percentile.
#[pyfunction]
pub(super) fn tells_percentile(count: usize, p: f64) -> bool {
    statistics::tells_percentile(count, p)
}

/// The Hodges–Lehmann centre of at least one difference, and its interval.
#[pyfunction]
pub(super) fn hodges_lehmann(differences: Vec<f64>, confidence: f64) -> EstimateTuple {
    tuple(statistics::hodges_lehmann(&differences, confidence))
}

/// How many rounds it takes before any of this many contrasts, judged together, can be faster or slower.
#[pyfunction]
pub(super) fn fewest_rounds(contrasts: usize) -> usize {
    statistics::fewest_rounds(contrasts)
}

/// Returns Holm's adjusted p-values, in the order given.
#[pyfunction]
pub(super) fn holm(p_values: Vec<f64>) -> Vec<f64> {
    statistics::holm(&p_values)
}

/// The verdicts on the contrasts of one comparison, from the log-ratios of each.
#[pyfunction]
pub(super) fn judge(differences: Vec<Vec<f64>>) -> Vec<ContrastTuple> {
    let contrasts = statistics::judge(&differences).into_iter();
    contrasts
        .map(|contrast| {
            let (ratio, low, high) = tuple(contrast.ratio);
            let verdict = match contrast.verdict {
                Verdict::Faster => "faster",
                Verdict::Slower => "slower",
                Verdict::Equivalent => "equivalent",
                Verdict::Undecided => "undecided",
            };
            (ratio, low, high, contrast.p, verdict, contrast.rounds_needed)
        })
        .collect()
}
