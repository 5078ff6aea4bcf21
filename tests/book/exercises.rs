//! The exercises with functions to write: the solutions pass, the unwritten functions do not, and typical mistakes get
//! the hint that is made for them. `cargo test --test exercises` puts the learner's functions through the same checks.

use super::page::Page;

#[path = "../exercises/checks/mod.rs"]
mod checks;
#[path = "../../examples/exercises/mod.rs"]
mod learners;
#[path = "../exercises/solutions.rs"]
mod solutions;

use checks::Checked;

/// For each exercise its name, the check of the solution, and the check of the unwritten function.
fn exercises() -> Vec<(&'static str, Checked, Checked)> {
    macro_rules! list {
        ($($name:ident),*) => {
            vec![$((stringify!($name), checks::$name(solutions::$name), checks::$name(learners::$name))),*]
        };
    }
    checks::for_each_exercise!(list)
}

/// The names of the exercises; each is the name of a test of `tests/exercises`.
pub fn names() -> Vec<String> {
    macro_rules! names {
        ($($name:ident),*) => { vec![$(stringify!($name).to_string()),*] };
    }
    checks::for_each_exercise!(names)
}

#[test]
fn solutions_pass_and_unwritten_functions_get_a_hint() {
    for (name, solution, unwritten) in exercises() {
        assert!(solution.is_ok(), "the solution of {name}: {:?}", solution.unwrap_err());
        let Err(hint) = unwritten else {
            panic!(
                "examples/exercises/{name}.rs is right. If you wrote it: well done, and nothing is wrong. For the \
                 repository, it has to stay unwritten."
            );
        };
        assert!(hint.0.len() > 30, "{name}: {hint:?}");
    }
}

