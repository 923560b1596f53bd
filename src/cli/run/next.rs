//! What is done for the next scenario while one acts.

use super::LiveRun;

impl LiveRun {
    /// Has the child of the scenario forked that runs next: this one, or that of the next trial.
    pub(super) fn begin_next(&self, scenario: Option<&str>) {
        let begin = |name: &str| {
            let is_left_out = self.plan.ignored(name).is_some() && !self.plan.asks_for_ignored;
            if let (false, Ok(expectation)) = (is_left_out, self.plan.expectation(name)) {
                self.session.begin(name, expectation);
            }
        };
        match scenario {
            Some(name) => begin(name),
            None => self.plan.coming.for_next(begin),
        }
    }
}

/// A run that ends early leaves children that wait.
impl Drop for LiveRun {
    fn drop(&mut self) {
        self.session.end_begun();
    }
}
