//! A number over the steps of a run, thinned out so that a page stays small.
//!
//! A run may have a hundred thousand log lines. Neighbouring lines are put together, the same number of them for each
//! point: the point is their mean, and the smallest and the largest of them are kept beside it.

/// Points of a curve, at most.
pub(super) const MOST_POINTS: usize = 200;

/// Some neighbouring values of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// The step of the first value.
    pub(super) first_step: f64,
    /// The step of the last value.
    pub(super) last_step: f64,
    /// The mean of the values.
    pub(super) mean: f64,
    /// The smallest value.
    pub(super) smallest: f64,
    /// The largest value.
    pub(super) largest: f64,
}

impl Point {
    fn of(values: &[[f64; 2]]) -> Self {
        let ys = || values.iter().map(|[_, y]| *y);
        let smallest = ys().fold(f64::INFINITY, f64::min);
        let largest = ys().fold(f64::NEG_INFINITY, f64::max);
        let mean = ys().sum::<f64>() / values.len() as f64;
        Self {
            first_step: values[0][0],
            last_step: values[values.len() - 1][0],
            // Rounding, or a sum beyond the largest number.
            mean: mean.clamp(smallest, largest),
            smallest,
            largest,
        }
    }

    /// Where it is drawn: in the middle of its steps.
    pub(super) fn step(&self) -> f64 {
        0.5 * (self.first_step + self.last_step)
    }
}

/// Values put together, `values_of_point` for each point (the last one may have fewer).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thinned {
    pub(super) points: Vec<Point>,
    pub(super) values_of_point: usize,
}

/// Thins out steps and values.
pub(super) fn thin(values: &[[f64; 2]]) -> Thinned {
    let values_of_point = values.len().div_ceil(MOST_POINTS).max(1);
    let points = values.chunks(values_of_point).map(Point::of).collect();
    Thinned { points, values_of_point }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_stay_as_they_are() {
        let values: Vec<[f64; 2]> = (1..=200).map(|i| [f64::from(i), f64::from(i * i)]).collect();
        let thinned = thin(&values);
        assert_eq!((thinned.points.len(), thinned.values_of_point), (200, 1));
        for (point, [step, value]) in thinned.points.iter().zip(values) {
            assert_eq!(
                [point.step(), point.mean, point.smallest, point.largest],
                [step, value, value, value]
            );
        }
        assert!(thin(&[]).points.is_empty());
    }

    #[test]
    fn many_values_keep_their_mean_and_their_extremes() {
        let mut values: Vec<[f64; 2]> = (1..=100_000).map(|i| [f64::from(i), 1.0]).collect();
        values[77_777][1] = 501.0;
        let thinned = thin(&values);
        assert_eq!((thinned.points.len(), thinned.values_of_point), (200, 500));
        let largest = thinned.points.iter().map(|point| point.largest).fold(0.0, f64::max);
        assert_eq!(largest, 501.0);
        let point = thinned.points[77_777 / 500];
        assert_eq!((point.mean, point.smallest), (2.0, 1.0));
        assert_eq!((point.first_step, point.last_step), (77_501.0, 78_000.0));
        assert_eq!(thin(&values[..201]).points.len(), 101);
    }
}
