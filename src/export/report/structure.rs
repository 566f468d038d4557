//! Which members JSON payloads have: each path of keys with its types and counts.
//!
//! A payload is read once, as a stream; nothing of it is kept but the paths. What stands below members that hold
//! somebody's schema or data, not the protocol's, is one path.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The paths of any number of payloads.
#[derive(Clone, Debug)]
pub(super) struct Structure {
    /// The first is the payload itself.
    nodes: Vec<Node>,
}

/// A path.
#[derive(Clone, Default, Debug)]
struct Node {
    /// Its last key; `[]` for elements.
    name: Box<str>,
    /// In the order in which they were met first.
    children: Vec<usize>,
    /// How often there was a value of each of the [`TYPES`].
    counts: [u64; TYPES.len()],
}

/// An object, or the objects in an array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    /// `input[].content[]`; empty for the payload itself.
    pub(super) path: String,
    /// `array 5 of object 12`.
    pub(super) types: String,
    /// The members that have no members themselves, each with its types: `string 12, null 1`. One that all of these
    /// objects have, of one type, has no count.
    pub(super) members: Vec<(String, String)>,
}

impl Node {
    fn types(&self) -> String {
        let types = TYPES.iter().zip(self.counts);
        let types = types.filter(|(_, count)| *count > 0);
        let types: Vec<String> = types
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        types.join(", ")
    }
}

impl Default for Structure {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }
}

impl Structure {
    /// Takes in a payload; text that is no JSON counts for nothing, or for what stands before the fault.
    pub(super) fn add(&mut self, json: &str) {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let seed = Seed {
            structure: self,
            node: 0,
            depth: 0,
        };
        // The fault is told on the flow.
        let _ = seed.deserialize(&mut deserializer);
    }

    /// Takes in what another one has.
    pub(super) fn merge(&mut self, other: &Self) {
        self.merge_node(0, other, 0);
    }

    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// The objects, in order, each with the members that have none themselves. So a path stands once, and not in
    /// front of each of its members.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        if self.nodes[0].children.is_empty() {
            return rows;
        }
        self.list(0, String::new(), &mut rows);
        rows
    }

    fn list(&self, node: usize, mut path: String, rows: &mut Vec<Row>) {
        let mut node = &self.nodes[node];
        let mut types = node.types();
        while let [only] = node.children[..]
            && *self.nodes[only].name == *"[]"
        {
            node = &self.nodes[only];
            path.push_str("[]");
            types = format!("{types} of {}", node.types());
        }
        let (leaves, others): (Vec<usize>, Vec<usize>) = node
            .children
            .iter()
            .partition(|child| self.is_leaf(**child));
        let member = |leaf: usize| {
            let name = self.nodes[leaf].name.to_string();
            (name, self.types_of_leaf(leaf, node.counts[OBJECT]))
        };
        rows.push(Row {
            path: path.clone(),
            types,
            members: leaves.into_iter().map(member).collect(),
        });
        for child in others {
            let path = match (&*path, &*self.nodes[child].name) {
                ("", name) => name.to_owned(),
                (path, "[]") => format!("{path}[]"),
                (path, name) => format!("{path}.{name}"),
            };
            self.list(child, path, rows);
        }
    }

    /// Whether it has no members, nor have its elements.
    fn is_leaf(&self, node: usize) -> bool {
        match self.nodes[node].children[..] {
            [] => true,
            [only] => *self.nodes[only].name == *"[]" && self.is_leaf(only),
            _ => false,
        }
    }

    /// `array 5 of string 12`; `array of string 12` where all of so many objects have it.
    fn types_of_leaf(&self, node: usize, objects: u64) -> String {
        let node = &self.nodes[node];
        let mut types = TYPES.iter().zip(node.counts);
        let always = types.find(|(_, count)| *count == objects && objects > 0);
        let types = always.map_or_else(|| node.types(), |(name, _)| (*name).to_owned());
        match node.children.first() {
            Some(elements) => format!("{types} of {}", self.types_of_leaf(*elements, 0)),
            None => types,
        }
    }

    fn merge_node(&mut self, node: usize, other: &Self, from: usize) {
        let from = &other.nodes[from];
        for (own, count) in self.nodes[node].counts.iter_mut().zip(from.counts) {
            *own += count;
        }
        for (position, child) in from.children.iter().enumerate() {
            let own = self.child(node, &other.nodes[*child].name, position);
            self.merge_node(own, other, *child);
        }
    }

    /// The child called `name`, which is looked for from `hint` on: keys mostly come in the same order.
    fn child(&mut self, node: usize, name: &str, hint: usize) -> usize {
        let children = &self.nodes[node].children;
        let (before, after) = children.split_at(hint.min(children.len()));
        let found = after.iter().chain(before);
        if let Some(child) = found
            .copied()
            .find(|child| *self.nodes[*child].name == *name)
        {
            return child;
        }
        let is_full = children.len() >= MOST_CHILDREN || self.nodes.len() >= MOST_NODES;
        let name = if is_full { OTHERS } else { name };
        let last = children.last().copied();
        if let Some(last) = last.filter(|last| is_full && *self.nodes[*last].name == *OTHERS) {
            return last;
        }
        let child = self.nodes.len();
        self.nodes.push(Node {
            name: name.chars().take(LONGEST_NAME).collect::<String>().into(),
            ..Node::default()
        });
        self.nodes[node].children.push(child);
        child
    }

    fn count(&mut self, node: usize, type_of: usize) {
        self.nodes[node].counts[type_of] += 1;
    }
}

