//! Reads the modules and imports of a Rust file: `mod` items, `use` trees and inline paths such as `crate::a::b()`.

use std::collections::BTreeSet;

use super::code::{without_comments_and_literals, without_unit_tests};

/// A path in a file that may name another module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its line, from 1.
    pub line: usize,
    /// Inline modules around it, outermost first.
    pub scope: Vec<String>,
    /// Its segments; the last one of a glob is left out.
    pub path: Vec<String>,
    /// The name that a `use` brings into scope; `None` for a glob or an inline path.
    pub binding: Option<String>,
    /// Whether it is a `use` that ends in `*`.
    pub is_glob: bool,
}

/// What a file declares and imports, without unit tests.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// Modules in files of their own, as (inline modules around the declaration, name).
    pub files: Vec<(Vec<String>, String)>,
    /// Inline modules, as full paths within the file.
    pub inline: Vec<Vec<String>>,
    /// Names of items and modules in the file, at any depth.
    pub names: BTreeSet<String>,
    /// Paths of `use` items and inline paths that begin with `crate`, `self` or `super`.
    pub imports: Vec<Import>,
}

/// Keywords that are followed by the name of an item.
const ITEMS: [&str; 9] = ["struct", "enum", "union", "trait", "fn", "type", "const", "static", "mod"];

/// First segments of a path that always names a module of the same crate.
const ROOTS: [&str; 3] = ["crate", "self", "super"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token<'a> {
    line: usize,
    text: &'a str,
}

impl Token<'_> {
    fn is_word(self) -> bool {
        self.text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    }
}

/// Reads the outline of a file, which must compile.
pub fn outline(source: &str) -> Outline {
    let code = without_unit_tests(&without_comments_and_literals(source));
    let tokens: Vec<Token<'_>> = code.lines().enumerate().flat_map(|(at, line)| tokens_of(at + 1, line)).collect();
    Reader { tokens: &tokens, at: 0, depth: 0, scope: Vec::new(), outline: Outline::default() }.read()
}

/// Words, `::` and single characters.
fn tokens_of(line: usize, text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let len = if word > 0 {
            word
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push(Token { line, text: &rest[..len] });
        }
        rest = &rest[len..];
    }
    tokens
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    /// Open braces.
    depth: usize,
    /// Inline modules that are open, each with the depth outside it.
    scope: Vec<(String, usize)>,
    outline: Outline,
}

impl<'a> Reader<'a> {
    fn read(mut self) -> Outline {
        while let Some(token) = self.peek(0) {
            match token.text {
                "{" => self.depth += 1,
                "}" => self.close(),
                "use" if self.before(1) != Some("impl") => self.read_use(),
                "mod" => self.read_mod(),
                root if ROOTS.contains(&root) && self.text(1) == Some("::") => self.read_inline_path(),
                item if ITEMS.contains(&item) => self.note_name(),
                _ => {}
            }
            self.at += 1;
        }
        self.outline
    }

