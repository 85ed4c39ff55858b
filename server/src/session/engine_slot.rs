//! The place of the engine: it is loaded, serves, or could not be loaded.
//!
//! It must not know who loads it.

use std::sync::Arc;

use codegemma_model::Engine;

/// How far the engine is.
#[derive(Clone)]
pub(crate) enum EngineState {
    /// The model is being read.
    Loading,
    /// Requests are served.
    Ready(Arc<Engine>),
    /// The model could not be loaded; the message says what to do.
    Failed(String),
}

/// The engine, and what is known of its model.
pub(super) struct EngineSlot {
    state: EngineState,
    starter: bool,
}

impl Default for EngineSlot {
    fn default() -> Self {
        Self {
            state: EngineState::Loading,
            starter: false,
        }
    }
}

impl EngineSlot {
    /// How far the engine is.
    pub(super) fn state(&self) -> &EngineState {
        &self.state
    }

    /// The engine, where one serves.
    pub(super) fn ready(&self) -> Option<&Arc<Engine>> {
        match &self.state {
            EngineState::Ready(engine) => Some(engine),
            EngineState::Loading | EngineState::Failed(_) => None,
        }
    }

    /// Whether its model is the starter that comes with the program.
    pub(super) fn is_starter(&self) -> bool {
        self.starter
    }

    /// An engine serves from now on.
    pub(super) fn serve(&mut self, engine: Arc<Engine>, starter: bool) {
        self.state = EngineState::Ready(engine);
        self.starter = starter;
    }

    /// Another state, of which the model is the same as before.
    pub(super) fn set(&mut self, state: EngineState) {
        self.state = state;
    }

    /// What was there; another engine is going to be loaded.
    pub(super) fn take(&mut self) -> EngineState {
        std::mem::replace(&mut self.state, EngineState::Loading)
    }
}
