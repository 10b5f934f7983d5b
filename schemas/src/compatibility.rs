//! Whether a schema may follow its earlier versions.
//!
//! FULL with the previous version, because in a rolling upgrade each of the two builds reads what the other writes;
//! BACKWARD with all versions, because topics still hold the records of builds long gone. The rules are Avro's, by
//! `apache-avro`; this module adds what a person needs to repair a refusal: the field, and who could not read whom.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{Name, RecordSchema, UnionSchema};
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

/// Checks `new` against its earlier versions `(number, schema)` in ascending order. The error is the reason in words,
/// naming the field.
pub fn check(new: &Schema, versions: &[(u32, Schema)]) -> Result<(), String> {
    let new = inlined(new);
    for (index, (number, old)) in versions.iter().enumerate().rev() {
        let old = inlined(old);
        readable(&old, &new, "").map_err(|why| format!("{why}: this schema could not read the records of version {number}"))?;
        if index + 1 == versions.len() {
            readable(&new, &old, "").map_err(|why| format!("{why}: version {number} could not read the records of this schema"))?;
        }
    }
    Ok(())
}

/// Whether every record of `writer` can be read as `reader`; the error names the field below `path`.
fn readable(writer: &Schema, reader: &Schema, path: &str) -> Result<(), String> {
    match (writer, reader) {
        (Schema::Record(w), Schema::Record(r)) if w.name.name() == r.name.name() => fields_readable(w, r, path),
        (Schema::Array(w), Schema::Array(r)) => readable(&w.items, &r.items, &format!("{path}[]")),
        (Schema::Map(w), Schema::Map(r)) => readable(&w.types, &r.types, &format!("{path}{{}}")),
        _ => match SchemaCompatibility::can_read(writer, reader) {
            Ok(Compatibility::Full) => Ok(()),
            // Partial means that some records can be read and others not: an outage that waits for its record.
            Ok(Compatibility::Partial) | Err(_) => {
                let place = if path.is_empty() { "the schema".to_owned() } else { format!("field `{path}`") };
                Err(format!("{place} is written as {} and read as {}", shown(writer), shown(reader)))
            }
        },
    }
}

fn fields_readable(writer: &RecordSchema, reader: &RecordSchema, path: &str) -> Result<(), String> {
    for field in &reader.fields {
        let place = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        let names = std::iter::once(&field.name).chain(&field.aliases);
        match names.into_iter().find_map(|name| writer.fields.iter().find(|written| written.name == *name)) {
            Some(written) => readable(&written.schema, &field.schema, &place)?,
            None if field.default.is_some() => {}
            None => return Err(format!("field `{place}` is not written and has no default where it is read")),
        }
    }
    Ok(())
}

/// The type in one line: a name alone where Avro has one.
fn shown(schema: &Schema) -> String {
    match schema.name() {
        Some(name) => format!("`{}`", name.name()),
        None => serde_json::to_string(schema).map_or_else(|_| format!("{schema:?}"), |json| format!("`{json}`")),
    }
}

/// The schema with every reference replaced by the type it names. The checker compares a reference with a definition
/// as different types, so a named type whose first use moves to a new field would be refused for nothing.
fn inlined(schema: &Schema) -> Schema {
    let mut out = schema.clone();
    inline(&mut out, &mut HashMap::new());
    out
}

