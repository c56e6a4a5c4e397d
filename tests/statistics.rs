//! The estimators, against published examples, against the definition, and by simulation.

use aio_strategies::statistics::{
    CONFIDENCE, Estimate, Verdict, fewest_rounds, hodges_lehmann, holm, judge, median, percentiles, signed_rank_p,
    tells_percentile,
};

/// Darwin's maize data, the example of `scipy.stats.wilcoxon`, which prints a p-value of 0.041259765625.
const MAIZE: [f64; 15] = [6., 8., 14., 16., 23., 24., 28., 29., 41., -48., 49., 56., 60., -67., 75.];

/// Depression scale factors, the example of R's `wilcox.test` (Hollander & Wolfe, p. 29): V = 40, p = 0.03906 two-sided,
/// estimate 0.46, interval [0.010, 0.786].
#[allow(clippy::approx_constant)] // 3.14 was measured
fn depression() -> Vec<f64> {
    let first = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
    let second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    first.iter().zip(second).map(|(a, b)| a - b).collect()
}

fn assert_close(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 1e-9, "{actual}, not {expected}");
}

#[test]
fn signed_rank_p_of_published_examples() {
    assert_close(signed_rank_p(&MAIZE, 0.0), 0.041_259_765_625);
    assert_close(signed_rank_p(&depression(), 0.0), 0.039_062_5);
}

#[test]
fn signed_rank_interval_of_published_examples() {
    let estimate = hodges_lehmann(&depression(), CONFIDENCE);
    assert_close(estimate.value, 0.46);
    assert_close(estimate.low, 0.010);
    assert_close(estimate.high, 0.786);
    assert_close(hodges_lehmann(&MAIZE, CONFIDENCE).value, 25.0);
}

#[test]
fn the_interval_ends_where_the_test_begins_to_reject() {
    for differences in [MAIZE.to_vec(), depression(), wave(40, 0.1), wave(50, 0.1), wave(51, 0.1), wave(200, 0.1)] {
        let estimate = hodges_lehmann(&differences, CONFIDENCE);
        for (inside, outside) in [(1e-7, -1e-7), (-1e-7, 1e-7)] {
            let end = if inside > 0.0 { estimate.low } else { estimate.high };
            let (inside, outside) =
                (signed_rank_p(&differences, end + inside), signed_rank_p(&differences, end + outside));
            assert!(
                inside > 0.05 && outside <= 0.05,
                "{inside} inside, {outside} outside of {} values",
                differences.len()
            );
        }
    }
}

#[test]
fn normal_beyond_fifty_agrees_with_the_exact_one() {
    // scipy.stats.wilcoxon of the same values: 0.010495 exactly, 0.011210 by its normal approximation with correction
    let p = signed_rank_p(&wave(60, 0.25), 0.0);
    assert!((p - 0.010_495).abs() < 0.001, "{p}");
    let (exact, normal) = (hodges_lehmann(&wave(50, 0.25), CONFIDENCE), hodges_lehmann(&wave(51, 0.25), CONFIDENCE));
    assert!((exact.half_width() / normal.half_width() - 1.0).abs() < 0.03, "{exact:?} {normal:?}");
}

#[test]
fn too_few_values_exclude_nothing() {
    for count in 1..6 {
        for estimate in [hodges_lehmann(&wave(count, 1.0), CONFIDENCE), median(&wave(count, 1.0), CONFIDENCE)] {
            assert!(estimate.value.is_finite());
            assert_eq!((estimate.low, estimate.high), (f64::NEG_INFINITY, f64::INFINITY));
        }
    }
    // with six, from the smallest to the largest
    let six = [3.0, 1.0, 2.0, 6.0, 5.0, 4.0];
    assert_eq!(hodges_lehmann(&six, CONFIDENCE), Estimate { value: 3.5, low: 1.0, high: 6.0 });
    assert_eq!(median(&six, CONFIDENCE), Estimate { value: 3.5, low: 1.0, high: 6.0 });
}

#[test]
fn median_lies_between_the_order_statistics_of_the_tables() {
    // count, rank of the lower end: Conover, Practical Nonparametric Statistics, table of the sign test at 95 %
    for (count, rank) in [(6, 1), (8, 1), (9, 2), (10, 2), (15, 4), (20, 6), (25, 8), (30, 10), (40, 14), (60, 22)] {
        let values: Vec<f64> = (1..=count).rev().map(f64::from).collect();
        let estimate = median(&values, CONFIDENCE);
        assert_close(estimate.value, f64::from(count + 1) / 2.0);
        assert_eq!((estimate.low, estimate.high), (f64::from(rank), f64::from(count + 1 - rank)), "{count} values");
    }
    let many: Vec<f64> = (1..=5000).map(f64::from).collect();
    let estimate = median(&many, CONFIDENCE);
    assert!((estimate.low - 2431.0).abs() <= 1.0 && (estimate.high - 2570.0).abs() <= 1.0, "{estimate:?}");
}

#[test]
fn holm_adjusts_as_r_does() {
    // p.adjust(…, "holm")
    let adjusted = holm(&[0.01, 0.02, 0.03, 0.04, 0.05]);
    for (actual, expected) in adjusted.into_iter().zip([0.05, 0.08, 0.09, 0.09, 0.09]) {
        assert_close(actual, expected);
    }
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (actual, expected) in adjusted.into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
        assert_close(actual, expected);
    }
    assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
    assert!(holm(&[]).is_empty());
}

