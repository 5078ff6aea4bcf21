//! From a script and a cast to a story.
//!
//! A line of a script is a sentence in which `{role.property}` stands for a property of whoever
//! plays the role, `[one|another]` for either wording, and a leading `?` for a sentence that is
//! told half of the time. `a` becomes `an` where it must, and the first letter a capital.

use cloze::tensor::random::Generator;

use super::world::{ANIMALS, Animal, NUMBERS, PEOPLE, PLACES, Person, Place, VESSELS, Vessel};

/// An event in lines, told of any cast that fits.
pub struct Script {
    /// Roles that not everybody can play: the role and the names of those who can.
    pub only: &'static [(&'static str, &'static [&'static str])],
    /// The sentences, in order of time.
    pub lines: &'static [&'static str],
}

/// Who plays which role in one story.
pub struct Cast {
    person: &'static Person,
    friend: &'static Person,
    animal: &'static Animal,
    other: &'static Animal,
    place: &'static Place,
    vessel: &'static Vessel,
    /// A free word that the script offers, the same throughout the story.
    word: &'static str,
    /// Two numbers to add up.
    first: usize,
    second: usize,
}

impl Cast {
    /// Draws everybody; `friend` is not `person`, `other` is not `animal`.
    pub fn draw(script: &Script, random: &mut Generator) -> Self {
        let person = pick(PEOPLE, |p| may_play(script, "person", p.name), random);
        let animal = pick(ANIMALS, |a| may_play(script, "animal", a.name), random);
        let words = script.only.iter().find(|(role, _)| *role == "word").map_or(&[""][..], |w| w.1);
        Self {
            person,
            friend: pick(
                PEOPLE,
                |p| p.name != person.name && may_play(script, "friend", p.name),
                random,
            ),
            animal,
            other: pick(
                ANIMALS,
                |a| a.name != animal.name && may_play(script, "other", a.name),
                random,
            ),
            place: pick(PLACES, |p| may_play(script, "place", p.name), random),
            vessel: pick(VESSELS, |_| true, random),
            word: words[random.below(words.len())],
            first: random.between(2, 4),
            second: random.between(1, 3),
        }
    }

    /// What `{slot}` stands for.
    fn fill(&self, slot: &str) -> String {
        let (role, property) = slot.split_once('.').unwrap_or((slot, "name"));
        match role {
            "person" => of_person(self.person, property),
            "friend" => of_person(self.friend, property),
            "animal" => of_animal(self.animal, property),
            "other" => of_animal(self.other, property),
            "place" => of_place(self.place, property),
            "vessel" => of_vessel(self.vessel, property),
            "word" => self.word.to_owned(),
            "first" => NUMBERS[self.first].to_owned(),
            "second" => NUMBERS[self.second].to_owned(),
            "sum" => NUMBERS[self.first + self.second].to_owned(),
            "sum_less_one" => NUMBERS[self.first + self.second - 1].to_owned(),
            _ => panic!("no role is called {role:?}"),
        }
    }
}

/// Whether the script lets `name` play `role`: it names the role's players, or anyone will do.
fn may_play(script: &Script, role: &str, name: &str) -> bool {
    script.only.iter().all(|(r, names)| *r != role || names.contains(&name))
}

/// One of those that `fits`.
fn pick<T>(all: &'static [T], fits: impl Fn(&T) -> bool, random: &mut Generator) -> &'static T {
    let fitting: Vec<&T> = all.iter().filter(|item| fits(item)).collect();
    fitting[random.below(fitting.len())]
}

fn of_person(person: &Person, property: &str) -> String {
    let by_gender = |she, he| if person.woman { she } else { he };
    match property {
        "name" => person.name,
        "job" => person.job,
        "food" => person.food,
        "home" => person.home,
        "thing" => person.thing,
        "colour" => person.colour,
        "material" => person.material,
        "he" => by_gender("she", "he"),
        "him" => by_gender("her", "him"),
        "his" => by_gender("her", "his"),
        _ => panic!("a person has no {property:?}"),
    }
    .to_owned()
}

fn of_animal(animal: &Animal, property: &str) -> String {
    match property {
        "name" => animal.name.to_owned(),
        "full" => format!("{} {}", animal.full, animal.name),
        "colour" => animal.colour.to_owned(),
        "sound" => animal.sound.to_owned(),
        "moved" => animal.moved.to_owned(),
        "food" => animal.food.to_owned(),
        "home" => animal.home.to_owned(),
        _ => panic!("an animal has no {property:?}"),
    }
}

fn of_place(place: &Place, property: &str) -> String {
    match property {
        "name" => place.name.to_owned(),
        "full" => format!("{} {}", place.like, place.name),
        "at" => place.at.to_owned(),
        "many" => place.many.to_owned(),
        _ => panic!("a place has no {property:?}"),
    }
}

fn of_vessel(vessel: &Vessel, property: &str) -> String {
    match property {
        "name" => vessel.name,
        "colour" => vessel.colour,
        "material" => vessel.material,
        "full_of" => vessel.full_of,
        _ => panic!("a vessel has no {property:?}"),
    }
    .to_owned()
}

/// The story: a sentence a line, each ended by a newline.
pub fn tell(script: &Script, cast: &Cast, random: &mut Generator) -> String {
    let mut story = String::new();
    for line in script.lines {
        let (optional, line) = line.strip_prefix('?').map_or((false, *line), |rest| (true, rest));
        if optional && random.below(2) == 0 {
            continue;
        }
        story.push_str(&sentence(line, cast, random));
        story.push('\n');
    }
    story
}

/// One sentence: the wordings chosen, the slots filled, the articles and the capital put right.
fn sentence(line: &str, cast: &Cast, random: &mut Generator) -> String {
    let worded = replace(line, '[', ']', |wordings| {
        let wordings: Vec<&str> = wordings.split('|').collect();
        wordings[random.below(wordings.len())].to_owned()
    });
    let filled = replace(&worded, '{', '}', |slot| cast.fill(slot));
    let words: Vec<&str> = filled.split(' ').collect();
    let mut sentence = String::with_capacity(filled.len() + 2);
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            sentence.push(' ');
        }
        sentence.push_str(word);
        let next = words.get(index + 1).and_then(|next| next.chars().next());
        if *word == "a" && next.is_some_and(|letter| "aeiou".contains(letter)) {
            sentence.push('n');
        }
    }
    sentence[..1].make_ascii_uppercase();
    sentence
}

/// `text` with every `open … close` replaced by what `with` makes of the inside.
fn replace(text: &str, open: char, close: char, mut with: impl FnMut(&str) -> String) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let (inside, after) = after.split_once(close).expect("a bracket that is never closed");
        replaced.push_str(before);
        replaced.push_str(&with(inside));
        rest = after;
    }
    replaced + rest
}
