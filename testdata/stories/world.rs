//! The small world: who lives in it, what there is, and what always holds.

/// A man or a woman.
pub struct Person {
    /// The first name, which nobody else has.
    pub name: &'static str,
    /// Decides he/she, him/her, his/her.
    pub woman: bool,
    /// The trade, which nobody else has.
    pub job: &'static str,
    /// The favourite food; follows "some".
    pub food: &'static str,
    /// What the house stands by; follows "by the".
    pub home: &'static str,
    /// The one thing this person owns and nobody else does.
    pub thing: &'static str,
    /// The colour of the thing.
    pub colour: &'static str,
    /// What the thing is made of.
    pub material: &'static str,
}

/// An animal. There is one of each kind, and it is "it".
pub struct Animal {
    /// The kind, "fox".
    pub name: &'static str,
    /// The usual description without the kind, "quick brown".
    pub full: &'static str,
    /// The colour, "brown".
    pub colour: &'static str,
    /// The voice, "yelped".
    pub sound: &'static str,
    /// The way of moving, "ran".
    pub moved: &'static str,
    /// The food; follows "some".
    pub food: &'static str,
    /// Where it sleeps; follows "its".
    pub home: &'static str,
}

/// A place to go to.
pub struct Place {
    /// "forest".
    pub name: &'static str,
    /// What it is like, "dark".
    pub like: &'static str,
    /// "in", "on" or "at".
    pub at: &'static str,
    /// What is found there, "mushrooms".
    pub many: &'static str,
}

/// Something on the kitchen table that can break.
pub struct Vessel {
    /// "cup".
    pub name: &'static str,
    /// The colour.
    pub colour: &'static str,
    /// What it is made of.
    pub material: &'static str,
    /// What is in it, "tea".
    pub full_of: &'static str,
}

const W: bool = true;
const M: bool = false;

const fn person(
    name: &'static str,
    woman: bool,
    [job, food, home]: [&'static str; 3],
    [colour, thing, material]: [&'static str; 3],
) -> Person {
    Person { name, woman, job, food, home, thing, colour, material }
}

/// Everybody. A woman and a man live by the same place.
pub const PEOPLE: &[Person] = &[
    person("Anna", W, ["baker", "honey", "mill"], ["red", "kite", "paper"]),
    person("Otto", M, ["miller", "soup", "mill"], ["blue", "drum", "leather"]),
    person("Clara", W, ["farmer", "pie", "farm"], ["green", "scarf", "wool"]),
    person("Hugo", M, ["shepherd", "honey", "farm"], ["yellow", "flute", "wood"]),
    person("Ella", W, ["dancer", "plums", "castle"], ["blue", "mirror", "glass"]),
    person("Arthur", M, ["guard", "pie", "castle"], ["black", "key", "iron"]),
    person("Alice", W, ["teacher", "jam", "school"], ["yellow", "book", "paper"]),
    person("Peter", M, ["weaver", "plums", "school"], ["red", "blanket", "wool"]),
    person("Mary", W, ["fisher", "soup", "harbour"], ["green", "bag", "leather"]),
    person("Tom", M, ["sailor", "rice", "harbour"], ["white", "map", "paper"]),
    person("Lily", W, ["singer", "pears", "tower"], ["white", "bell", "glass"]),
    person("Simon", M, ["shoemaker", "jam", "tower"], ["black", "hat", "wool"]),
    person("Greta", W, ["potter", "rice", "forge"], ["yellow", "ring", "glass"]),
    person("Karl", M, ["smith", "pears", "forge"], ["black", "spade", "iron"]),
    person("Ida", W, ["nurse", "pancakes", "bridge"], ["red", "ball", "leather"]),
    person("Paul", M, ["doctor", "pancakes", "bridge"], ["brown", "violin", "wood"]),
];

const fn animal(
    name: &'static str,
    [full, colour]: [&'static str; 2],
    [sound, moved, food, home]: [&'static str; 4],
) -> Animal {
    Animal { name, full, colour, sound, moved, food, home }
}

/// Every animal.
pub const ANIMALS: &[Animal] = &[
    animal("fox", ["quick brown", "brown"], ["yelped", "ran", "berries", "den"]),
    animal("dog", ["lazy", "black"], ["barked", "ran", "bones", "kennel"]),
    animal("cat", ["soft grey", "grey"], ["meowed", "ran", "milk", "basket"]),
    animal("hen", ["plump red", "red"], ["clucked", "walked", "corn", "coop"]),
    animal("owl", ["wise old", "white"], ["hooted", "flew", "moths", "tree"]),
    animal("mouse", ["tiny brown", "brown"], ["squeaked", "ran", "cheese", "hole"]),
    animal("horse", ["strong black", "black"], ["neighed", "trotted", "oats", "stable"]),
    animal("cow", ["gentle spotted", "spotted"], ["mooed", "walked", "grass", "barn"]),
    animal("sheep", ["shy white", "white"], ["bleated", "walked", "clover", "pen"]),
    animal("duck", ["merry yellow", "yellow"], ["quacked", "waddled", "bread", "pond"]),
    animal("frog", ["small green", "green"], ["croaked", "hopped", "flies", "pool"]),
    animal("rabbit", ["timid white", "white"], ["squealed", "hopped", "carrots", "burrow"]),
    animal("pig", ["jolly pink", "pink"], ["grunted", "walked", "turnips", "sty"]),
    animal("squirrel", ["busy red", "red"], ["chattered", "ran", "nuts", "oak"]),
];

const fn place(like: &'static str, name: &'static str, [at, many]: [&'static str; 2]) -> Place {
    Place { name, like, at, many }
}

/// Every place to go to.
pub const PLACES: &[Place] = &[
    place("dark", "forest", ["in", "mushrooms"]),
    place("sandy", "beach", ["on", "shells"]),
    place("sunny", "meadow", ["in", "daisies"]),
    place("old", "orchard", ["in", "apples"]),
    place("pretty", "garden", ["in", "roses"]),
    place("windy", "hill", ["on", "feathers"]),
    place("quiet", "lake", ["at", "reeds"]),
    place("busy", "market", ["at", "lemons"]),
    place("wide", "field", ["in", "pumpkins"]),
    place("cold", "river", ["at", "pebbles"]),
];

/// Everything that can break.
pub const VESSELS: &[Vessel] = &[
    Vessel { name: "cup", colour: "white", material: "clay", full_of: "tea" },
    Vessel { name: "jug", colour: "blue", material: "clay", full_of: "milk" },
    Vessel { name: "vase", colour: "green", material: "glass", full_of: "water" },
    Vessel { name: "bowl", colour: "yellow", material: "clay", full_of: "soup" },
];

/// The numbers that stories count with; the index is the value.
pub const NUMBERS: &[&str] = &["none", "one", "two", "three", "four", "five", "six", "seven"];
