//! The cost per call over the number of threads, drawn as an SVG picture.

use std::fmt::Write as _;

use crate::{
    peers::STEADFAST,
    report::{NANOS, Row},
    workload::{Kind, THREADS},
};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 200.0;
const COLUMNS: usize = 3;
/// Around the axes of one panel.
const LEFT: f64 = 45.0;
const TOP: f64 = 25.0;
const RIGHT: f64 = 10.0;
const BOTTOM: f64 = 20.0;
/// Room for the names of the libraries.
const LEGEND: f64 = 60.0;
/// Names of libraries in a row.
const NAMES: usize = 6;

/// More than there are libraries.
const COLORS: [&str; 14] = [
    "#7f8c8d", "#c0392b", "#2980b9", "#27ae60", "#8e44ad", "#d68910", "#16a085", "#2c3e50",
    "#e67eb0", "#707b1c", "#5dade2", "#6e2c00", "#52be80", "#000000",
];

/// One panel for each kind of call; both axes are logarithmic.
pub fn svg(rows: &[Row]) -> String {
    let timed: Vec<&Row> = rows.iter().filter(|row| row.figure.unit == NANOS).collect();
    let mut kinds: Vec<Kind> = timed.iter().map(|row| row.of.kind).collect();
    kinds.dedup();
    let mut libraries: Vec<&str> = Vec::new();
    for row in &timed {
        if !libraries.contains(&row.figure.library) {
            libraries.push(row.figure.library);
        }
    }
    let panels = kinds.len().max(1);
    let width = WIDTH * COLUMNS.min(panels) as f64;
    let height = LEGEND + HEIGHT * panels.div_ceil(COLUMNS) as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"10\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"12\">ns per call and thread, over 1 to 8 threads on one object</text>\n"
    );
    legend(&mut text, &libraries, width);
    for (index, kind) in kinds.iter().enumerate() {
        let x = WIDTH * (index % COLUMNS) as f64;
        let y = LEGEND + HEIGHT * (index / COLUMNS) as f64;
        let rows: Vec<&Row> = timed.iter().copied().filter(|row| row.of.kind == *kind).collect();
        line(&mut text, format_args!("<g transform=\"translate({x} {y})\">"));
        panel(&mut text, *kind, &rows, &libraries);
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

fn legend(text: &mut String, libraries: &[&str], width: f64) {
    let step = width / NAMES as f64;
    for (index, library) in libraries.iter().enumerate() {
        let (x, y) = (8.0 + step * (index % NAMES) as f64, 28 + 14 * (index / NAMES));
        let color = color(index);
        line(text, format_args!("<text x=\"{x:.0}\" y=\"{y}\" fill=\"{color}\">{library}</text>"));
    }
}

fn panel(text: &mut String, kind: Kind, rows: &[&Row], libraries: &[&str]) {
    let least = rows.iter().map(|row| row.figure.median).fold(f64::INFINITY, f64::min).max(0.1);
    let most = rows.iter().map(|row| row.figure.median).fold(least, f64::max);
    let (low, high) = (least.log10().floor(), most.log10().ceil().max(least.log10().floor() + 1.0));
    let x_of = |threads: usize| {
        let last = (THREADS[THREADS.len() - 1] as f64).log2();
        LEFT + (WIDTH - LEFT - RIGHT) * (threads as f64).log2() / last
    };
    let y_of = |nanos: f64| {
        let share = (nanos.max(0.1).log10() - low) / (high - low);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    };
    let title = kind.name();
    line(text, format_args!("<text x=\"{LEFT}\" y=\"16\" font-weight=\"bold\">{title}</text>"));
    for power in low as i32..=high as i32 {
        let (y, right) = (y_of(10_f64.powi(power)), WIDTH - RIGHT);
        line(
            text,
            format_args!(
                "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 5.0,
                y + 3.0,
                nanos(power)
            ),
        );
    }
    for threads in THREADS {
        let (x, y) = (x_of(threads), HEIGHT - 6.0);
        line(
            text,
            format_args!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{threads}</text>"),
        );
    }
    for (index, library) in libraries.iter().enumerate() {
        let own = rows.iter().filter(|row| row.figure.library == *library);
        let points: Vec<String> = own
            .map(|row| format!("{:.1},{:.1}", x_of(row.of.threads), y_of(row.figure.median)))
            .collect();
        if !points.is_empty() {
            let (points, color) = (points.join(" "), color(index));
            let width = if *library == STEADFAST { 3.0 } else { 1.5 };
            line(
                text,
                format_args!(
                    "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" \
                     stroke-width=\"{width}\"><title>{library}</title></polyline>"
                ),
            );
        }
    }
}

/// A power of ten as a short number.
fn nanos(power: i32) -> String {
    match power {
        6.. => format!("{}M", 10_f64.powi(power - 6)),
        3.. => format!("{}k", 10_f64.powi(power - 3)),
        _ => format!("{}", 10_f64.powi(power)),
    }
}

fn color(index: usize) -> &'static str {
    COLORS[index % COLORS.len()]
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}
