//! Bars as an SVG.

use plotters::prelude::*;

use super::Failure;

const SIZE: (u32, u32) = (900, 420);
const COLOURS: [RGBColor; 2] = [RGBColor(0x33, 0x66, 0x99), RGBColor(0xcc, 0x88, 0x33)];

/// Draws a group of bars for each name, one for each series, on a logarithmic axis.
pub fn bars(file: &str, title: &str, series: &[&str; 2], rows: &[(&str, [f64; 2])]) -> Result<(), Failure> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let most = rows.iter().flat_map(|(_, values)| values).copied().fold(1.0, f64::max);
    let names: Vec<&str> = rows.iter().rev().map(|(name, _)| *name).collect();
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(150)
        .build_cartesian_2d((10.0..most * 4.0).log_scale(), 0.0..rows.len() as f64)?;
    chart.configure_mesh().disable_y_mesh().disable_y_axis().y_labels(0).light_line_style(TRANSPARENT).draw()?;
    for (at, name) in series.iter().enumerate() {
        let colour = COLOURS[at];
        let bar = |place: usize, value: f64| {
            let top = (rows.len() - place) as f64 - 0.15 - 0.35 * at as f64;
            Rectangle::new([(10.0, top - 0.33), (value, top)], colour.filled())
        };
        let values = || rows.iter().enumerate().map(|(place, (_, values))| (place, values[at]));
        chart
            .draw_series(values().map(|(place, value)| bar(place, value)))?
            .label(*name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()));
        let label = |place: usize, value: f64| {
            let middle = (rows.len() - place) as f64 - 0.15 - 0.35 * at as f64;
            Text::new(format!("{value:.0}"), (value * 1.08, middle - 0.02), ("sans-serif", 13))
        };
        chart.draw_series(values().map(|(place, value)| label(place, value)))?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::LowerRight).border_style(BLACK).draw()?;
    for (place, name) in names.iter().enumerate() {
        let (_, y) = chart.backend_coord(&(10.0, place as f64 + 0.5));
        root.draw(&Text::new((*name).to_owned(), (14, y - 7), ("sans-serif", 14)))?;
    }
    Ok(root.present()?)
}
