//! Layers inside a crate: a top-level module imports only those below it, and no modules import each other in a circle.
//!
//! Seen from outside, a folder is one module. Inside a folder, sibling modules form no circle either; they may use what
//! the folder's own file (`mod.rs`) defines.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Import, Outline, outline};
use super::tree::SourceFile;

/// The top-level modules of a crate, from the bottom up: each may import those before it. `crate` stands for the items
/// of the crate root; if it is not listed, no module may use them.
struct Row {
    package: &'static str,
    bottom_up: &'static str,
}

const TABLE: &[Row] = &[
    Row {
        package: "cityseal-hash",
        bottom_up: "crate constants digest features error merkle_kind messages midstate search baseline portable \
            lanewise span x86 kernel known_answer constructors",
    },
    Row {
        package: "cityseal-chain",
        bottom_up: "encoding hex digest u256 hash targets header merkle parameters rust_bitcoin rules body \
            header_tree search",
    },
    Row {
        package: "cityseal-cli",
        bottom_up: "clock error_answer escape exit files error niceness output logging signals",
    },
    Row {
        package: "cityseal-device",
        bottom_up: "error left_out info trees batch tuning backend cpu fake known_answers inject",
    },
    Row {
        package: "cityseal-receipt",
        bottom_up: "digits format pick utc rows words keys error openings parts text statement receipt",
    },
    Row {
        package: "cityseal-gpu",
        bottom_up: "adapters faults layout marks pace results sha256 generate prepare shader items pipelines \
            remember trees slot machine flight backend fastest_variant open discover",
    },
    Row { package: "cityseal-proto", bottom_up: "v1 field display template verdict" },
    Row {
        package: "cityseal-engine",
        bottom_up: "error fallback tenant usage probability outlook profile policy gpu devices judge coverage seal_report \
            seal_job task verify driver control job verifier workers engine builder",
    },
    Row {
        package: "cityseal-input",
        bottom_up: "decode_error frame paths place blocks hex_lines detect proof input_error open packed \
            places proof_file raw_block decoder placed_fault part receipts sinks recognise looks source cut forks",
    },
    Row { package: "cityseal-journal", bottom_up: "job error health rows store queue writer journal" },
    Row {
        package: "cityseal-client",
        bottom_up: "address credentials device answer job status cut ledger frames request check error receipt_check retry \
            connection upload verify verify_call watch seal",
    },
    Row {
        package: "cityseal-service",
        bottom_up: "block_chunk terms caller device_facts drain echo certificate transport keys limits limit_table stamps \
            tenants tls tokens access error reload control shares unread idle rpcs connection call_note deadline foreign \
            health log_budget listener refusal places begin gate bodies event_log tally observer trace refusals calls heavy \
            http2 jobs seal_service sensors history device_service verifications upload upload_rate verdict verify_service \
            advice status status_service dashboard options tenant_shares discard scrape metrics_server state_events monitoring",
    },
    Row {
        package: "cityseal-bench",
        bottom_up: "city energy error hands clock json gauges latency mode processor bound environment question \
            race baseline device record records recorded settings chain drill show compare report stream measure",
    },
    Row {
        package: "cityseal",
        bottom_up: "args config setup context answers json odds commands demo error quiet_drivers",
    },
];

/// Crates that are no product: their modules are free.
const NOT_PRODUCT: [&str; 5] = ["cityseal-fuzz", "cityseal-tests", "cityseal-testkit", "xtask", "isa-probe"];

/// The name of the root's own items in a row.
const ROOT: &str = "crate";

/// A module as its path from the root; the root is empty.
type ModulePath = Vec<String>;

/// Which modules import which, with one place of each import.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Edge>>;

/// An import of one module by another of the same crate.
#[derive(Clone, Debug)]
struct Edge {
    from: ModulePath,
    to: ModulePath,
    /// File and line.
    place: String,
    path: String,
}

/// The modules of one crate.
#[derive(Default)]
struct Modules {
    outlines: BTreeMap<ModulePath, (String, Outline)>,
}

/// Violations of the table and of the rule against circles in all product crates, one sentence each.
pub fn objections(files: &[SourceFile]) -> Vec<String> {
    let packages: BTreeSet<&str> = files.iter().map(|file| file.package.as_str()).collect();
    let judged = packages.into_iter().filter(|package| !NOT_PRODUCT.contains(package));
    let rows: Vec<(&str, Option<&str>)> = judged
        .map(|package| (package, TABLE.iter().find(|row| row.package == package).map(|row| row.bottom_up)))
        .collect();
    let unknown = TABLE.iter().filter(|row| !rows.iter().any(|(package, _)| *package == row.package));
    let unknown = unknown.map(|row| format!("{} has a row of modules but is not a product crate", row.package));
    rows.iter().flat_map(|(package, row)| objections_to(package, files, *row)).chain(unknown).collect()
}

