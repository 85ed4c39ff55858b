//! Notebooks: the order of their cells, each of which is a document of its own, and what the model is shown of the cells
//! above one.
//!
//! Pure: it must not know the protocol, files or what else is open.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use codegemma_model::near_end;
use ropey::Rope;

use crate::documents::language;
use crate::policy::sanitize::sanitized;

/// A notebook that is open.
#[derive(Debug, Default)]
pub struct Notebook {
    /// The documents of its cells, from the top.
    cells: Vec<String>,
    /// What stands above the cell that was asked about last.
    above: Option<(String, Arc<Above>)>,
}

/// A cell, as its document has it.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The client's name for its language, such as `python`, or `markdown` where it is text.
    pub language: Arc<str>,
    /// Its text.
    pub text: Rope,
}

impl Notebook {
    /// One with these cells.
    pub fn new(cells: Vec<String>) -> Self {
        Self { cells, above: None }
    }

    /// The documents of its cells, from the top.
    pub fn cells(&self) -> &[String] {
        &self.cells
    }

    /// Puts cells in the place of others. A range that reaches past the last cell ends there.
    pub fn splice(&mut self, replaced: Range<usize>, cells: Vec<String>) {
        let end = replaced.end.min(self.cells.len());
        self.cells.splice(replaced.start.min(end)..end, cells);
        self.above = None;
    }

    /// Whether a document is one of its cells.
    pub fn has(&self, document: &str) -> bool {
        self.cells.iter().any(|cell| cell == document)
    }

    /// A document was edited, opened or closed. What stands above a cell does not depend on that cell itself.
    pub fn changed(&mut self, document: &str) {
        self.above.take_if(|(of, _)| of != document);
    }

    /// What a model with a context of `context_tokens` is shown before the text of a cell.
    pub fn above(&mut self, document: &str, context_tokens: usize, cell: impl Fn(&str) -> Option<Cell>) -> Arc<Above> {
        if let Some((_, above)) = self.above.as_ref().filter(|(of, _)| of == document) {
            return above.clone();
        }
        let at = self.cells.iter().position(|cell| cell == document);
        let above = at.zip(cell(document)).map(|(at, below)| Above {
            cells: self.cells[..at].iter().filter_map(|name| cell(name)).collect(),
            language: below.language,
            context_tokens,
            text: OnceLock::new(),
        });
        let above = Arc::new(above.unwrap_or_default());
        self.above = Some((document.to_owned(), above.clone()));
        above
    }
}

/// The cells above one, as they were when it was asked for.
#[derive(Debug, Default)]
pub struct Above {
    cells: Vec<Cell>,
    language: Arc<str>,
    context_tokens: usize,
    text: OnceLock<Arc<str>>,
}

impl Above {
    /// What the model is shown of them: those that are in the cell's language, and the others as comments. It is made when it
    /// is first asked for, and takes a while where there is much.
    pub fn text(&self) -> Arc<str> {
        let made = self.text.get_or_init(|| {
            let mut texts = VecDeque::new();
            let mut length = 0;
            for cell in self.cells.iter().rev() {
                let text = part(cell, &self.language);
                length += text.len();
                texts.push_front(text);
                if length > MOST_BYTES {
                    break;
                }
            }
            let text = sanitized(texts.into_iter().collect());
            near_end(&text, self.context_tokens).into()
        });
        made.clone()
    }
}

/// The most text of other cells that is looked at.
const MOST_BYTES: usize = 1 << 20;

/// What stands for a cell in a text of another language, with a blank line below it.
fn part(cell: &Cell, language: &str) -> String {
    let text = cell.text.to_string();
    let text = text.trim_end();
    if text.is_empty() {
        return String::new();
    }
    if *cell.language == *language {
        return format!("{text}\n\n");
    }
    let Some(comment) = line_comment(language) else {
        return String::new();
    };
    let lines = text
        .lines()
        .map(|line| format!("{comment} {line}").trim_end().to_owned() + "\n");
    lines.chain(["\n".to_owned()]).collect()
}

/// What a line that is a comment begins with, in the languages that notebooks are written in.
fn line_comment(language: &str) -> Option<&'static str> {
    Some(match language {
        "python" | "r" | "julia" | "ruby" | "perl" | "shellscript" | "bash" | "powershell" => "#",
        "javascript" | "typescript" | "csharp" | "fsharp" | "java" | "scala" | "kotlin" | "groovy" | "go" | "rust"
        | "c" | "cpp" | "swift" | "php" => "//",
        "sql" | "lua" | "haskell" => "--",
        _ => return None,
    })
}

/// How the model is told that a cell's text is called: as a script of that name would be, because a notebook's own file
/// is JSON.
pub fn script_name(notebook: &str, language: &str) -> String {
    let known = language::of_id(language).and_then(|language| language.extensions.first());
    let script = Path::new(notebook).with_extension(known.copied().unwrap_or(language));
    script.to_string_lossy().into_owned()
}