fn percentile(values: &[f64], share: f64) -> f64 {
    percentiles(vec![values.to_vec()], &[share])[0][0]
}

#[test]
fn a_percentile_is_the_nearest_rank_of_the_sorted_values() {
    let values: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
    for (p, expected) in [(0.0, 1.0), (0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
        assert_close(percentile(&values, p), expected);
    }
    let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
    assert_close(percentile(&hundred, 0.29), 29.0);
    assert_close(percentile(&hundred, 0.291), 30.0);
    assert_close(percentile(&[7.0], 0.5), 7.0);
}

#[test]
fn percentiles_of_many_values_are_those_of_few() {
    // 7,919 is prime to each count, so these are all the numbers from 0 on, out of order.
    let column = |count: u64| (0..count).map(|index| (index * 7_919 % count) as f64).collect::<Vec<_>>();
    for count in [1_000, 1_000_000] {
        let found = percentiles(vec![column(count), column(2 * count), column(count)], &[0.5, 0.999]);
        let count = count as f64;
        let expected = |count: f64| vec![count * 0.5 - 1.0, count * 0.999 - 1.0];
        assert_eq!(found, [expected(count), expected(2.0 * count), expected(count)]);
    }
    assert_eq!(percentiles(vec![vec![], vec![]], &[]), [[]; 2]);
}

#[test]
fn a_percentile_needs_ten_values_beyond_it() {
    assert!(tells_percentile(20, 0.5) && !tells_percentile(19, 0.5));
    assert!(tells_percentile(100, 0.9) && !tells_percentile(99, 0.9));
    assert!(tells_percentile(1000, 0.99) && !tells_percentile(999, 0.99));
    assert!(tells_percentile(10_000, 0.999) && !tells_percentile(9_999, 0.999));
}

#[test]
fn fewest_rounds_are_those_at_which_the_first_verdict_is_possible() {
    for (contrasts, rounds) in [(1, 6), (2, 7), (3, 7), (6, 8), (7, 9), (12, 9), (22, 10), (25, 10), (26, 11), (51, 11)]
    {
        assert_eq!(fewest_rounds(contrasts), rounds, "{contrasts} contrasts");
        let verdict = |rounds| judge(&vec![vec![1.0; rounds]; contrasts])[0].verdict;
        assert_eq!((verdict(rounds - 1), verdict(rounds)), (Verdict::Undecided, Verdict::Faster));
    }
}

#[test]
fn verdicts() {
    use Verdict::{Equivalent, Faster, Slower, Undecided};
    let around = |centre: f64, spread: f64| {
        (0..20).map(|i| (centre.ln()) + spread * (f64::from(i) - 9.5) / 9.5).collect::<Vec<_>>()
    };
    let judged = judge(&[around(2.0, 0.1), around(0.5, 0.1), around(1.0, 0.02), around(1.0, 0.5), around(1.06, 0.2)]);
    let found: Vec<Verdict> = judged.iter().map(|contrast| contrast.verdict).collect();
    assert_eq!(found, [Faster, Slower, Equivalent, Undecided, Undecided]);
    assert!((judged[0].ratio.value - 2.0).abs() < 1e-9 && judged[0].ratio.low > 1.9 && judged[0].ratio.high < 2.1);
    assert!(judged[..3].iter().all(|contrast| contrast.rounds_needed.is_none()));
    assert!(judged[3..].iter().all(|contrast| contrast.rounds_needed.is_some_and(|rounds| rounds > 20)));
    // a difference that is certain, but not relevant
    assert_eq!(judge(&[around(1.02, 0.001)])[0].verdict, Equivalent);
    // that would be significant alone, but not among many
    let alone: Vec<f64> = (0..7).map(|i| 0.04 + 0.01 * f64::from(i)).collect();
    assert_eq!(judge(std::slice::from_ref(&alone))[0].verdict, Faster);
    assert_eq!(judge(&vec![alone; 20])[0].verdict, Undecided);
    // too few rounds for anything: at least as many as could reject
    let few = judge(&[vec![1.0, 1.0, 1.0]])[0];
    assert_eq!((few.verdict, few.rounds_needed), (Undecided, Some(6)));
    assert_eq!((few.ratio.low, few.ratio.high), (0.0, f64::INFINITY));
}

/// By simulation, with skewed noise: intervals cover the truth, and arms that do not differ are seldom told apart.
#[test]
fn coverage_and_false_alarms() {
    let mut random = Random(1);
    for rounds in [10, 20, 40] {
        let (mut covered, mut alarms, experiments) = (0, 0, 1000);
        for _ in 0..experiments {
            let differences: Vec<f64> =
                (0..rounds).map(|_| 0.3 * (random.exponential() - random.exponential())).collect();
            let contrast = judge(&[differences])[0];
            covered += i32::from(contrast.ratio.low <= 1.0 && 1.0 <= contrast.ratio.high);
            alarms += i32::from(matches!(contrast.verdict, Verdict::Faster | Verdict::Slower));
        }
        assert!(covered > experiments * 94 / 100, "covered {covered} of {experiments}, {rounds} rounds");
        assert!(alarms < experiments * 6 / 100, "{alarms} false alarms in {experiments}, {rounds} rounds");
    }
}

fn wave(count: i32, centre: f64) -> Vec<f64> {
    (0..count).map(|i| (f64::from(i) * 1.7).sin() + centre).collect()
}

/// Random numbers that are the same everywhere (xorshift64*).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }
}