/// Violations of a row and of the rule against circles in one crate.
fn objections_to(package: &str, files: &[SourceFile], row: Option<&str>) -> Vec<String> {
    let modules = match Modules::of(package, files) {
        Ok(modules) => modules,
        Err(objection) => return vec![objection],
    };
    let edges = modules.edges();
    let circles = modules.folders().filter_map(|folder| circle_in(package, folder, &edges));
    let order = match row {
        Some(row) => order_objections(package, row, &modules, &edges),
        None => vec![format!("{package} has no row in the table of modules; try: {}", suggestion(&modules, &edges))],
    };
    order.into_iter().chain(circles).collect()
}

impl Modules {
    /// Reads the modules of a crate that are reached from its `lib.rs`, or its `main.rs` if it has no library.
    fn of(package: &str, files: &[SourceFile]) -> Result<Self, String> {
        let own: Vec<&SourceFile> = files.iter().filter(|file| file.package == package).collect();
        let root = ["src/lib.rs", "src/main.rs"].iter().find_map(|end| own.iter().find(|file| is_at(&file.path, end)));
        let root = root.ok_or_else(|| format!("{package} has neither src/lib.rs nor src/main.rs"))?;
        let mut modules = Self::default();
        let folder = root.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        modules.add(&own, root, folder, Vec::new())?;
        Ok(modules)
    }

    /// Adds a file as the module `path`, whose submodules are in `folder`.
    fn add(&mut self, files: &[&SourceFile], file: &SourceFile, folder: &str, path: ModulePath) -> Result<(), String> {
        let outline = outline(&file.text);
        for inline in &outline.inline {
            let nested = [path.clone(), inline.clone()].concat();
            self.outlines.insert(nested, (file.path.clone(), Outline::default()));
        }
        for (scope, name) in &outline.files {
            let folder = [&[folder.to_owned()], scope.as_slice()].concat().join("/");
            let candidates = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
            let child = files.iter().find(|file| candidates.contains(&file.path));
            let child = child.ok_or_else(|| format!("{}: the module {name} has no file", file.path))?;
            let nested = [path.as_slice(), scope, std::slice::from_ref(name)].concat();
            self.add(files, child, &format!("{folder}/{name}"), nested)?;
        }
        self.outlines.insert(path, (file.path.clone(), outline));
        Ok(())
    }

    /// All imports between two modules of the crate.
    fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (path, (file, outline)) in &self.outlines {
            for import in &outline.imports {
                let from = [path.as_slice(), &import.scope].concat();
                let Some(to) = self.resolve(&from, &import.path, import, 0).filter(|to| *to != from) else { continue };
                let place = format!("{file}:{}", import.line);
                edges.push(Edge { from, to, place, path: import.path.join("::") });
            }
        }
        edges
    }

    /// The module that defines what a path names, through re-exports. `None` for another crate. `at_import` is the
    /// import that is being resolved, which does not resolve itself.
    fn resolve(&self, from: &[String], path: &[String], at_import: &Import, depth: usize) -> Option<ModulePath> {
        if depth > 16 {
            return None;
        }
        let mut at = from.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                let count = path.iter().take_while(|segment| *segment == "super").count();
                at.truncate(at.len().checked_sub(count)?);
                rest = &path[count..];
            }
            first if self.has_child(&at, first) => {}
            first => {
                // A name that another `use` of this module brings into scope, or another crate.
                let import = self.binding(&at, first).filter(|import| *import != at_import)?;
                at = self.resolve(from, &import.path, import, depth + 1)?;
                rest = &path[1..];
            }
        }
        for segment in rest {
            if self.has_child(&at, segment) {
                at.push(segment.clone());
            } else if let Some(import) = self.binding(&at, segment).filter(|import| *import != at_import) {
                at = self.resolve(&at.clone(), &import.path, import, depth + 1)?;
            } else if let Some(target) = self.through_glob(&at, segment, depth) {
                at = target;
            } else {
                return Some(at);
            }
        }
        Some(at)
    }

    /// The module behind a glob re-export in `at` that has the name.
    fn through_glob(&self, at: &[String], name: &str, depth: usize) -> Option<ModulePath> {
        let (_, outline) = self.outlines.get(at)?;
        if outline.names.contains(name) {
            return None;
        }
        let globs = outline.imports.iter().filter(|import| import.is_glob && import.scope.is_empty());
        let targets = globs.filter_map(|import| self.resolve(at, &import.path, import, depth + 1));
        let mut having =
            targets.filter(|target| self.outlines.get(target).is_some_and(|(_, o)| o.names.contains(name)));
        having.next()
    }

    fn has_child(&self, at: &[String], name: &str) -> bool {
        self.outlines.contains_key(&[at, &[name.to_owned()]].concat())
    }

    fn binding(&self, at: &[String], name: &str) -> Option<&Import> {
        let (_, outline) = self.outlines.get(at)?;
        outline.imports.iter().find(|import| import.scope.is_empty() && import.binding.as_deref() == Some(name))
    }

    /// Names of the top-level modules.
    fn top(&self) -> BTreeSet<&str> {
        self.outlines.keys().filter_map(|path| path.first()).map(String::as_str).collect()
    }

    /// Modules with submodules, the root included.
    fn folders(&self) -> impl Iterator<Item = &[String]> {
        let is_folder = |path: &&ModulePath| {
            self.outlines.keys().any(|other| other.len() == path.len() + 1 && other.starts_with(path))
        };
        self.outlines.keys().filter(is_folder).map(Vec::as_slice)
    }
}

