//! Labelled examples in the words of the stories, for `cloze finetune` without `--train`.
//!
//! | file | task | what has to be understood |
//! |---|---|---|
//! | `classes.tsv` | classify | who has the thing at the end: the first person, the second person, nobody |
//! | `numbers.tsv` | regress | how many are there at the end: two numbers added, or one taken from the other |
//! | `tags.conll` | tag | people, animals, things, places, in IOB2 |
//! | `questions.json` | answer | what broke, who has the animal, where it went; some questions have no answer |
//!
//! No single word decides: the verb and the order of the words do.

use std::collections::HashSet;

use cloze::tensor::random::{Generator, Purpose};
use serde_json::{Value, json};

use super::world::{ANIMALS, Animal, NUMBERS, PEOPLE, PLACES, Person, Place, VESSELS, Vessel};

/// Examples to classify, to regress, to tag.
const EXAMPLES: usize = 2000;

/// Texts to answer questions from; three questions each.
const TEXTS: usize = 700;

/// Numbers of the streams of random numbers; the stories have 0 to [`super::ATTEMPTS`].
const CLASSES: u64 = 10_001;
const SUMS: u64 = 10_002;
const TAGS: u64 = 10_003;
const QUESTIONS: u64 = 10_004;

fn pick<'w, T>(random: &mut Generator, all: &'w [T]) -> &'w T {
    &all[random.below(all.len())]
}

/// One that is not `not`.
fn other<'w, T>(random: &mut Generator, all: &'w [T], not: &T) -> &'w T {
    loop {
        let found = pick(random, all);
        if !std::ptr::eq(found, not) {
            return found;
        }
    }
}

/// Different texts, each made by `make` from its own random numbers.
fn different<T>(
    stream: u64,
    count: usize,
    make: impl Fn(&mut Generator) -> T,
    key: impl Fn(&T) -> String,
) -> Vec<T> {
    let mut seen = HashSet::new();
    let mut made = Vec::with_capacity(count);
    for index in 0.. {
        let item = make(&mut Generator::new(0, Purpose::Stories, stream, index));
        if seen.insert(key(&item)) {
            made.push(item);
            if made.len() == count {
                break;
            }
        }
    }
    made
}

/// Something that a person can have: a vessel, or somebody's own thing.
fn thing(random: &mut Generator) -> String {
    if random.below(2) == 0 {
        let Vessel { name, colour, .. } = pick(random, VESSELS);
        return format!("{colour} {name}");
    }
    let Person { thing, colour, .. } = pick(random, PEOPLE);
    format!("{colour} {thing}")
}

/// A sentence, and who has the thing at the end of it.
fn class(random: &mut Generator) -> (String, &'static str) {
    let first = pick(random, PEOPLE);
    let second = other(random, PEOPLE, first);
    let (a, b, x) = (first.name, second.name, thing(random));
    let place = pick(random, PLACES);
    let at = format!("{} the {}", place.at, place.name);
    let (text, label) = match random.below(9) {
        0 => (format!("{a} gave the {x} to {b} {at}."), "second"),
        1 => (format!("{a} gave {b} the {x} {at}."), "second"),
        2 => (format!("{a} took the {x} from {b} {at}."), "first"),
        3 => (format!("{a} came to {b} with the {x} and gave it to {b}."), "second"),
        4 => (format!("{a} saw {b} {at} and took the {x} from {b}."), "first"),
        5 => (format!("{a} gave the {x} to {b}, but {b} gave it back to {a}."), "first"),
        6 => (format!("{a} took the {x} from {b}, but {a} gave it back to {b}."), "second"),
        7 => {
            (format!("{a} gave the {x} to {b}, but it fell into the river and was gone."), "nobody")
        }
        _ => (format!("{a} took the {x} from {b} {at}, but the wind carried it away."), "nobody"),
    };
    (text, label)
}

/// `classes.tsv`.
pub fn classes() -> String {
    let all = different(CLASSES, EXAMPLES, class, |(text, _)| text.clone());
    all.into_iter()
        .fold("text\tlabel\n".into(), |file, (text, label)| format!("{file}{text}\t{label}\n"))
}

