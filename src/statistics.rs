//! The estimators of a comparison and their intervals. None uses random numbers, and none assumes that times are
//! normally distributed.
//!
//! - The median of one arm's runs has the distribution-free interval between two order statistics (binomial).
//! - Two arms are compared by the logarithms of their ratios, round by round: the Hodges–Lehmann estimate (the median
//!   of the Walsh averages) with the interval that inverts Wilcoxon's signed-rank test (Hollander & Wolfe,
//!   *Nonparametric Statistical Methods*, 3.1–3.3).
//! - Several contrasts are judged together, by Holm's step-down procedure (Scand. J. Statist. 6, 1979).

use libm::erfc;
use rayon::prelude::*;
use rayon::{ThreadBuilder, ThreadPoolBuildError, ThreadPoolBuilder};

/// The confidence level of every interval shown, except that of the A/A check.
pub const CONFIDENCE: f64 = 0.95;
/// A contrast is *faster* or *slower* only if a ratio within this is rejected, by the p-value that Holm has adjusted.
pub const RELEVANT: f64 = 1.03;
/// A contrast is *equivalent* if the whole of its interval lies within this.
pub const EQUIVALENT: f64 = 1.05;
/// A percentile is shown only if at least this many values lie beyond it.
const BEYOND_PERCENTILE: f64 = 10.0;
/// From this many values on, over all columns, they are sorted in threads. Measured on two busy processors, in one
/// thread and in several: 2 x 1,000 values took 0.03 and 0.3 ms, 2 x 30,000 1.9 and 1.9 ms, 2 x 100,000 7.4 and 5.9 ms.
const WORTH_THREADS: usize = 200_000;
/// Up to this many differences the exact signed-rank distribution is used, beyond that the normal approximation.
const MOST_EXACT: usize = 50;
/// Up to this many values the median's interval is exact; the binomial probabilities of many more would underflow.
const MOST_EXACT_ORDERS: usize = 1000;

/// An estimate and its confidence interval. With too few values for one, its ends are infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// Half the interval's length.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// The estimate of a ratio, from that of its logarithm.
    #[must_use]
    pub fn exp(self) -> Self {
        Estimate { value: self.value.exp(), low: self.low.exp(), high: self.high.exp() }
    }
}

/// The median of at least one value, between the two order statistics that leave out at most half of what the
/// confidence leaves each: with 20 values the 6th and the 15th.
#[must_use]
pub fn median(values: &[f64], confidence: f64) -> Estimate {
    let sorted = sorted(values);
    let value = middle(&sorted);
    match order_statistic(sorted.len(), (1.0 - confidence) / 2.0) {
        Some(rank) => Estimate { value, low: sorted[rank], high: sorted[sorted.len() - 1 - rank] },
        None => Estimate { value, low: f64::NEG_INFINITY, high: f64::INFINITY },
    }
}

/// How many of the ordered values lie beyond each end of the median's interval, if at most `tail` may lie beyond each;
/// `None` if there are too few values.
fn order_statistic(count: usize, tail: f64) -> Option<usize> {
    if count > MOST_EXACT_ORDERS {
        return Some(((count as f64 - normal_quantile(1.0 - tail) * (count as f64).sqrt()) / 2.0 - 0.5) as usize);
    }
    // the binomial probability that this many values lie below the true median, and that at most this many do
    let mut probability = 0.5_f64.powf(count as f64);
    let mut cumulated = probability;
    let mut below = 0;
    while cumulated <= tail {
        below += 1;
        probability *= (count + 1 - below) as f64 / below as f64;
        cumulated += probability;
    }
    below.checked_sub(1)
}

/// The percentiles of each column for these shares (0 to 1): the nearest rank, never between two values. A column needs
/// at least one value, unless there are no shares.
///
/// Large columns are sorted by as many threads as there are processors.
#[must_use]
pub fn percentiles(mut columns: Vec<Vec<f64>>, shares: &[f64]) -> Vec<Vec<f64>> {
    let values = columns.iter().map(Vec::len).sum::<usize>();
    if values < WORTH_THREADS || sort_in_threads(&mut columns).is_err() {
        for column in &mut columns {
            column.sort_unstable_by(f64::total_cmp);
        }
    }
    columns.iter().map(|sorted| shares.iter().map(|share| nearest_rank(sorted, *share)).collect()).collect()
}

