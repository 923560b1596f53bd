//! Medians of interleaved rounds, and tables of them.

use std::time::Duration;

/// The value below which this part (0 to 1) of the sample lies; the nearest one that was measured.
pub fn quantile<T: Copy + PartialOrd>(sample: &[T], part: f64) -> Option<T> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * part).round() as usize).copied()
}

/// The median; not a number for an empty sample.
pub fn median(sample: &[f64]) -> f64 {
    quantile(sample, 0.5).unwrap_or(f64::NAN)
}

/// The median of the ratios of what was measured in the same round: what slows down a whole round drops out.
pub fn ratio(sample: &[f64], baseline: &[f64]) -> f64 {
    let ratios: Vec<f64> = sample.iter().zip(baseline).map(|(value, base)| value / base).collect();
    median(&ratios)
}

/// Milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A table in Markdown, its columns aligned; all but the first to the right.
pub fn markdown(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&header]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default().max(3)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let padded = cells.map(|(column, (cell, &width))| match column {
            0 => format!("| {cell:<width$} "),
            _ => format!("| {cell:>width$} "),
        });
        padded.chain(["|\n".to_owned()]).collect::<String>()
    };
    let rule = widths.iter().enumerate().map(|(column, &width)| match column {
        0 => format!("|{}", "-".repeat(width + 2)),
        _ => format!("|{}:", "-".repeat(width + 1)),
    });
    let rule: String = rule.chain(["|\n".to_owned()]).collect();
    [line(&header), rule].into_iter().chain(rows.iter().map(line)).collect()
}