/// A sentence with two numbers, and how many there are at the end of it.
fn number(random: &mut Generator) -> (String, usize) {
    let first = pick(random, PEOPLE);
    let second = other(random, PEOPLE, first);
    let place = pick(random, PLACES);
    let (a, b, many) = (first.name, second.name, place.many);
    let (more, less) = (random.between(2, 4), random.between(1, 3));
    let (m, l) = (NUMBERS[more], NUMBERS[less]);
    let sum = NUMBERS[more + less];
    match random.below(4) {
        0 => (
            format!(
                "{a} found {m} {many} {} the {}, and {b} gave {a} {l} more.",
                place.at, place.name
            ),
            more + less,
        ),
        1 => (format!("{a} had {m} of the {many} and {b} had {l} of them."), more + less),
        2 => (
            format!("{a} had {sum} of the {many} and gave {l} of them to {b}, so {a} had less."),
            more,
        ),
        _ => (format!("{a} had {sum} of the {many}, but {b} took {l} of them from {a}."), more),
    }
}

/// `numbers.tsv`.
pub fn numbers() -> String {
    let all = different(SUMS, EXAMPLES, number, |(text, _)| text.clone());
    all.into_iter()
        .fold("text\tscore\n".into(), |file, (text, score)| format!("{file}{text}\t{score}\n"))
}

/// Words with their labels.
type Tagged = Vec<(String, String)>;

fn words(text: &str, tagged: &mut Tagged) {
    tagged.extend(text.split(' ').map(|word| (word.to_string(), "O".to_string())));
}

fn entity(text: &str, kind: &str, tagged: &mut Tagged) {
    for (index, word) in text.split(' ').enumerate() {
        let begin = if index == 0 { "B" } else { "I" };
        tagged.push((word.into(), format!("{begin}-{kind}")));
    }
}

/// A sentence with its labels. What is an animal in one sentence is a part of a thing's name in another ("the cow bell"),
/// so that a word alone does not decide.
fn sentence(random: &mut Generator) -> Tagged {
    let person = pick(random, PEOPLE);
    let friend = other(random, PEOPLE, person);
    let animal: &Animal = pick(random, ANIMALS);
    let place: &Place = pick(random, PLACES);
    let x = thing(random);
    let (full_animal, full_place) =
        (format!("{} {}", animal.full, animal.name), format!("{} {}", place.like, place.name));
    let mut t = Tagged::new();
    match random.below(6) {
        0 => {
            entity(person.name, "PERSON", &mut t);
            words("gave the", &mut t);
            entity(&x, "THING", &mut t);
            words("to", &mut t);
            entity(friend.name, "PERSON", &mut t);
        }
        1 => {
            words("The", &mut t);
            entity(&full_animal, "ANIMAL", &mut t);
            words(&format!("{} {} the", animal.moved, "to"), &mut t);
            entity(&full_place, "PLACE", &mut t);
            words("with", &mut t);
            entity(person.name, "PERSON", &mut t);
        }
        2 => {
            entity(person.name, "PERSON", &mut t);
            words("the", &mut t);
            words(person.job, &mut t);
            words("saw the", &mut t);
            entity(animal.name, "ANIMAL", &mut t);
            words(&format!("{} the", place.at), &mut t);
            entity(place.name, "PLACE", &mut t);
        }
        3 => {
            words("The", &mut t);
            entity(&format!("{} {}", animal.name, person.thing), "THING", &mut t);
            words("of", &mut t);
            entity(friend.name, "PERSON", &mut t);
            words(&format!("was {} the", place.at), &mut t);
            entity(place.name, "PLACE", &mut t);
        }
        4 => {
            words("The", &mut t);
            entity(animal.name, "ANIMAL", &mut t);
            words("took the", &mut t);
            entity(&x, "THING", &mut t);
            words("from", &mut t);
            entity(person.name, "PERSON", &mut t);
            words(&format!("{} the", place.at), &mut t);
            entity(&full_place, "PLACE", &mut t);
        }
        _ => {
            entity(person.name, "PERSON", &mut t);
            words("found the", &mut t);
            entity(&format!("{} {}", place.name, "bell"), "THING", &mut t);
            words("and the", &mut t);
            entity(animal.name, "ANIMAL", &mut t);
            words(animal.sound, &mut t);
        }
    }
    words(".", &mut t);
    t
}