fn is_at(path: &str, end: &str) -> bool {
    path == end || path.strip_suffix(end).is_some_and(|home| home.ends_with('/'))
}

fn top_of(path: &[String]) -> &str {
    path.first().map_or(ROOT, String::as_str)
}

/// Modules that the row does not list, rows without a module, and imports that go up.
fn order_objections(package: &str, row: &str, modules: &Modules, edges: &[Edge]) -> Vec<String> {
    let order: Vec<&str> = row.split_whitespace().collect();
    let height = |name: &str| order.iter().position(|listed| *listed == name);
    let unlisted = modules.top().into_iter().filter(|name| height(name).is_none());
    let unlisted = unlisted.map(|name| format!("{package}: the module {name} is not in the table of modules"));
    let gone = order.iter().filter(|name| **name != ROOT && !modules.top().contains(**name));
    let gone = gone.map(|name| format!("{package}: the table of modules lists {name}, which does not exist"));
    // The root re-exports everything, so its own imports may go anywhere.
    let upward = edges.iter().filter(|edge| !edge.from.is_empty()).filter_map(|edge| {
        let (from, to) = (top_of(&edge.from), top_of(&edge.to));
        let goes_down = from == to || height(to).is_some_and(|to| height(from).is_none_or(|from| to < from));
        (!goes_down).then(|| format!("{}: {from} imports {to}, which is not below it: {}", edge.place, edge.path))
    });
    unlisted.chain(gone).chain(upward).collect()
}

/// Imports between the children of a folder, by child.
fn graph<'a>(folder: &[String], edges: &'a [Edge]) -> Graph<'a> {
    let mut graph = Graph::new();
    for edge in edges.iter().filter(|edge| edge.from.starts_with(folder) && edge.to.starts_with(folder)) {
        let (Some(from), Some(to)) = (edge.from.get(folder.len()), edge.to.get(folder.len())) else { continue };
        if from != to {
            graph.entry(from).or_default().entry(to).or_insert(edge);
        }
    }
    graph
}

/// A circle among the children of a folder, if there is one.
fn circle_in(package: &str, folder: &[String], edges: &[Edge]) -> Option<String> {
    let graph = graph(folder, edges);
    let circle = graph.keys().find_map(|start| path_back(&graph, start))?;
    let steps: Vec<String> = circle
        .windows(2)
        .map(|step| {
            let edge = graph[step[0]][step[1]];
            format!("{} imports {} ({} in {})", step[0], step[1], edge.path, edge.place)
        })
        .collect();
    let place = [&[package.to_owned()], folder].concat().join("::");
    Some(format!("{place} has a circle of modules: {}", steps.join(", ")))
}

