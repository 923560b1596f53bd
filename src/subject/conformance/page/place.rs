//! Names the page's elements by numbers, so that no tracer's text is in the names.

/// The place of a scenario.
#[derive(Clone, Copy)]
pub struct ElementName {
    /// The family's place in the table.
    pub family: usize,
    /// The scenario's place in the family.
    pub row: usize,
}

impl ElementName {
    /// The name of a cell's details.
    pub fn panel(self, column: usize) -> String {
        format!("f{}-{}-{column}", self.family, self.row)
    }
}
