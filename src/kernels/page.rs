//! What differs between kernels, as one HTML page, which loads nothing. No I/O.
//!
//! Rows are scenarios, columns are kernels. Where a trace is another one, both are in a `<details>`. Text from a guest is escaped twice:
//! first invisible characters, then HTML.

use maud::{Markup, html};

use super::compared::{KernelColumn, difference, every_row, said, sums, verdict_of};
use crate::base::escape;
use crate::charts::document;

/// The whole page.
pub fn page(columns: &[KernelColumn]) -> String {
    let body = html! {
        h1 { "The same scenarios on " (columns.len()) " kernels" }
        p { (said(columns)) }
        (grid(columns))
    };
    document("Kernels", &body)
}

fn grid(columns: &[KernelColumn]) -> Markup {
    html! {
        div.scroll role="region" aria-label="The table" tabindex="0" {
            table.kernels {
                thead { tr { th scope="col" {} @for column in columns { th scope="col" { (escape::line(&column.release)) } } } }
                tbody {
                    @for (title, cells) in sums(columns) {
                        tr { th scope="row" { (title) } @for cell in cells { td { (cell) } } }
                    }
                    @for row in every_row(columns) {
                        tr.same[row.is_same()] {
                            th scope="row" { (escape::line(row.scenario)) }
                            @for (column, cell) in columns.iter().zip(&row.cells) {
                                td data-v=(verdict_of(column, row.scenario)) {
                                    (cell)
                                    (traces(&columns[0], column, row.scenario))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Both traces, if they differ.
fn traces(first: &KernelColumn, other: &KernelColumn, scenario: &str) -> Markup {
    html! {
        @if let Some(difference) = difference(first, other, scenario) {
            details { summary { "both traces" } pre { (escape::lines(&difference)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compared::tests::two;
    use super::*;

    #[test]
    fn the_page_has_all_scenarios_and_both_traces() {
        let page = page(&two());
        assert!(page.contains("<tr class=\"same\"><th scope=\"row\">same</th>"), "{page}");
        assert!(page.contains("<td data-v=\"fail\">fail: path one byte short</td>"), "{page}");
        assert!(page.contains("<pre>--- 6.1.0\n+++ 6.12.0\n@@ -1,2 +1,2 @@\n-read a = 1\n+read a = 2\n"), "{page}");
        assert_eq!(page.matches("<details>").count(), 1, "{page}");
    }
}
