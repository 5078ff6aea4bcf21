//! The check of every operation. It compares the reference gradient with central differences of the
//! reference output in a random direction, and the fast output and gradients with the reference, element
//! by element. It also checks accumulation into a gradient that is not zero, and that the bits do not
//! depend on the number of threads.

use super::all_cases;
use crate::autodiff::operation::{
    Backward, Case, CaseInput, Forward, Gradient, Gradients, MAX_OPERANDS, OperandValue,
    OperandValues, ReferenceOperand,
};
use crate::system::threads::Pool;
use crate::tensor::dropout::DropoutKey;
use crate::tensor::random::{Generator, Purpose};

const KEY: DropoutKey = DropoutKey { seed: 7, step: 3, first_sequence: 2 };

/// Approximately standard normal numbers: each is a sum of twelve uniform numbers.
fn random(generator: &mut Generator, length: usize) -> Vec<f32> {
    (0..length).map(|_| ((0..12).map(|_| generator.uniform()).sum::<f64>() - 6.0) as f32).collect()
}

struct Run {
    output: Vec<f32>,
    /// One per operand; empty for an operand without a gradient.
    gradients: Vec<Vec<f32>>,
}

/// Runs forward and backward. Gradients start from `before`, which holds NaN unless they accumulate.
fn run(
    case: &Case,
    inputs: &[OperandValue<'_>],
    cotangent: &[f32],
    before: &[Vec<f32>],
    accumulate: bool,
    threads: usize,
) -> Run {
    let operation = &case.operation;
    let mut items = [OperandValue::Floats(&[]); MAX_OPERANDS];
    items[..inputs.len()].copy_from_slice(inputs);
    let pool = Pool::new(threads).unwrap();
    // NaN spreads to the results when an element is read before it is written.
    let mut output = vec![f32::NAN; cotangent.len()];
    let mut saved = vec![f32::NAN; operation.saved()];
    let scratch = vec![f32::NAN; operation.scratch(threads)];
    let mut gradients: Vec<Vec<f32>> = before.to_vec();
    pool.run(|| {
        operation.forward(Forward {
            inputs: OperandValues { items },
            output: &mut output,
            saved: &mut saved,
            scratch: &mut scratch.clone(),
            training: true,
            dropout_key: KEY,
        });
    });
    for (index, item) in items.iter_mut().enumerate() {
        let tensor = matches!(case.inputs.get(index), Some(CaseInput::Random(_)));
        if tensor && !operation.backward_reads(index) {
            *item = OperandValue::Floats(&[]);
        }
    }
    let mut targets = [const { None }; MAX_OPERANDS];
    for (index, data) in gradients.iter_mut().enumerate() {
        if !data.is_empty() {
            targets[index] = Some(Gradient { data, accumulate });
        }
    }
    pool.run(|| {
        operation.backward(Backward {
            inputs: OperandValues { items },
            output_gradient: &mut cotangent.to_vec(),
            saved: &mut saved,
            scratch: &mut scratch.clone(),
            dropout_key: KEY,
            gradients: Gradients { items: targets },
        });
    });
    Run { output, gradients }
}

fn check(name: &str, number: usize, case: &Case) {
    let at = format!("{name}, case {number}");
    let mut generator = Generator::new(1, Purpose::Testing, number as u64, name.len() as u64);
    let mut values: Vec<Vec<f32>> = Vec::new();
    for input in &case.inputs {
        values.push(match input {
            CaseInput::Random(length) => random(&mut generator, *length),
            CaseInput::Fixed(values) => values.clone(),
            CaseInput::Integers(_) => Vec::new(),
        });
    }
    let inputs: Vec<OperandValue<'_>> = case
        .inputs
        .iter()
        .zip(&values)
        .map(|(input, values)| match input {
            CaseInput::Integers(integers) => OperandValue::Integers(integers),
            _ => OperandValue::Floats(values),
        })
        .collect();
    // The operands in f64, moved by `shift` in `direction`.
    let shifted = |shift: f64, direction: &[Vec<f32>]| -> Vec<ReferenceOperand> {
        let operands = case.inputs.iter().enumerate().map(|(index, input)| match input {
            CaseInput::Integers(integers) => ReferenceOperand::Integers(integers.clone()),
            _ => ReferenceOperand::Floats(
                values[index]
                    .iter()
                    .enumerate()
                    .map(|(i, &v)| {
                        let d = direction.get(index).and_then(|d| d.get(i)).unwrap_or(&0.0);
                        f64::from(v) + shift * f64::from(*d)
                    })
                    .collect(),
            ),
        });
        operands.collect()
    };
    let wide = |shift: f64, direction: &[Vec<f32>]| -> Vec<f64> {
        case.operation.reference_forward(&shifted(shift, direction), &KEY)
    };

    // A case that leaves rows out has a shorter output.
    let expected = wide(0.0, &[]);
    assert!(expected.len() <= case.operation.output(), "{at}: length of the output");
    let cotangent = random(&mut generator, expected.len());
    let directions: Vec<Vec<f32>> = case
        .inputs
        .iter()
        .map(|input| match input {
            CaseInput::Random(length) => random(&mut generator, *length),
            _ => Vec::new(),
        })
        .collect();
    let rubbish: Vec<Vec<f32>> = directions.iter().map(|d| vec![f32::NAN; d.len()]).collect();
    let stored = run(case, &inputs, &cotangent, &rubbish, false, 1);

    // Forward. The rounding error of a sum of n products is below n·2⁻²⁴ of the sum of magnitudes, and
    // most of it cancels. Sums here have at most 300 terms.
    let largest = expected.iter().fold(0.1f64, |a, b| a.max(b.abs()));
    for (i, (&got, &expected)) in stored.output.iter().zip(&expected).enumerate() {
        assert!(got.is_finite(), "{at}: output {i} is {got}");
        let error = (f64::from(got) - expected).abs() / largest;
        assert!(error < 2e-6, "{at}: output {i} is {got}, not {expected}");
    }

    let cotangent_wide: Vec<f64> = cotangent.iter().map(|&c| f64::from(c)).collect();
    let reference = case.operation.reference_backward(&shifted(0.0, &[]), &cotangent_wide, &KEY);
    assert_eq!(reference.len(), case.inputs.len(), "{at}: one reference gradient an operand");
    let norm = |x: &[f64]| x.iter().map(|x| x.powi(2)).sum::<f64>().sqrt();
    for (index, direction) in directions.iter().enumerate() {
        let (expected, gradient) = (&reference[index], &stored.gradients[index]);
        assert_eq!(expected.len(), direction.len(), "{at}: reference gradient of operand {index}");
        if direction.is_empty() {
            continue;
        }

        // The reference gradient in a random direction: ⟨gradient, direction⟩ against the central
        // difference of order 4, (8·(f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h. The difference is exact to
        // about h⁴ = 1e-12 plus rounding of 1e-16 / h = 1e-13, each times the size of f.
        const STEP: f64 = 1e-3;
        let mut only = vec![Vec::new(); directions.len()];
        only[index] = direction.clone();
        let project = |shift| -> f64 {
            wide(shift, &only).iter().zip(&cotangent_wide).map(|(y, c)| y * c).sum()
        };
        let difference = |step| project(step) - project(-step);
        let difference = (8.0 * difference(STEP) - difference(2.0 * STEP)) / (12.0 * STEP);
        let direction: Vec<f64> = direction.iter().map(|&d| f64::from(d)).collect();
        let product: f64 = expected.iter().zip(&direction).map(|(g, d)| g * d).sum();
        let size = (norm(expected) * norm(&direction)).max(1e-2);
        assert!(
            (product - difference).abs() / size < 1e-8,
            "{at}: reference gradient of operand {index} in a random direction is {product}, not \
             {difference}"
        );

        // The fast gradient in the same direction. The error is relative to the norms of both vectors.
        let got: f64 = gradient.iter().zip(&direction).map(|(&g, d)| f64::from(g) * d).sum();
        let fast: Vec<f64> = gradient.iter().map(|&g| f64::from(g)).collect();
        let size = (norm(&fast) * norm(&direction)).max(difference.abs()).max(1e-2);
        assert!(
            (got - difference).abs() / size < 3e-6,
            "{at}: gradient of operand {index} in a random direction is {got}, not {difference}"
        );

        // The fast gradient, element by element. Operands and output gradient are about 1, so an
        // element has rounding errors of that scale even when its terms cancel. Hence the lower bound
        // of the scale, the same as for the output.
        let largest = expected.iter().fold(0.1f64, |a, b| a.max(b.abs()));
        for (i, (&got, &expected)) in gradient.iter().zip(expected).enumerate() {
            assert!(got.is_finite(), "{at}: gradient {i} of operand {index} is {got}");
            assert!(
                (f64::from(got) - expected).abs() / largest < 3e-6,
                "{at}: gradient {i} of operand {index} is {got}, not {expected}"
            );
        }
    }

    // Accumulation into a gradient that is not zero.
    let before: Vec<Vec<f32>> =
        directions.iter().map(|d| random(&mut generator, d.len())).collect();
    let added = run(case, &inputs, &cotangent, &before, true, 1);
    for index in 0..before.len() {
        let scale = stored.gradients[index].iter().fold(1.0f32, |a, b| a.max(b.abs()));
        for (i, &got) in added.gradients[index].iter().enumerate() {
            let expected = before[index][i] + stored.gradients[index][i];
            assert!((got - expected).abs() < 2e-6 * scale, "{at}: operand {index} accumulates");
        }
    }

    // Threads.
    for threads in [2, 3, 5] {
        for (one, accumulate, start) in [(&stored, false, &rubbish), (&added, true, &before)] {
            let many = run(case, &inputs, &cotangent, start, accumulate, threads);
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&one.output), bits(&many.output), "{at}: {threads} threads");
            for (a, b) in one.gradients.iter().zip(&many.gradients) {
                assert_eq!(bits(a), bits(b), "{at}: gradients on {threads} threads");
            }
        }
    }
}

#[test]
fn every_operation_agrees_with_its_reference() {
    for (name, cases) in all_cases() {
        assert!(!cases.is_empty(), "{name} has no cases");
        for (number, case) in cases.iter().enumerate() {
            let differentiable =
                case.inputs.iter().any(|input| matches!(input, CaseInput::Random(n) if *n > 0));
            assert!(differentiable, "{name}, case {number} has nothing to differentiate");
            check(name, number, case);
        }
    }
}

#[test]
fn every_file_of_the_folder_is_registered() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/autodiff/ops");
    let registered: Vec<&str> = all_cases().iter().map(|(name, _)| *name).collect();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if !["mod", "check"].contains(&name) {
            assert!(registered.contains(&name), "{name}.rs is not registered in mod.rs");
        }
    }
}
