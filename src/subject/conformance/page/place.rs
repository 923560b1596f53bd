//! The names of the page's elements: of numbers, so that nothing of others is in them.

/// Where a scenario stands.
#[derive(Clone, Copy)]
pub struct Place {
    /// The family's place in the table.
    pub family: usize,
    /// The scenario's place in the family.
    pub row: usize,
}

impl Place {
    /// What is behind the cell of a column.
    pub fn panel(self, column: usize) -> String {
        format!("f{}-{}-{column}", self.family, self.row)
    }
}
