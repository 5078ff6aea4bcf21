//! Step 5: where each token looks, by layer and head.

use super::screen::{Ink, Screen, percent};
use super::step::Step;
use super::view::View;
use crate::report::visible::{display_width, shorten, visible};
use crate::tasks::Explanation;
use crate::tasks::explain::{HeadAttention, LayerAttention};

/// Columns of the position and the token before a row of a matrix.
const LABEL: usize = 14;

/// Lines of a screen.
const LINES: usize = 24;

pub(super) fn attention(screen: &mut Screen, explanation: &Explanation, view: &View) {
    let wanted = |layer: &&LayerAttention| view.layer.is_none_or(|only| only == layer.layer);
    for (index, layer) in explanation.attention.iter().filter(wanted).enumerate() {
        if index > 0 {
            screen.blank();
        }
        screen.heading(
            Step::Attention,
            &format!(", layer {} of {}", layer.layer, explanation.attention.len()),
        );
        if index == 0 {
            screen.say(
                "Each token asks every token, on both sides: how much do you matter to me? A row of P is its answer; \
                 it adds up to 100 %. Each head learns a way to look of its own.",
            );
            screen.equation("P = softmax(Q·Kᵀ / √d)     output = P·V");
        }
        match layer.heads.iter().find(|head| view.head == Some(head.head)) {
            Some(head) => whole_head(screen, explanation, head),
            None => heads(screen, explanation, layer, view),
        }
    }
}

/// All heads of a layer: the mean shares, then the matrices side by side, or what the hidden tokens look at.
fn heads(screen: &mut Screen, explanation: &Explanation, layer: &LayerAttention, view: &View) {
    screen.line("  on average  distance   itself previous     next   [CLS],[SEP]");
    for head in &layer.heads {
        let share = |share: f32| format!("{:.0} %", 100.0 * share);
        screen.line(&format!(
            "  head {:<7}{:>8.2}{:>9}{:>9}{:>9}{:>14}",
            head.head,
            head.average_distance,
            share(head.to_self),
            share(head.to_previous),
            share(head.to_next),
            share(head.to_special),
        ));
    }
    let (tokens, heads) = (explanation.tokens.len(), layer.heads.len());
    // Two columns for each key, and three between the matrices.
    let side_by_side = (screen.width().saturating_sub(LABEL) / (2 * tokens + 3)).max(1);
    let is_single = view.layer.is_some();
    // The first screen begins with an introduction.
    let introduction = if layer.layer == 1 { 4 } else { 0 };
    let matrix = introduction + 4 + heads + tokens + usize::from(side_by_side < heads);
    if !is_single && matrix > LINES {
        hidden_tokens(screen, explanation, layer, LINES.saturating_sub(introduction + 3 + heads));
        let layer = layer.layer;
        screen.line(&format!("  Matrices: --layer {layer}, or --layer {layer} --head 1"));
        return;
    }
    let mut heads = layer.heads.chunks(side_by_side);
    let shown = if is_single { usize::MAX } else { 1 };
    screen.line("  A row looks at its columns:  ·· below 5 %  ░░ from 5  ▒▒ 20  ▓▓ 40  ██ 60 %");
    for heads in heads.by_ref().take(shown) {
        matrices(screen, explanation, heads);
    }
    if heads.next().is_some() {
        screen.line(&format!("  The other heads: --layer {}", layer.layer));
    }
}

/// The position and the token of a row, in [`LABEL`] columns.
fn row_label(screen: &Screen, explanation: &Explanation, position: usize) -> String {
    let token = shorten(&visible(&explanation.masking.input_tokens[position]), LABEL - 6);
    let space = " ".repeat(LABEL - 5 - display_width(&token));
    let is_hidden = explanation.masking.hidden.iter().any(|hidden| hidden.position == position);
    let token = screen.paint(is_hidden.then_some(Ink::Mark), &token);
    format!("{position:>4} {token}{space}")
}

/// The keys of a block that fit the width beside the labels, `columns` columns each.
fn block(screen: &Screen, columns: usize) -> usize {
    ((screen.width() - LABEL) / columns).max(1)
}

