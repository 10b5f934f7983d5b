//! Names of kinds and shapes in records are those that their JSON shows.

use serde::Serialize;
use strum::VariantArray;

use super::{Kind, Shape};

fn agree<T: VariantArray + Serialize + Copy + Into<&'static str>>() {
    for value in T::VARIANTS {
        assert_eq!(serde_json::to_value(value).expect("is text"), (*value).into());
    }
}

#[test]
fn kinds_and_shapes_have_one_name() {
    agree::<Kind>();
    agree::<Shape>();
}

#[test]
fn a_stored_shape_is_read_back() {
    for shape in Shape::VARIANTS {
        assert_eq!(<&str>::from(*shape).parse(), Ok(*shape));
    }
}