fn inline(schema: &mut Schema, defined: &mut HashMap<Name, Schema>) {
    match schema {
        // A reference to a type that is still being defined is recursion and stays one.
        Schema::Ref { name } => {
            if let Some(definition) = defined.get(name) {
                *schema = definition.clone();
            }
            return;
        }
        Schema::Record(record) => {
            for field in &mut record.fields {
                inline(&mut field.schema, defined);
            }
        }
        Schema::Array(array) => inline(&mut array.items, defined),
        Schema::Map(map) => inline(&mut map.types, defined),
        Schema::Union(union) => {
            let mut variants = union.variants().to_vec();
            for variant in &mut variants {
                inline(variant, defined);
            }
            if let Ok(inlined) = UnionSchema::new(variants) {
                *union = inlined;
            }
        }
        _ => {}
    }
    if let Some(name) = schema.name().cloned() {
        defined.insert(name, schema.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &str) -> Schema {
        Schema::parse_str(&format!(r#"{{"type":"record","name":"Thing","namespace":"sluice","fields":[{fields}]}}"#)).expect("parses")
    }

    const A: &str = r#"{"name":"a","type":"int"}"#;

    fn refusal(old: &str, new: &str) -> String {
        check(&record(new), &[(3, record(old))]).expect_err("must be refused")
    }

    #[test]
    fn a_field_with_a_default_may_come_and_go() {
        let b = format!(r#"{A},{{"name":"b","type":["null","string"],"default":null}}"#);
        assert_eq!(check(&record(&b), &[(1, record(A))]), Ok(()));
        assert_eq!(check(&record(A), &[(1, record(&b))]), Ok(()));
    }

    #[test]
    fn a_field_that_comes_or_goes_without_a_default_is_named() {
        let b = format!(r#"{A},{{"name":"b","type":"string"}}"#);
        assert_eq!(
            refusal(A, &b),
            "field `b` is not written and has no default where it is read: this schema could not read the records of version 3"
        );
        assert_eq!(
            refusal(&b, A),
            "field `b` is not written and has no default where it is read: version 3 could not read the records of this schema"
        );
    }

    #[test]
    fn a_changed_type_is_named_with_both_types() {
        assert_eq!(
            refusal(A, r#"{"name":"a","type":"boolean"}"#),
            "field `a` is written as `\"int\"` and read as `\"boolean\"`: this schema could not read the records of version 3"
        );
    }

    #[test]
    fn a_wider_type_is_refused_because_the_build_before_could_not_read_it() {
        assert!(refusal(A, r#"{"name":"a","type":"long"}"#).ends_with("version 3 could not read the records of this schema"));
    }

    #[test]
    fn an_optional_field_cannot_become_required() {
        let optional = r#"{"name":"a","type":["null","int"],"default":null}"#;
        assert!(refusal(optional, A).contains("field `a` is written as"));
    }

    #[test]
    fn a_nested_field_is_named_by_its_path() {
        let list = |fields: &str| {
            format!(r#"{{"name":"list","type":{{"type":"array","items":{{"type":"record","name":"Item","fields":[{fields}]}}}}}}"#)
        };
        assert!(refusal(&list(A), &list(r#"{"name":"a","type":"string"}"#)).starts_with("field `list[].a` is written as"));
    }

    #[test]
    fn a_named_type_may_be_used_earlier_than_before() {
        let id = r#"{"type":"fixed","name":"Id16","size":16}"#;
        let old = format!(r#"{{"name":"b","type":{id}}}"#);
        let new = format!(r#"{{"name":"a","type":["null",{id}],"default":null}},{{"name":"b","type":"Id16"}}"#);
        assert_eq!(check(&record(&new), &[(1, record(&old))]), Ok(()));
    }

    #[test]
    fn a_version_older_than_the_last_must_be_readable_but_need_not_read() {
        let b = format!(r#"{A},{{"name":"b","type":"int","default":0}}"#);
        let required = format!(r#"{A},{{"name":"b","type":"int"}}"#);
        // Version 1 has no `b`: the default may not be dropped two versions later.
        assert!(check(&record(&required), &[(1, record(A)), (2, record(&b))]).is_err_and(|why| why.ends_with("version 1")));
        assert_eq!(check(&record(A), &[(1, record(&required)), (2, record(&b))]), Ok(()));
    }

    #[test]
    fn a_recursive_schema_is_checked_without_end() {
        let tree = r#"{"name":"next","type":["null","Thing"],"default":null}"#;
        assert_eq!(check(&record(tree), &[(1, record(tree))]), Ok(()));
    }
}