/// Sorts the columns in a thread pool that lasts for the call: rayon's global pool would hang in a forked child. If the
/// system allows no threads, it fails and sorts nothing.
fn sort_in_threads(columns: &mut [Vec<f64>]) -> Result<(), ThreadPoolBuildError> {
    ThreadPoolBuilder::new().build_scoped(ThreadBuilder::run, |pool| {
        pool.install(|| {
            columns.par_iter_mut().for_each(|column| column.par_sort_unstable_by(f64::total_cmp));
        });
    })
}

fn nearest_rank(sorted: &[f64], share: f64) -> f64 {
    // 0.29 * 100 is a little more than 29
    let rank = (share * sorted.len() as f64 - 1e-9).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Whether this many values are enough to show the percentile.
#[must_use]
pub fn tells_percentile(count: usize, p: f64) -> bool {
    count as f64 * (1.0 - p) >= BEYOND_PERCENTILE - 1e-9
}

/// The centre of at least one difference by Hodges and Lehmann: the median of the means of all pairs (Walsh averages),
/// and the interval that inverts the signed-rank test.
#[must_use]
pub fn hodges_lehmann(differences: &[f64], confidence: f64) -> Estimate {
    let averages = walsh_averages(differences);
    let value = middle(&averages);
    // beyond each end lie as many averages as the test would still reject
    match beyond(differences.len(), (1.0 - confidence) / 2.0) {
        Some(rank) => Estimate { value, low: averages[rank], high: averages[averages.len() - 1 - rank] },
        None => Estimate { value, low: f64::NEG_INFINITY, high: f64::INFINITY },
    }
}

/// The two-sided p-value of Wilcoxon's signed-rank test that the centre of the differences is `centre`.
#[must_use]
pub fn signed_rank_p(differences: &[f64], centre: f64) -> f64 {
    let (below, above) = one_sided_p(differences, centre);
    (2.0 * below.min(above)).min(1.0)
}

/// The one-sided p-values: the first is small if the true centre lies below `centre`, the second if it lies above.
fn one_sided_p(differences: &[f64], centre: f64) -> (f64, f64) {
    let averages = walsh_averages(differences);
    let smaller = averages.partition_point(|&average| average < centre);
    let larger = averages.len() - averages.partition_point(|&average| average <= centre);
    // an average equal to the centre is evidence for neither side: it counts against both
    let most = averages.len();
    (at_most(differences.len(), most - smaller), at_most(differences.len(), most - larger))
}

/// Holm's adjusted p-values, in the order given: each may be compared with the level of the whole family.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        largest = largest.max((p_values.len() - rank) as f64 * p_values[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

/// The verdict on an arm, compared with its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its adjusted p-value rejects a ratio of at most `RELEVANT`.
    Faster,
    /// Its adjusted p-value rejects a ratio of at least `1 / RELEVANT`.
    Slower,
    /// Neither, and its whole interval lies within `EQUIVALENT`.
    Equivalent,
    /// None of these.
    Undecided,
}

/// Two arms, compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// How many times as fast the arm is as its base.
    pub ratio: Estimate,
    /// The p-value, adjusted by Holm, of a difference beyond `RELEVANT`.
    pub p: f64,
    /// The verdict.
    pub verdict: Verdict,
    /// About how many rounds would decide it; `None` if it is decided.
    pub rounds_needed: Option<usize>,
}

/// Judges the contrasts of one comparison together.
///
/// `differences` has, for each contrast, ln(base's time / arm's time) of at least one round.
#[must_use]
pub fn judge(differences: &[Vec<f64>]) -> Vec<Contrast> {
    let limit = RELEVANT.ln();
    let p_values: Vec<f64> = differences
        .iter()
        .map(|contrast| {
            let (_, faster) = one_sided_p(contrast, limit);
            let (slower, _) = one_sided_p(contrast, -limit);
            (2.0 * faster.min(slower)).min(1.0)
        })
        .collect();
    let adjusted = holm(&p_values);
    let fewest = fewest_rounds(differences.len());
    let strictest = 1.0 - (1.0 - CONFIDENCE) / differences.len().max(1) as f64;
    differences
        .iter()
        .zip(adjusted)
        .map(|(contrast, p)| {
            let estimate = hodges_lehmann(contrast, CONFIDENCE);
            let within = estimate.low >= -EQUIVALENT.ln() && estimate.high <= EQUIVALENT.ln();
            let verdict = match p <= 1.0 - CONFIDENCE {
                true if estimate.value > 0.0 => Verdict::Faster,
                true => Verdict::Slower,
                false if within => Verdict::Equivalent,
                false => Verdict::Undecided,
            };
            let settled = verdict != Verdict::Undecided;
            let rounds_needed = (!settled).then(|| rounds_needed(contrast, &estimate, strictest).max(fewest));
            Contrast { ratio: estimate.exp(), p, verdict, rounds_needed }
        })
        .collect()
}