/// Whether a document shows a notebook's file as it is on the disk, as JSON. Some plugins show a notebook as a script under
/// the notebook's name.
pub fn is_raw(name: &str, language: &str, text: &Rope) -> bool {
    let is_json = || match text.chars().find(|c| !c.is_whitespace() && *c != '\u{feff}') {
        Some(first) => first == '{',
        None => matches!(language, "json" | "jsonc" | "ipynb" | "jupyter"),
    };
    name.to_ascii_lowercase().ends_with(".ipynb") && is_json()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    struct Open {
        notebook: Notebook,
        cells: HashMap<String, (&'static str, Rope)>,
    }

    impl Open {
        fn new(cells: &[(&'static str, &str)]) -> Self {
            let names: Vec<String> = (0..cells.len()).map(|at| at.to_string()).collect();
            let texts = cells.iter().map(|(language, text)| (*language, Rope::from_str(text)));
            Self {
                notebook: Notebook::new(names.clone()),
                cells: names.into_iter().zip(texts).collect(),
            }
        }

        fn above(&mut self, cell: &str) -> String {
            let cells = &self.cells;
            let found = |name: &str| {
                let (language, text) = cells.get(name)?;
                Some(Cell {
                    language: (*language).into(),
                    text: text.clone(),
                })
            };
            self.notebook.above(cell, 100, found).text().to_string()
        }
    }

    #[test]
    fn cells_above_are_code_or_comments() {
        let mut open = Open::new(&[
            ("markdown", "# Data\n\nRead *it*.\n"),
            ("python", "import csv\r\n"),
            ("python", "  \n"),
            ("sql", "select 1"),
            ("python", "x = "),
            ("sql", "select "),
            ("markdown", "And"),
        ]);
        let read = "# # Data\n#\n# Read *it*.\n\nimport csv\n\n";
        assert_eq!(open.above("4"), format!("{read}# select 1\n\n"));
        assert_eq!(open.above("1"), "# # Data\n#\n# Read *it*.\n\n");
        assert_eq!(open.above("0"), "");
        assert_eq!(open.above("no cell"), "");
        assert!(open.above("5").ends_with("-- import csv\n\nselect 1\n\n-- x =\n\n"));
        assert_eq!(open.above("6"), "# Data\n\nRead *it*.\n\n", "markdown has no comments");
    }

    #[test]
    fn what_is_above_follows_edits_of_other_cells_and_their_order() {
        let mut open = Open::new(&[("python", "a = 1"), ("python", "b = 2"), ("python", "c = ")]);
        assert_eq!(open.above("2"), "a = 1\n\nb = 2\n\n");
        open.cells.get_mut("1").unwrap().1 = Rope::from_str("b = 3");
        open.notebook.changed("1");
        assert_eq!(open.above("2"), "a = 1\n\nb = 3\n\n");
        open.notebook.splice(0..2, vec!["1".to_owned(), "0".to_owned()]);
        assert_eq!(open.above("2"), "b = 3\n\na = 1\n\n");
        open.notebook.splice(1..9, vec!["2".to_owned()]);
        assert_eq!(open.above("2"), "b = 3\n\n");
        open.notebook.splice(7..9, vec!["0".to_owned()]);
        assert_eq!(
            (open.above("0"), open.notebook.has("0")),
            ("b = 3\n\nc =\n\n".to_owned(), true)
        );
    }

    #[test]
    fn what_is_far_above_and_what_is_secret_is_not_shown() {
        let key = ["ghp", "_", "9aBcD3fGh1JkLmN0pQrStUvWxYz12345678a"].concat();
        let far = "y = 1\n".repeat(5_000);
        let mut open = Open::new(&[("python", "x = 0"), ("python", &far), ("python", &key), ("python", "z")]);
        let above = open.above("3");
        assert!((1_000..20_000).contains(&above.len()), "{}", above.len());
        assert!(!above.contains("x = 0") && !above.contains(&key[8..]), "{above}");
    }

    #[test]
    fn a_notebook_s_file_is_json_unless_a_plugin_shows_it_as_something_else() {
        let check = |name, language, text: &str| is_raw(name, language, &Rope::from_str(text));
        assert!(check("a/b.ipynb", "json", ""));
        assert!(check("b.IPYNB", "plaintext", "\u{feff}\n {\n"));
        assert!(!check("b.ipynb", "python", "# %%\nx = {"));
        assert!(!check("b.ipynb", "python", ""));
        assert!(!check("b.ipynb", "json", "---\n"), "it was shown as JSON at first");
        assert!(!check("b.json", "json", "{"));
    }

    #[test]
    fn a_cell_is_called_like_a_script() {
        assert_eq!(script_name("a/b.ipynb", "python"), "a/b.py");
        assert_eq!(script_name("b.ipynb", "julia"), "b.julia");
        assert_eq!(script_name("a.b/c", "shellscript"), "a.b/c.sh");
    }
}
