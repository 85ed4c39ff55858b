//! Which tokens control the model, and which of them the engine needs by role.

use super::vocabulary::Vocabulary;

/// The control tokens that have a role in the engine. `None` where the vocabulary has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ControlTokens {
    /// Begins every text.
    pub(crate) bos: Option<u32>,
    /// Ends the text.
    pub(crate) eos: Option<u32>,
    /// Ends a turn of a conversation.
    pub(crate) end_of_turn: Option<u32>,
    /// Fill in the middle; only where the vocabulary has all four.
    pub(crate) fim: Option<FimTokens>,
}

/// The tokens of CodeGemma's fill-in-the-middle form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FimTokens {
    pub(crate) prefix: u32,
    pub(crate) middle: u32,
    pub(crate) suffix: u32,
    pub(crate) file_separator: u32,
}

impl ControlTokens {
    /// Finds each role by the name that Gemma's vocabularies give it, else by the id that the file declares for it.
    /// The tokens found become control tokens of `vocabulary`, whatever the file says of them.
    pub(super) fn find(vocabulary: &mut Vocabulary, declared: impl Fn(Role) -> Option<u32>) -> Self {
        let named = |name: &str| (0..vocabulary.len() as u32).find(|&id| vocabulary.piece(id) == Some(name));
        let found = Self::locate(named, |id| vocabulary.piece(id), declared);
        for (_, id) in found.roles() {
            vocabulary.make_control(id);
        }
        found
    }

    /// The same among those tokens of a vocabulary that are known, which have to be those that control the model.
    pub(super) fn among(known: &[(u32, &str)], declared: impl Fn(Role) -> Option<u32>) -> Self {
        let named = |name: &str| known.iter().find(|(_, piece)| *piece == name).map(|(id, _)| *id);
        let piece = |id: u32| known.iter().find(|(known, _)| *known == id).map(|(_, piece)| *piece);
        Self::locate(named, piece, declared)
    }

    fn locate<'a>(
        named: impl Fn(&str) -> Option<u32>,
        piece: impl Fn(u32) -> Option<&'a str>,
        declared: impl Fn(Role) -> Option<u32>,
    ) -> Self {
        let role = |role: Role| {
            named(role.name()).or_else(|| {
                // Converters declare fill-in-the-middle ids for every Gemma; where the model was not trained for it,
                // they point to unused tokens.
                declared(role).filter(|&id| piece(id).is_some_and(|piece| !is_unused(piece)))
            })
        };
        let fim = || {
            Some(FimTokens {
                prefix: role(Role::FimPrefix)?,
                middle: role(Role::FimMiddle)?,
                suffix: role(Role::FimSuffix)?,
                file_separator: role(Role::FileSeparator)?,
            })
        };
        Self {
            bos: declared(Role::Bos).or_else(|| named(Role::Bos.name())),
            eos: declared(Role::Eos).or_else(|| named(Role::Eos.name())),
            end_of_turn: role(Role::EndOfTurn),
            fim: fim(),
        }
    }

    /// The roles that there are tokens for, by their usual names.
    pub(crate) fn roles(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let fim = |of: fn(FimTokens) -> u32| self.fim.map(of);
        let roles = [
            (Role::Bos, self.bos),
            (Role::Eos, self.eos),
            (Role::EndOfTurn, self.end_of_turn),
            (Role::FimPrefix, fim(|fim| fim.prefix)),
            (Role::FimMiddle, fim(|fim| fim.middle)),
            (Role::FimSuffix, fim(|fim| fim.suffix)),
            (Role::FileSeparator, fim(|fim| fim.file_separator)),
        ];
        roles.into_iter().filter_map(|(role, id)| Some((role.name(), id?)))
    }
}

/// What a control token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Bos,
    Eos,
    EndOfTurn,
    FimPrefix,
    FimMiddle,
    FimSuffix,
    FileSeparator,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Bos => "<bos>",
            Self::Eos => "<eos>",
            Self::EndOfTurn => "<end_of_turn>",
            Self::FimPrefix => "<|fim_prefix|>",
            Self::FimMiddle => "<|fim_middle|>",
            Self::FimSuffix => "<|fim_suffix|>",
            Self::FileSeparator => "<|file_separator|>",
        }
    }
}

/// Whether a piece is a control token by its name. Files do not flag all of them: `<|fim_prefix|>` and `<mask>` are
/// listed as ordinary words in some, and Gemma 3's has `[multimodal]` as a user-defined word, which would be cut out of
/// any text. No piece of Gemma's learned vocabulary has such a name.
pub(super) fn is_control_name(piece: &str) -> bool {
    const NAMES: [&str; 9] = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        "<mask>",
        "<2mass>",
        "[@BOS@]",
        "[multimodal]",
        "<image_soft_token>",
    ];
    let between = |open: &str, close: &str| {
        piece
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|inner| !inner.is_empty())
    };
    NAMES.contains(&piece)
        || is_unused(piece)
        || between("<|", "|>")
        || between("<start_of_", ">")
        || between("<end_of_", ">")
}

fn is_unused(piece: &str) -> bool {
    piece
        .strip_prefix("<unused")
        .and_then(|rest| rest.strip_suffix('>'))
        .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}