#[test]
fn typical_mistakes_get_their_hint() {
    fn hinted(checked: Checked, part: &str) {
        let hint = checked.expect_err(part).0;
        assert!(hint.contains(part), "expected a hint with {part:?}, not:\n{hint}");
    }
    hinted(
        checks::pieces(|word, vocabulary| {
            let pieces = solutions::pieces(word, vocabulary);
            pieces.iter().map(|piece| piece.trim_start_matches("##").to_string()).collect()
        }),
        "has ## before it",
    );
    hinted(
        checks::best_pair(|words| {
            let once: Vec<_> = words.iter().map(|(pieces, _)| (pieces.clone(), 1)).collect();
            solutions::best_pair(&once)
        }),
        "once for each word of the list",
    );
    hinted(
        checks::truncate_pair(|a, b, max, coin| {
            solutions::truncate_pair(a, b, max, &mut || !coin());
        }),
        "The ends are exchanged",
    );
    hinted(
        checks::number_of_masks(|length, share, most| {
            ((length as f64 * share).round() as usize).max(1).min(most)
        }),
        "f64::round rounds away from 0",
    );
    hinted(
        checks::replacement(|id, mask, random, u| {
            if u < 0.8 {
                mask
            } else if u < 0.5 {
                id
            } else {
                random
            }
        }),
        "The middle of these is 0.9",
    );
    hinted(
        checks::embedding_sum(|ids, types, word, position, segment| {
            let positions: Vec<_> = ids.iter().map(|&id| position[id].clone()).collect();
            solutions::embedding_sum(ids, types, word, &positions, segment)
        }),
        "The row of the position table is t",
    );
    hinted(
        checks::softmax(|scores| {
            let sum: f64 = scores.iter().map(|s| s.exp()).sum();
            scores.iter().map(|s| s.exp() / sum).collect()
        }),
        "softmax([1000, 1000]) is [NaN, NaN]",
    );
    hinted(
        checks::attention(|q, k, v, mask| solutions::attention(q, k, v, &vec![1; mask.len()])),
        "the last token still gets attention",
    );
    hinted(
        checks::attention(|q, k, v, mask| {
            let root = (q[0].len() as f64).sqrt();
            let q: Vec<Vec<f64>> = q.iter().map(|q| q.iter().map(|q| q * root).collect()).collect();
            solutions::attention(&q, k, v, mask)
        }),
        "not divided by √d",
    );
    hinted(
        checks::layer_norm(|s, gamma, beta, epsilon| {
            let n = s.len() as f64;
            let shrunk: Vec<f64> =
                gamma.iter().map(|gamma| gamma * ((n - 1.0) / n).sqrt()).collect();
            solutions::layer_norm(s, &shrunk, beta, epsilon)
        }),
        "divided by n − 1",
    );
    hinted(
        checks::cross_entropy(|z, label| {
            (solutions::cross_entropy(z, label).0, solutions::softmax(z))
        }),
        "Subtract 1 at the label",
    );
    hinted(
        checks::linear_backward(|x, w, dy| {
            let (dx, _, db) = solutions::linear_backward(x, w, dy);
            let last = |m: &[Vec<f64>]| m[m.len() - 1..].to_vec();
            (dx, solutions::linear_backward(&last(x), w, &last(dy)).1, db)
        }),
        "that of the last row alone",
    );
    hinted(
        checks::layer_norm_backward(|s, gamma, epsilon, dy| {
            let (_, d_gamma, d_beta) = solutions::layer_norm_backward(s, gamma, epsilon, dy);
            let zero = vec![0.0; s.len()];
            // y = x̂/√(σ² + ε) with β = 0 and γ = dy·γ, of a vector whose mean is known: g/√(σ² + ε).
            let mean = s.iter().sum::<f64>() / s.len() as f64;
            let x_hat = solutions::layer_norm(s, &vec![1.0; s.len()], &zero, epsilon);
            let inverse = x_hat[0] / (s[0] - mean);
            let ds = dy.iter().zip(gamma).map(|(dy, gamma)| dy * gamma * inverse).collect();
            (ds, d_gamma, d_beta)
        }),
        "μ and σ are taken as fixed numbers",
    );
    hinted(
        checks::learning_rate(|step, rate, warmup, steps| {
            if step < warmup {
                rate * step as f64 / warmup as f64
            } else {
                rate * (steps - step) as f64 / (steps - warmup) as f64
            }
        }),
        "counted from step 0",
    );
    hinted(
        checks::adamw(|theta, m, v, g, lr, decay| {
            solutions::adamw(theta, m, v, g + decay * theta, lr, 0.0)
        }),
        "The decay is not part of the gradient",
    );
    hinted(
        checks::tree_sum(|gradients| {
            let zero = vec![0.0; gradients[0].len()];
            let add =
                |sum: Vec<f32>, g: &Vec<f32>| sum.iter().zip(g).map(|(sum, g)| sum + g).collect();
            gradients.iter().fold(zero, add)
        }),
        "added from left to right",
    );
}

/// The chapters that have an exercise with functions to write.
const CHAPTERS: [usize; 11] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15];

#[test]
fn chapters_lead_to_their_exercises() {
    let mut linked = Vec::new();
    for (page, number) in Page::chapters().iter().zip(1..) {
        let text = page.text();
        let (_, exercise) = text.split_once("\n## Exercise\n").unwrap();
        let before = linked.len();
        for name in names() {
            let file = format!("../examples/exercises/{name}.rs");
            if exercise.contains(&format!("]: {file}\n")) {
                let command = format!("cargo test --release --test exercises {name}");
                assert!(exercise.contains(&command), "{}: `{command}` is missing", page.name);
                let stub = Page::read(file.trim_start_matches("../"));
                let chapters = stub.lines[0].split_once(',').unwrap().0;
                let names_it = chapters.split(' ').any(|word| word == number.to_string());
                assert!(names_it, "{file} does not name chapter {number}");
                linked.push(name);
            }
        }
        assert_eq!(CHAPTERS.contains(&number), linked.len() > before, "{}", page.name);
    }
    linked.sort();
    let mut all = names();
    all.sort();
    assert_eq!(linked, all);
}
