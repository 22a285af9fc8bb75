//! The JSON Schemas of `docs/schemas`, and checks of answers against them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

const FILE_END: &str = ".schema.json";

/// The URI of the folder in these tests. References between the schemas are relative, so any URI works.
const FOLDER_URI: &str = "https://schemas.example.org/";

/// The schema of the answer of a command without an answer, the definitions that several schemas share, and the lines
/// of the event log.
pub(crate) const NOT_OF_A_COMMAND: [&str; 3] = ["error", "common", "event"];

pub(crate) struct Schema {
    pub(crate) text: Value,
    validator: OnceLock<Validator>,
}

/// The schemas by the names of their files without [`FILE_END`], such as `bench-compare`.
static SCHEMAS: LazyLock<BTreeMap<String, Schema>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let file = path.file_name().unwrap().to_str().unwrap();
            let name = file.strip_suffix(FILE_END).unwrap_or_else(|| panic!("{file} is not a schema"));
            let text = std::fs::read_to_string(&path).unwrap();
            let text = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            (name.to_owned(), Schema { text, validator: OnceLock::new() })
        })
        .collect()
});

static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let resources = SCHEMAS.iter().map(|(name, schema)| (uri(name), schema.text.clone()));
    Registry::new().extend(resources).unwrap().prepare().unwrap()
});

fn uri(name: &str) -> String {
    format!("{FOLDER_URI}{name}{FILE_END}")
}

pub(crate) fn all() -> &'static BTreeMap<String, Schema> {
    &SCHEMAS
}

pub(crate) fn schema(name: &str) -> &'static Value {
    &SCHEMAS.get(name).unwrap_or_else(|| panic!("docs/schemas has no {name}{FILE_END}")).text
}

pub(crate) fn validator(name: &str) -> &'static Validator {
    let build = || {
        let options = jsonschema::options().with_registry(&REGISTRY);
        options.build(&json!({ "$ref": uri(name) })).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    SCHEMAS.get(name).unwrap_or_else(|| panic!("docs/schemas has no {name}{FILE_END}")).validator.get_or_init(build)
}

/// The schema of the command in these arguments; `None` if they name no command with an answer.
fn of_command(arguments: &[String]) -> Option<&'static str> {
    let known = |name: &str| SCHEMAS.get_key_value(name).map(|(name, _)| name.as_str());
    let at_pair = |pair: &[String]| known(&pair.join("-")).or_else(|| known(&pair[0]));
    let of_commands = |name: &&str| !NOT_OF_A_COMMAND.contains(name);
    let last = arguments.last().and_then(|last| known(last));
    arguments.windows(2).find_map(|pair| at_pair(pair).filter(of_commands)).or(last.filter(of_commands))
}

/// Checks an answer of the command in these arguments; does nothing if there are none.
pub(crate) fn check_answer(arguments: &[String], answer: &Value) {
    let name = if answer.get("error").is_some() { Some("error") } else { of_command(arguments) };
    if let Some(name) = name {
        check(name, answer);
    }
}

/// Checks that an answer is valid under the schema of this name.
pub(crate) fn check(name: &str, answer: &Value) {
    let errors: Vec<String> =
        validator(name).iter_errors(answer).map(|error| format!("  at `{}`: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "not valid under docs/schemas/{name}{FILE_END}:\n{}\n{answer}", errors.join("\n"));
}

/// Checks that the schema accepts this answer, and refuses it if any of its objects has one more key or lacks a
/// required one.
pub(crate) fn check_is_exact(name: &str, answer: &Value) {
    check(name, answer);
    let validator = validator(name);
    let mut objects = Vec::new();
    gather_objects(schema(name), schema(name), answer, "", &mut objects);
    assert!(!objects.is_empty(), "{name}: {answer} has no objects");
    for (pointer, required) in objects {
        assert!(!required.is_empty(), "{name}: `{pointer}` requires no key");
        let mut changed = answer.clone();
        let object = changed.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
        object.insert("unknown_key".into(), json!(0));
        assert!(!validator.is_valid(&changed), "{name}: accepts an unknown key in `{pointer}`");
        for key in required {
            let mut changed = answer.clone();
            changed.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(&key).unwrap();
            assert!(!validator.is_valid(&changed), "{name}: accepts `{pointer}` without `{key}`");
        }
    }
}

/// Gathers the objects in a value by their JSON pointers, each with the keys that its schema requires. Of an array only
/// the first and the last item are gathered.
fn gather_objects(
    root: &'static Value,
    schema: &'static Value,
    value: &Value,
    pointer: &str,
    found: &mut Vec<(String, BTreeSet<String>)>,
) {
    let (root, schema) = resolved(root, schema);
    if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
        let keys = |branch| required(resolved(root, branch).1);
        let branch = branches.iter().find(|branch| keys(*branch).iter().all(|key| value.get(key).is_some()));
        return gather_objects(root, branch.unwrap(), value, pointer, found);
    }
    match value {
        Value::Object(fields) => {
            found.push((pointer.to_owned(), required(schema)));
            for (key, value) in fields {
                gather_objects(root, &schema["properties"][key], value, &format!("{pointer}/{key}"), found);
            }
        }
        Value::Array(items) => {
            let ends = BTreeSet::from([0, items.len().saturating_sub(1)]);
            for (at, item) in items.iter().enumerate().filter(|(at, _)| ends.contains(at)) {
                gather_objects(root, &schema["items"], item, &format!("{pointer}/{at}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(crate) fn required(schema: &Value) -> BTreeSet<String> {
    let keys = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    keys.map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// Follows `$ref`. `root` is the file that contains the schema.
pub(crate) fn resolved(root: &'static Value, schema: &'static Value) -> (&'static Value, &'static Value) {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return (root, schema) };
    let (file, pointer) = reference.split_once('#').unwrap();
    let root = if file.is_empty() { root } else { self::schema(file.strip_suffix(FILE_END).unwrap()) };
    resolved(root, root.pointer(pointer).unwrap_or_else(|| panic!("{reference} does not exist")))
}
