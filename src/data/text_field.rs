//! A field that holds text, in a line of JSON Lines: `text`, or one that the reader names.
//!
//! Only that field is decoded. Other fields may hold what JSON's grammar allows and Rust's types do not: `1e999`,
//! or half of a surrogate pair (`"\ud800"`).

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// The field `text` of `line`: [`string_field`].
pub(super) fn text_field(line: &str) -> Result<Vec<u8>, String> {
    string_field(line, "text")
}

/// The field `name` of `line`. Halves of surrogate pairs are kept as [`decode`] understands them. The error
/// says what is wrong.
pub(super) fn string_field(line: &str, name: &str) -> Result<Vec<u8>, String> {
    let line = line.trim_start_matches('\u{feff}');
    let in_field = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let fields = Fields { name, in_field: &in_field };
    let read = deserializer.deserialize_map(fields).and_then(|text| {
        deserializer.end()?;
        Ok(text)
    });
    match read {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(format!("there is no field \"{name}\"")),
        Err(error) if error.is_data() && in_field.get() => {
            Err(format!("the field \"{name}\" is not a string"))
        }
        Err(error) if error.is_data() => Err(format!("there is no field \"{name}\"")),
        Err(error) => {
            Err(format!("not JSON ({error}); each line must be an object with a field \"{name}\""))
        }
    }
}

/// The text in `bytes`, the value of the field `name`: UTF-8 but for halves of surrogate pairs. With `replace`
/// each half becomes U+FFFD; without, one is an error.
pub(super) fn decode(mut bytes: Vec<u8>, name: &str, replace: bool) -> Result<String, String> {
    let is_half = |bytes: &[u8]| bytes[0] == 0xed && bytes[1] >= 0xa0;
    let mut at = 0;
    while at + 2 < bytes.len() {
        if is_half(&bytes[at..]) {
            if !replace {
                return Err(format!(
                    "the field \"{name}\" holds half of a surrogate pair, \\u{:04x}, which is no \
                     character; correct it, or read U+FFFD in its place: 'invalid_utf8' replace",
                    0xd000 | u32::from(bytes[at + 1] & 0x3f) << 6 | u32::from(bytes[at + 2] & 0x3f)
                ));
            }
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
        at += 1;
    }
    String::from_utf8(bytes).map_err(|error| format!("the field \"{name}\" is not UTF-8: {error}"))
}

/// Reads an object and keeps its field `name`, the last one if there are several.
struct Fields<'c> {
    name: &'c str,
    /// Whether the value of that field is being read.
    in_field: &'c Cell<bool>,
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Option<Vec<u8>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut text = None;
        while let Some(key) = map.next_key::<Bytes<'de>>()? {
            if *key.0 == *self.name.as_bytes() {
                self.in_field.set(true);
                text = Some(map.next_value::<Bytes<'de>>()?.0.into_owned());
                self.in_field.set(false);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(text)
    }
}

/// A string of JSON as bytes, which may hold halves of surrogate pairs.
struct Bytes<'de>(Cow<'de, [u8]>);

impl<'de> Deserialize<'de> for Bytes<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct String;

        impl<'de> Visitor<'de> for String {
            type Value = Bytes<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Bytes(bytes.into()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Bytes(bytes.to_vec().into()))
            }
        }
        deserializer.deserialize_bytes(String)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str, replace: bool) -> Result<String, String> {
        text_field(line).and_then(|bytes| decode(bytes, "text", replace))
    }

    #[test]
    fn other_fields_do_not_matter() {
        for other in ["1e999", "-1E+4000", "\"\\ud800\"", "[[\"\\udfff\"], {\"\\ud800\": 1e999}]"] {
            for line in [
                format!("{{\"text\": \"A \\u00e4 \\ud83d\\ude00\", \"other\": {other}}}"),
                format!("\u{feff}{{\"\\ud800\": {other}, \"text\": \"A \\u00e4 \\ud83d\\ude00\"}}"),
            ] {
                assert_eq!(text(&line, false).as_deref(), Ok("A ä 😀"), "{line}");
            }
        }
        let deep = format!("{{\"x\": {}{}, \"text\": \"\"}}", "[".repeat(9999), "]".repeat(9999));
        assert_eq!(text(&deep, false).as_deref(), Ok(""));
        assert_eq!(text("{\"text\": \"a\", \"text\": \"b\"}", false).as_deref(), Ok("b"));
    }

    #[test]
    fn half_a_surrogate_pair_is_an_error_or_replaced() {
        let line = "{\"text\": \"a \\ud83d b \\udc00\\ud7ff\"}";
        let error = text(line, false).unwrap_err();
        assert!(error.contains("half of a surrogate pair, \\ud83d"), "{error}");
        assert_eq!(text(line, true).as_deref(), Ok("a \u{fffd} b \u{fffd}\u{d7ff}"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, message) in [
            ("nonsense", "not JSON"),
            ("{\"text\": \"a\"} b", "not JSON"),
            ("{\"text\": \"a", "not JSON"),
            ("{\"text\": \"a\", \"b\": nonsense}", "not JSON"),
            ("{\"text\": 1}", "the field \"text\" is not a string"),
            ("{\"text\": [\"a\"]}", "the field \"text\" is not a string"),
            ("{\"text\": null}", "the field \"text\" is not a string"),
            ("{\"body\": \"a\"}", "there is no field \"text\""),
            ("[\"text\"]", "there is no field \"text\""),
            ("1", "there is no field \"text\""),
        ] {
            let error = text(line, false).unwrap_err();
            assert!(error.starts_with(message), "{line}: {error}");
        }
    }
}
