//! Comparison in interleaved pairs: ours, baseline, baseline, ours, … so that drift of the machine falls on both alike.
//!
//! The primary figure is CPU time of the whole process: on a shared machine wall time measures the neighbours.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::{Better, Measure};

/// What is compared and how long.
pub struct Plan {
    /// Name of the benchmark.
    pub bench: &'static str,
    /// What is measured, and against what.
    pub measure: String,
    /// Ratio of costs that we hold ourselves to.
    pub goal: Option<f64>,
    /// Things done by one iteration: the unit of the result is CPU time per thing.
    pub per_iteration: u64,
    /// Bytes handled by one iteration.
    pub bytes: u64,
    /// Under a minute for all, with a wider spread.
    pub quick: bool,
    /// Further conditions.
    pub at: Value,
}

/// CPU and wall nanoseconds of one iteration, averaged over a run.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

/// Runs both sides, each called with how often to repeat its work, and returns the measure in CPU nanoseconds per
/// thing; wall time and throughput stand under `at`.
pub fn compare(plan: &Plan, mut ours: impl FnMut(u64), mut baseline: impl FnMut(u64)) -> Measure {
    let (pairs, target) = if plan.quick { (10, Duration::from_millis(20)) } else { (30, Duration::from_millis(200)) };
    // Each side repeats until it fills the same time: one may be a thousand times cheaper than the other.
    let (ours_times, baseline_times) = (calibrated(&mut ours, target), calibrated(&mut baseline, target));
    let mut costs = Vec::with_capacity(pairs);
    for pair in 0..pairs {
        costs.push(if pair % 2 == 0 {
            let first = cost(&mut ours, ours_times);
            (first, cost(&mut baseline, baseline_times))
        } else {
            let first = cost(&mut baseline, baseline_times);
            (cost(&mut ours, ours_times), first)
        });
    }
    summary(plan, &costs)
}

/// Iterations that take about `target` of CPU time.
fn calibrated(work: &mut impl FnMut(u64), target: Duration) -> u64 {
    let mut iterations = 1;
    loop {
        let start = cpu_time();
        work(iterations);
        let took = cpu_time().saturating_sub(start);
        if took >= target {
            return iterations;
        }
        let factor = (target.as_secs_f64() / took.as_secs_f64().max(1e-7)).clamp(1.5, 10.0);
        iterations = (iterations as f64 * factor).ceil() as u64;
    }
}

fn cost(work: &mut impl FnMut(u64), iterations: u64) -> Cost {
    let (cpu, wall) = (cpu_time(), Instant::now());
    work(iterations);
    let each = |took: Duration| took.as_secs_f64() * 1e9 / iterations as f64;
    Cost { cpu: each(cpu_time().saturating_sub(cpu)), wall: each(wall.elapsed()) }
}

/// CPU time of the process so far.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn summary(plan: &Plan, costs: &[(Cost, Cost)]) -> Measure {
    let things = plan.per_iteration.max(1) as f64;
    let each = |pick: fn(&(Cost, Cost)) -> f64| -> Vec<f64> { costs.iter().map(|cost| pick(cost) / things).collect() };
    let (ours, baseline) = (each(|cost| cost.0.cpu), each(|cost| cost.1.cpu));
    let ratios: Vec<f64> = ours.iter().zip(&baseline).map(|(ours, baseline)| ours / baseline.max(f64::MIN_POSITIVE)).collect();
    let ratio = quantile(&ratios, 0.5);
    let median = quantile(&ours, 0.5);
    let mut at = json!({
        "clock": "process CPU",
        "ours_wall_ns": rounded(quantile(&each(|cost| cost.0.wall), 0.5)),
        "baseline_wall_ns": rounded(quantile(&each(|cost| cost.1.wall), 0.5)),
        "bytes": plan.bytes,
        "ours_bytes_per_second": rounded(plan.bytes as f64 / things / median * 1e9),
    });
    if let (Value::Object(at), Value::Object(more)) = (&mut at, plan.at.clone()) {
        at.extend(more);
    }
    Measure {
        bench: plan.bench,
        measure: plan.measure.clone(),
        ours: rounded(median),
        baseline: rounded(quantile(&baseline, 0.5)),
        ratio: rounded(ratio),
        goal: plan.goal,
        better: Better::Lower,
        unit: "ns",
        pairs: costs.len(),
        spread: rounded((quantile(&ratios, 0.75) - quantile(&ratios, 0.25)) / ratio),
        at,
    }
}

/// Quantile by linear interpolation; 0 for nothing.
pub fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let position = at.clamp(0.0, 1.0) * last as f64;
    let below = position.floor();
    let (low, high) = (sorted[below as usize], sorted[position.ceil() as usize]);
    low + (high - low) * (position - below)
}

/// Three decimals: more would be noise.
pub fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn quantiles_interpolate() {
        assert!(close(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), 2.5));
        assert!(close(quantile(&[4.0, 1.0, 3.0, 2.0], 0.0), 1.0));
        assert!(close(quantile(&[5.0], 0.75), 5.0));
        assert!(close(quantile(&[], 0.5), 0.0));
    }

    #[test]
    fn the_ratio_is_the_median_of_the_pairs_and_costs_are_per_thing() {
        let cost = |ns| Cost { cpu: ns, wall: 2.0 * ns };
        let plan =
            Plan { bench: "b", measure: "m".into(), goal: Some(0.5), per_iteration: 10, bytes: 100, quick: true, at: json!({ "n": 1 }) };
        // A machine that slows down tenfold in the middle moves the medians and not the ratio.
        let measure = summary(&plan, &[(cost(100.0), cost(200.0)), (cost(1_000.0), cost(2_000.0)), (cost(1_000.0), cost(2_000.0))]);
        assert!(close(measure.ratio, 0.5) && close(measure.spread, 0.0));
        assert!(close(measure.ours, 100.0) && close(measure.baseline, 200.0));
        assert!(measure.met());
        assert_eq!((&measure.at["n"], &measure.at["ours_wall_ns"]), (&json!(1), &json!(200.0)));
    }

    #[test]
    fn a_measure_has_the_keys_that_scripts_read() {
        let plan = Plan { bench: "b", measure: "m".into(), goal: None, per_iteration: 1, bytes: 1, quick: true, at: json!({}) };
        let cost = Cost { cpu: 1.0, wall: 1.0 };
        let json = serde_json::to_value(summary(&plan, &[(cost, cost)])).expect("is JSON");
        for key in ["bench", "measure", "ours", "baseline", "ratio", "goal", "better", "unit", "pairs", "spread", "at"] {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!(json["better"], "lower");
    }
}