/// Reads one value into a node.
struct Seed<'a> {
    structure: &'a mut Structure,
    node: usize,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let name = &*self.structure.nodes[self.node].name;
        if self.depth >= DEEPEST || OPAQUE.contains(&name) {
            let visitor = Opaque(self);
            return deserializer.deserialize_any(visitor);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self {
            structure,
            node,
            depth,
        } = self;
        structure.count(node, 0);
        let mut position = 0;
        while let Some(child) = map.next_key_seed(Key {
            structure: &mut *structure,
            node,
            position,
        })? {
            map.next_value_seed(Seed {
                structure: &mut *structure,
                node: child,
                depth: depth + 1,
            })?;
            position += 1;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self {
            structure,
            node,
            depth,
        } = self;
        structure.count(node, 1);
        let child = structure.child(node, "[]", 0);
        let depth = depth + 1;
        while seq
            .next_element_seed(Seed {
                structure: &mut *structure,
                node: child,
                depth,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.structure.count(self.node, 2);
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.structure.count(self.node, 3);
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.structure.count(self.node, 3);
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.structure.count(self.node, 3);
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.structure.count(self.node, 4);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.structure.count(self.node, 5);
        Ok(())
    }
}

/// Counts a value, and passes over what is in it.
struct Opaque<'a>(Seed<'a>);

impl<'de> Visitor<'de> for Opaque<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        use serde::de::IgnoredAny;
        self.0.structure.count(self.0.node, 0);
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.structure.count(self.0.node, 1);
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.visit_str(text)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.0.visit_u64(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.0.visit_i64(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.0.visit_f64(number)
    }

    fn visit_bool<E: Error>(self, bool: bool) -> Result<(), E> {
        self.0.visit_bool(bool)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.visit_unit()
    }
}

/// Finds the child that a key names.
struct Key<'a> {
    structure: &'a mut Structure,
    node: usize,
    position: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        Ok(self.structure.child(self.node, name, self.position))
    }
}

/// The types of JSON (RFC 8259 §3).
const TYPES: [&str; 6] = ["object", "array", "string", "number", "boolean", "null"];
/// The place of objects among them.
const OBJECT: usize = 0;
/// Members that hold a tool's schema, a person's metadata or a tool's own data.
const OPAQUE: [&str; 7] = [
    "parameters",
    "schema",
    "properties",
    "workspaces",
    "annotations",
    "logprobs",
    "metadata",
];
/// What stands for further members of an object that has too many.
const OTHERS: &str = "…";
/// Members of one object that are told apart.
const MOST_CHILDREN: usize = 100;
/// Paths that are told apart.
const MOST_NODES: usize = 3_000;
/// Characters of a key.
const LONGEST_NAME: usize = 60;
/// How deep paths go.
const DEEPEST: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_their_types_and_counts() {
        let mut structure = Structure::default();
        structure.add(r#"{"a":[{"b":1},{"b":null,"c":"x"}],"parameters":{"d":{"e":1}}}"#);
        let mut other = Structure::default();
        other.add(r#"{"z":true,"a":"text"}"#);
        other.add("{\"a\":1.5,");
        structure.merge(&other);
        let mut always = Structure::default();
        always.add(r#"{"s":"","l":["a","b"],"n":1}"#);
        always.add(r#"{"s":"","l":[],"n":null}"#);
        let members = &always.rows()[0].members;
        let told: Vec<&str> = members.iter().map(|(_, types)| types.as_str()).collect();
        assert_eq!(told, ["string", "array of string 2", "number 1, null 1"]);
        let row = |path: &str, types: &str, members: &[(&str, &str)]| Row {
            path: path.to_owned(),
            types: types.to_owned(),
            members: members
                .iter()
                .map(|(name, types)| ((*name).to_owned(), (*types).to_owned()))
                .collect(),
        };
        assert_eq!(
            structure.rows(),
            [
                row(
                    "",
                    "object 3",
                    &[("parameters", "object 1"), ("z", "boolean 1")]
                ),
                row(
                    "a[]",
                    "array 1, string 1, number 1 of object 2",
                    &[("b", "number 1, null 1"), ("c", "string 1")]
                ),
            ]
        );
        assert_eq!(structure.len(), 6);
    }

    #[test]
    fn elements_without_members_stand_with_their_array() {
        let mut structure = Structure::default();
        structure.add(r#"[{"x":["a",null],"y":[[1],[{"z":1}]]}]"#);
        let rows = structure
            .rows()
            .into_iter()
            .map(|row| (row.path, row.types, row.members.len()));
        let expected = [
            ("[]", "array 1 of object 1", 1),
            ("[].y[][]", "array 1 of array 2 of object 1, number 1", 1),
        ];
        let expected =
            expected.map(|(path, types, members)| (path.to_owned(), types.to_owned(), members));
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn keys_without_end_become_one_path() {
        let mut structure = Structure::default();
        for number in 0..10_000 {
            structure.add(&format!("{{\"k{number}\":{{\"x\":1}}}}"));
        }
        assert!(structure.nodes.len() <= 2 * MOST_CHILDREN + 3);
        assert!(structure.rows().iter().any(|row| row.path == OTHERS));
    }
}