/// Matrices of shades, side by side; in blocks of keys when they are too wide.
fn matrices(screen: &mut Screen, explanation: &Explanation, heads: &[HeadAttention]) {
    let tokens = explanation.tokens.len();
    let fits = block(screen, 2);
    for first in (0..tokens).step_by(fits) {
        let keys = first..tokens.min(first + fits);
        let mut line = " ".repeat(LABEL);
        for (index, head) in heads.iter().enumerate() {
            line += if index == 0 { "" } else { "   " };
            let title = format!("head {}", head.head);
            let title = shorten(&title, 2 * keys.len());
            line += &format!("{title:<width$}", width = 2 * keys.len());
        }
        screen.line(&line);
        for query in 0..tokens {
            let mut line = row_label(screen, explanation, query);
            for (index, head) in heads.iter().enumerate() {
                line += if index == 0 { "" } else { "   " };
                let row = &head.probabilities[query][keys.clone()];
                let shades: String = row.iter().map(|&share| shade(share)).collect();
                line += &screen.paint(Some(Ink::Bar), &shades);
            }
            screen.line(&line);
        }
    }
}

/// Two columns that are the darker the larger the share is.
fn shade(share: f32) -> &'static str {
    match share {
        share if share >= 0.6 => "██",
        share if share >= 0.4 => "▓▓",
        share if share >= 0.2 => "▒▒",
        share if share >= 0.05 => "░░",
        _ => "··",
    }
}

/// What the hidden tokens look at, head by head, in at most `most` lines.
fn hidden_tokens(
    screen: &mut Screen,
    explanation: &Explanation,
    layer: &LayerAttention,
    most: usize,
) {
    /// Tokens whose shares are shown as shades, at most.
    const STRIP: usize = 34;
    let tokens = &explanation.masking.input_tokens;
    let mut lines = 0;
    for hidden in &explanation.masking.hidden {
        if lines + 1 + layer.heads.len() > most {
            break;
        }
        let (position, token) = (hidden.position, visible(&hidden.input_token));
        screen.line(&format!("  {} at {position} looks at", shorten(&token, 20)));
        for head in &layer.heads {
            let row = &head.probabilities[position];
            let mut keys: Vec<usize> = (0..row.len()).collect();
            keys.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
            let best = keys.iter().take(3).map(|&key| {
                let token = shorten(&visible(&tokens[key]), 10);
                format!("{token} ({key}) {:.0} %", 100.0 * row[key])
            });
            let best = best.collect::<Vec<_>>().join("  ");
            let strip = match row.len() <= STRIP {
                true => row.iter().filter_map(|&share| shade(share).chars().next()).collect(),
                false => String::new(),
            };
            let left = screen.width().saturating_sub(14 + strip.chars().count());
            let strip = screen.paint(Some(Ink::Bar), &strip);
            screen.line(&format!("    head {:<3} {strip} {}", head.head, shorten(&best, left)));
        }
        lines += 1 + layer.heads.len();
    }
}

/// One head with every number.
fn whole_head(screen: &mut Screen, explanation: &Explanation, head: &HeadAttention) {
    screen.say(&format!(
        "Head {}: on average it looks {:.2} positions away. Shares in percent; row: who looks, column: at whom.",
        head.head, head.average_distance
    ));
    let tokens = explanation.tokens.len();
    let fits = block(screen, 4);
    for first in (0..tokens).step_by(fits) {
        let keys = first..tokens.min(first + fits);
        screen.blank();
        let line = keys.clone().map(|key| format!("{key:>4}")).collect::<String>();
        screen.line(&(" ".repeat(LABEL) + &line));
        for query in 0..tokens {
            let mut line = row_label(screen, explanation, query);
            for key in keys.clone() {
                let share = head.probabilities[query][key];
                line += &screen.shade(share, &format!("{:>4.0}", 100.0 * share));
            }
            screen.line(&line);
        }
    }
    screen.blank();
    for (query, &key) in head.strongest.iter().enumerate() {
        let token = &explanation.masking.input_tokens[key];
        let share = percent(head.probabilities[query][key]);
        let label = row_label(screen, explanation, query);
        screen
            .line(&format!("{label}looks at {key} {} most: {share}", shorten(&visible(token), 16)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_follow_the_legend() {
        let shades = [0.0, 0.049, 0.05, 0.2, 0.4, 0.6, 1.0].map(shade);
        assert_eq!(shades, ["··", "··", "░░", "▒▒", "▓▓", "██", "██"]);
    }
}
