//! JSON inside a script element.

use serde::Serialize;

/// `value` as JSON that may stand inside `<script type="application/json">`: without `<`, so that no
/// `</script>` or `<!--` in a text ends the element.
///
/// # Panics
/// When `value` has a map with keys that are not strings.
pub fn script_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("keys are strings");
    // In JSON a `<` can only be part of a string.
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::script_json;

    #[test]
    fn no_element_can_be_ended_and_the_value_is_the_same() {
        let value = ["</script><script>alert(1)</script>", "<!-- ]]> -->", "\\u003c"];
        let json = script_json(&value);
        assert!(!json.contains('<'), "{json}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), value);
    }
}
