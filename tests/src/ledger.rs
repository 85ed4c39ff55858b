//! Which requests were sent and are not answered: each must be, exactly once.

use std::collections::HashMap;

use serde_json::Value;

/// The answers that the server owes.
#[derive(Default)]
pub struct Ledger {
    due: HashMap<String, usize>,
}

impl Ledger {
    /// A request with this id was sent. An id may be used several times, and is to be answered as often.
    pub fn owe(&mut self, id: &Value) {
        *self.due.entry(id.to_string()).or_default() += 1;
    }

    /// A message came in. An answer that nobody waits for, such as a second one, fails the test.
    #[track_caller]
    pub fn settle(&mut self, message: &Value) {
        if message.get("method").is_some() {
            return;
        }
        let id = message["id"].to_string();
        let due = self
            .due
            .get_mut(&id)
            .unwrap_or_else(|| panic!("an answer to nothing: {message}"));
        *due -= 1;
        if *due == 0 {
            self.due.remove(&id);
        }
    }

    /// Whether every request is answered.
    pub fn is_settled(&self) -> bool {
        self.due.is_empty()
    }
}