/// About how many rounds would give a verdict if the estimate were true: intervals shrink with the square root of their
/// number. `strictest` is the confidence that Holm requires of the first contrast.
fn rounds_needed(differences: &[f64], estimate: &Estimate, strictest: f64) -> usize {
    let count = differences.len();
    let distance = estimate.value.abs();
    let wider = hodges_lehmann(differences, strictest).half_width();
    let rounds = |half_width: f64, wanted: f64| {
        if wanted <= 0.0 || !half_width.is_finite() {
            return f64::INFINITY;
        }
        count as f64 * (half_width / wanted).powi(2)
    };
    let different = rounds(wider, distance - RELEVANT.ln());
    let equivalent = rounds(estimate.half_width(), EQUIVALENT.ln() - distance);
    let rounds = different.min(equivalent);
    if rounds.is_finite() { (rounds.ceil() as usize).max(count + 1) } else { count + 1 }
}

/// How many rounds it takes before any of this many contrasts, judged together, can be *faster* or *slower*: if all n
/// rounds agree, the test's p-value is 2 / 2ⁿ, and Holm multiplies the smallest by the number of contrasts.
#[must_use]
pub fn fewest_rounds(contrasts: usize) -> usize {
    (2.0 * contrasts.max(1) as f64 / (1.0 - CONFIDENCE)).log2().ceil() as usize
}

/// The means of all pairs, including each value with itself, in order.
fn walsh_averages(differences: &[f64]) -> Vec<f64> {
    let pairs = differences.iter().enumerate().flat_map(|(i, a)| differences[i..].iter().map(move |b| (a + b) / 2.0));
    sorted(&pairs.collect::<Vec<_>>())
}

/// How many of the ordered Walsh averages lie beyond each end of the interval, if at most `tail` may lie beyond each;
/// `None` if there are too few values.
fn beyond(count: usize, tail: f64) -> Option<usize> {
    if count > MOST_EXACT {
        let (mean, deviation) = moments(count);
        let rank = mean - normal_quantile(1.0 - tail) * deviation - 0.5;
        return (rank >= 0.0).then_some(rank as usize);
    }
    let cumulated = signed_rank_cumulated(count);
    // the last statistic at which the test still rejects
    cumulated.partition_point(|&p| p <= tail).checked_sub(1)
}

/// The probability that the signed-rank statistic of `count` values is at most `statistic`, under the hypothesis.
fn at_most(count: usize, statistic: usize) -> f64 {
    if count > MOST_EXACT {
        let (mean, deviation) = moments(count);
        // half a step: the continuity correction
        return normal_cumulated((statistic as f64 + 0.5 - mean) / deviation);
    }
    signed_rank_cumulated(count)[statistic]
}

/// The probabilities that the signed-rank statistic is at most 0, 1, 2, …
fn signed_rank_cumulated(count: usize) -> Vec<f64> {
    let most = count * (count + 1) / 2;
    // how many subsets of the ranks 1 to `count` have each sum; exact, as 2^50 fits in a float
    let mut ways = vec![0.0; most + 1];
    ways[0] = 1.0;
    for rank in 1..=count {
        for sum in (rank..=rank * (rank + 1) / 2).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let all = 2.0_f64.powf(count as f64);
    ways.iter()
        .scan(0.0, |sum, ways| {
            *sum += ways;
            Some(*sum / all)
        })
        .collect()
}

/// The mean and the standard deviation of the signed-rank statistic.
fn moments(count: usize) -> (f64, f64) {
    let n = count as f64;
    (n * (n + 1.0) / 4.0, (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt())
}

fn normal_cumulated(z: f64) -> f64 {
    erfc(-z / std::f64::consts::SQRT_2) / 2.0
}

/// The inverse of `normal_cumulated`, for 0.5 to 1, by bisection.
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..100 {
        let z = f64::midpoint(low, high);
        if normal_cumulated(z) < p { low = z } else { high = z }
    }
    low
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The median of sorted values.
fn middle(sorted: &[f64]) -> f64 {
    let count = sorted.len();
    f64::midpoint(sorted[(count - 1) / 2], sorted[count / 2])
}