/// `tags.conll`.
pub fn tags() -> String {
    let text = |sentence: &Tagged| {
        sentence.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ")
    };
    let mut file = String::new();
    for sentence in different(TAGS, EXAMPLES, sentence, text) {
        for (word, label) in sentence {
            file += &format!("{word}\t{label}\n");
        }
        file += "\n";
    }
    file
}

/// A text, and its questions with their answers; `None` when there is none.
type Questions = (String, Vec<(String, Option<String>)>);

/// A text in four sentences with its questions.
fn questions_about(random: &mut Generator) -> Questions {
    let person = pick(random, PEOPLE);
    let friend = other(random, PEOPLE, person);
    let animal = pick(random, ANIMALS);
    let stranger = other(random, ANIMALS, animal);
    let place = pick(random, PLACES);
    let (vessel, x) = (pick(random, VESSELS), thing(random));
    let (a, b) = (person.name, friend.name);
    // Who has the animal at the end.
    let gives = random.below(2) == 0;
    let (owner, of_animal) = match gives {
        true => (b, format!("{a} gave the {} to {b}.", animal.name)),
        false => (a, format!("{a} took the {} from {b}.", animal.name)),
    };
    let breaks = random.below(3) > 0;
    let of_vessel = match breaks {
        true => format!("The {} {} fell to the floor and broke.", vessel.colour, vessel.name),
        false => format!("The {} {} stood on the table.", vessel.colour, vessel.name),
    };
    let mut sentences = [
        of_animal,
        of_vessel,
        format!("The {} {} to the {} {}.", animal.name, animal.moved, place.like, place.name),
        format!("{b} had a {x}."),
    ];
    random.shuffle(&mut sentences[1..]);
    let vessel = format!("{} {}", vessel.colour, vessel.name);
    let all = [
        (format!("Who has the {}?", animal.name), Some(owner.to_string())),
        ("What broke?".to_string(), breaks.then_some(vessel)),
        (format!("Where is the {}?", animal.name), Some(format!("{} {}", place.like, place.name))),
        (format!("Who has the {}?", stranger.name), None),
        (format!("What did {b} have?"), Some(x)),
    ];
    let mut order: Vec<usize> = (0..all.len()).collect();
    random.shuffle(&mut order);
    let questions = order[..3].iter().map(|&index| all[index].clone()).collect();
    (sentences.join(" "), questions)
}

/// `questions.json`, in the form of SQuAD 2.0.
pub fn questions() -> String {
    let texts = different(QUESTIONS, TEXTS, questions_about, |(text, _)| text.clone());
    let paragraph = |(number, (context, questions)): (usize, Questions)| {
        let question = |(index, (question, answer)): (usize, (String, Option<String>))| {
            let answers: Vec<Value> = answer
                .iter()
                .map(|answer| {
                    // The first place: every answer is right wherever it stands.
                    let start = context.find(answer.as_str()).expect("a part of the text");
                    json!({"text": answer, "answer_start": start})
                })
                .collect();
            json!({"id": format!("{number}-{index}"), "question": question, "answers": answers, "is_impossible": answer.is_none()})
        };
        let qas: Vec<Value> = questions.into_iter().enumerate().map(question).collect();
        json!({"context": context, "qas": qas})
    };
    let paragraphs: Vec<String> =
        texts.into_iter().enumerate().map(|text| paragraph(text).to_string()).collect();
    format!(
        "{{\"version\": \"v2.0\", \"data\": [{{\"title\": \"The built-in world\", \"paragraphs\": [\n{}\n]}}]}}\n",
        paragraphs.join(",\n")
    )
}