    fn peek(&self, ahead: usize) -> Option<Token<'a>> {
        self.tokens.get(self.at + ahead).copied()
    }

    fn text(&self, ahead: usize) -> Option<&'a str> {
        self.peek(ahead).map(|token| token.text)
    }

    fn before(&self, back: usize) -> Option<&'a str> {
        self.at.checked_sub(back).map(|at| self.tokens[at].text)
    }

    fn scope_names(&self) -> Vec<String> {
        self.scope.iter().map(|(name, _)| name.clone()).collect()
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        let depth = self.depth;
        self.scope.pop_if(|(_, outside)| *outside == depth);
    }

    fn note_name(&mut self) {
        self.outline.names.extend(self.peek(1).filter(|name| name.is_word()).map(|name| name.text.to_owned()));
    }

    fn read_mod(&mut self) {
        let Some(name) = self.text(1) else { return };
        self.note_name();
        match self.text(2) {
            Some(";") => self.outline.files.push((self.scope_names(), name.to_owned())),
            Some("{") => {
                self.scope.push((name.to_owned(), self.depth));
                self.outline.inline.push(self.scope_names());
            }
            _ => {}
        }
    }

    /// Stops before the `;` of a `use`.
    fn read_use(&mut self) {
        self.at += 1;
        self.read_tree(&[]);
    }

    /// Reads a use tree after `prefix`; stops at the last token of the tree.
    fn read_tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        while let Some(token) = self.peek(0) {
            match token.text {
                "::" => {}
                "{" => {
                    self.read_group(&path);
                    return;
                }
                "*" => {
                    self.push(token.line, path, None, true);
                    return;
                }
                "as" => {
                    let name = self.text(1).map(str::to_owned);
                    self.push(token.line, path, name, false);
                    self.at += 1;
                    return;
                }
                _ if token.is_word() => path.push(token.text.to_owned()),
                // `,`, `}` or `;` ends the tree and belongs to the caller.
                _ => break,
            }
            self.at += 1;
        }
        self.at -= 1;
        let line = self.peek(0).map_or(0, |token| token.line);
        // `use a::{self}` binds `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let binding = path.last().cloned();
        self.push(line, path, binding, false);
    }

    /// Reads `{tree, tree}`; stops at the closing brace.
    fn read_group(&mut self, prefix: &[String]) {
        self.at += 1;
        while let Some(text) = self.text(0) {
            match text {
                "}" => return,
                "," => {}
                _ => self.read_tree(prefix),
            }
            self.at += 1;
        }
    }

    fn read_inline_path(&mut self) {
        let line = self.peek(0).map_or(0, |token| token.line);
        let is_visibility = self.before(1) == Some("in");
        let mut path = Vec::new();
        while let Some(token) = self.peek(0).filter(|token| token.is_word()) {
            path.push(token.text.to_owned());
            if self.text(1) != Some("::") || !self.peek(2).is_some_and(Token::is_word) {
                break;
            }
            self.at += 2;
        }
        if !is_visibility {
            self.push(line, path, None, false);
        }
    }

    fn push(&mut self, line: usize, path: Vec<String>, binding: Option<String>, is_glob: bool) {
        let scope = self.scope_names();
        self.outline.imports.push(Import { line, scope, path, binding, is_glob });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        outline(source).imports.iter().map(|import| import.path.join("::")).collect()
    }

    #[test]
    fn a_use_tree_is_read_branch_by_branch() {
        let source = "use crate::{a, b::{self, C as D, e::*}};\npub(crate) use super::f;";
        let found = outline(source).imports;
        let shown: Vec<_> = found.iter().map(|i| (i.path.join("::"), i.binding.as_deref(), i.is_glob)).collect();
        let expected = [
            ("crate::a".to_owned(), Some("a"), false),
            ("crate::b".to_owned(), Some("b"), false),
            ("crate::b::C".to_owned(), Some("D"), false),
            ("crate::b::e".to_owned(), None, true),
            ("super::f".to_owned(), Some("f"), false),
        ];
        assert_eq!(shown, expected);
        assert_eq!(found[4].line, 2);
    }

    #[test]
    fn inline_paths_are_read_and_visibilities_are_not() {
        let source = "pub(in crate::a) fn f() -> crate::b::C { super::d::<u8>(self::e()) + std::mem::take(x) }";
        assert_eq!(paths(source), ["crate::b::C", "super::d", "self::e"]);
    }

    #[test]
    fn unit_tests_comments_and_literals_have_no_imports() {
        let source =
            "// use crate::a;\nconst B: &str = \"crate::b\";\n#[cfg(test)]\nmod tests {\n    use crate::c;\n}\n";
        assert_eq!(paths(source), [""; 0]);
        assert_eq!(paths("#[cfg(all(test, feature = \"x\"))]\nmod tests {\n    use crate::c;\n}\n"), [""; 0]);
    }

    #[test]
    fn modules_are_declared_in_files_or_inline() {
        let found = outline("mod a;\nmod b {\n    use super::c;\n    mod d;\n    struct E { x: u8 }\n}\nuse f::g;\n");
        assert_eq!(found.files, [(vec![], "a".to_owned()), (vec!["b".to_owned()], "d".to_owned())]);
        assert_eq!(found.inline, [vec!["b".to_owned()]]);
        assert_eq!((found.imports[0].scope.len(), found.imports[1].scope.len()), (1, 0));
        assert!(["a", "b", "d", "E"].iter().all(|name| found.names.contains(*name)));
    }
}