/// The shortest way from a module back to itself.
fn path_back<'a>(graph: &Graph<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let nexts = way.last().and_then(|last| graph.get(last)).into_iter().flat_map(BTreeMap::keys);
        for next in nexts {
            let longer = [way.as_slice(), &[*next]].concat();
            if *next == start {
                return Some(longer);
            }
            if seen.insert(*next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

/// A row for a crate: its modules bottom up, those of a circle marked with `?`.
fn suggestion(modules: &Modules, edges: &[Edge]) -> String {
    let graph = graph(&[], edges);
    let mut open = modules.top();
    let mut row = Vec::new();
    let uses_root = edges.iter().any(|edge| edge.to.is_empty() && !edge.from.is_empty());
    row.extend(uses_root.then(|| ROOT.to_owned()));
    while !open.is_empty() {
        let imports_open = |name: &str| graph.get(name).is_some_and(|to| to.keys().any(|to| open.contains(to)));
        let free = open.iter().copied().find(|name| !imports_open(name));
        let next = free.or_else(|| open.iter().copied().find(|name| path_back(&graph, name).is_some()));
        let Some(next) = next else { break };
        row.push(if free.is_some() { next.to_owned() } else { format!("{next}?") });
        open.remove(next);
    }
    format!("\"{}\"", row.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> Vec<SourceFile> {
        let file = |(path, text): &(&str, &str)| SourceFile {
            package: "p".into(),
            path: format!("p/src/{path}"),
            text: (*text).into(),
            is_outside_product: false,
        };
        texts.iter().map(file).collect()
    }

    fn judge(row: &str, texts: &[(&str, &str)]) -> Vec<String> {
        objections_to("p", &files(texts), Some(row))
    }

    const ROOT_OF_TWO: (&str, &str) = ("lib.rs", "mod high;\nmod low;\npub use high::High;\npub use low::Low;");

    #[test]
    fn accepts_imports_that_go_down() {
        let texts =
            [ROOT_OF_TWO, ("high.rs", "use crate::low::Low;\nuse crate::Low as L;"), ("low.rs", "use std::fmt;")];
        assert_eq!(judge("low high", &texts), [""; 0]);
    }

    #[test]
    fn refuses_an_import_that_goes_up_through_a_re_export_too() {
        for import in
            ["use crate::high::High;", "use crate::{High};", "use super::High;", "fn f() { crate::High::new() }"]
        {
            let found = judge("low high", &[ROOT_OF_TWO, ("high.rs", ""), ("low.rs", import)]);
            assert_eq!(found.len(), 1, "{import}: {found:?}");
            assert!(found[0].starts_with("p/src/low.rs:1: low imports high, which is not below it"), "{found:?}");
        }
    }

    #[test]
    fn refuses_an_import_in_a_nested_module_and_names_its_file() {
        let texts = [
            ROOT_OF_TWO,
            ("high.rs", ""),
            ("low/mod.rs", "mod inner;\nmod inline {\n    use super::super::High;\n}"),
            ("low/inner.rs", "\nuse super::super::high;"),
        ];
        let found = judge("low high", &texts);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("p/src/low/mod.rs:3: ") && found[1].starts_with("p/src/low/inner.rs:2: "),
            "{found:?}"
        );
    }

    #[test]
    fn refuses_a_module_that_is_not_in_the_row_and_a_row_without_its_module() {
        let found = judge("low gone", &[ROOT_OF_TWO, ("high.rs", ""), ("low.rs", "")]);
        let expected = [
            "p: the module high is not in the table of modules",
            "p: the table of modules lists gone, which does not exist",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn refuses_the_roots_own_items_unless_they_are_listed() {
        let texts = [("lib.rs", "mod a;\npub const N: usize = 1;"), ("a.rs", "use crate::N;")];
        assert_eq!(judge("a", &texts).len(), 1);
        assert_eq!(judge("crate a", &texts), [""; 0]);
    }

    #[test]
    fn refuses_a_circle_and_shows_each_step() {
        let texts = [ROOT_OF_TWO, ("high.rs", "use crate::low::Low;"), ("low.rs", "use crate::high;")];
        let found = judge("low high", &texts);
        let circle = "p has a circle of modules: high imports low (crate::low::Low in p/src/high.rs:1), \
            low imports high (crate::high in p/src/low.rs:1)";
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[1], circle);
    }

    #[test]
    fn refuses_a_circle_of_siblings_inside_a_folder() {
        let texts = [
            ("lib.rs", "mod f;"),
            ("f/mod.rs", "mod a;\nmod b;\nmod c;\nuse a::A;\nuse b::B;\npub struct Own;"),
            ("f/a.rs", "use super::{B, Own};"),
            ("f/b.rs", "use super::c::C;"),
            ("f/c.rs", "use crate::f::a::A;"),
        ];
        let found = judge("f", &texts);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("p::f has a circle of modules: a imports b (super::B in "), "{found:?}");
        let open = [texts[0], texts[1], texts[2], texts[3], ("f/c.rs", "use super::Own;")];
        assert_eq!(judge("f", &open), [""; 0], "the folder's own items are free to its children");
    }

    #[test]
    fn follows_a_glob_to_the_module_that_has_the_name() {
        let texts = [
            ("lib.rs", "mod high;\nmod low;\nmod names;"),
            ("names.rs", "pub use crate::high::*;"),
            ("high.rs", "pub struct High;"),
            ("low.rs", "use crate::names::High;"),
        ];
        let found = judge("low high names", &texts);
        assert!(found.iter().any(|what| what.contains("low imports high")), "{found:?}");
    }

    #[test]
    fn suggests_a_row_for_a_crate_without_one() {
        let texts = [ROOT_OF_TWO, ("high.rs", "use crate::low::Low;"), ("low.rs", "")];
        let found = objections_to("p", &files(&texts), None);
        assert_eq!(found, ["p has no row in the table of modules; try: \"low high\""]);
    }

    #[test]
    fn refuses_a_module_without_a_file() {
        assert_eq!(judge("a", &[("lib.rs", "mod a;")]), ["p/src/lib.rs: the module a has no file"]);
    }
}
