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
    /// One of the things that are found there, "mushroom".
    pub one: &'static str,
    /// Many of them, "mushrooms".
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
    person("Hugo", M, ["shepherd", "porridge", "farm"], ["yellow", "flute", "wood"]),
    person("Rosa", W, ["cook", "rice", "inn"], ["golden", "spoon", "brass"]),
    person("Felix", M, ["piper", "jam", "inn"], ["silver", "whistle", "tin"]),
    person("Ella", W, ["dancer", "cherries", "castle"], ["white", "ribbon", "silk"]),
    person("Arthur", M, ["guard", "plums", "castle"], ["golden", "key", "iron"]),
    person("Nora", W, ["painter", "pancakes", "lighthouse"], ["blue", "brush", "wood"]),
    person("Jonas", M, ["messenger", "pears", "lighthouse"], ["brown", "bag", "leather"]),
    person("Alice", W, ["teacher", "jam", "school"], ["yellow", "book", "paper"]),
    person("Peter", M, ["weaver", "cherries", "school"], ["red", "blanket", "wool"]),
    person("Mary", W, ["fisher", "soup", "harbour"], ["green", "boat", "wood"]),
    person("Tom", M, ["sailor", "pie", "harbour"], ["white", "map", "paper"]),
    person("Lily", W, ["singer", "plums", "tower"], ["silver", "bell", "brass"]),
    person("Simon", M, ["shoemaker", "rice", "tower"], ["black", "hat", "straw"]),
    person("Greta", W, ["potter", "porridge", "forge"], ["golden", "ring", "glass"]),
    person("Karl", M, ["smith", "pancakes", "forge"], ["black", "spade", "iron"]),
    person("Helen", W, ["writer", "pears", "library"], ["silver", "mirror", "glass"]),
    person("Max", M, ["tailor", "cake", "library"], ["green", "coat", "silk"]),
    person("Ruth", W, ["gardener", "noodles", "vineyard"], ["brown", "basket", "straw"]),
    person("Leo", M, ["carpenter", "honey", "vineyard"], ["yellow", "ball", "leather"]),
    person("Ida", W, ["nurse", "cake", "bridge"], ["red", "lantern", "tin"]),
    person("Paul", M, ["doctor", "noodles", "bridge"], ["brown", "violin", "wood"]),
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
    animal("dog", ["lazy", "black"], ["barked", "trotted", "bones", "kennel"]),
    animal("cat", ["soft grey", "grey"], ["meowed", "crept", "milk", "bed"]),
    animal("hen", ["plump red", "red"], ["clucked", "strutted", "corn", "coop"]),
    animal("owl", ["wise old", "white"], ["hooted", "flew", "moths", "tree"]),
    animal("mouse", ["tiny brown", "brown"], ["squeaked", "scurried", "cheese", "hole"]),
    animal("horse", ["strong black", "black"], ["neighed", "galloped", "oats", "stable"]),
    animal("cow", ["gentle spotted", "spotted"], ["mooed", "walked", "grass", "barn"]),
    animal("sheep", ["shy white", "white"], ["bleated", "wandered", "clover", "pen"]),
    animal("duck", ["merry yellow", "yellow"], ["quacked", "waddled", "bread", "pond"]),
    animal("frog", ["small green", "green"], ["croaked", "hopped", "flies", "well"]),
    animal("rabbit", ["timid white", "white"], ["squealed", "bounded", "carrots", "burrow"]),
    animal("goose", ["proud white", "white"], ["honked", "marched", "grain", "yard"]),
    animal("pig", ["jolly pink", "pink"], ["grunted", "shuffled", "turnips", "sty"]),
    animal("donkey", ["patient grey", "grey"], ["brayed", "plodded", "hay", "shed"]),
    animal("crow", ["clever black", "black"], ["cawed", "flapped", "seeds", "nest"]),
    animal("squirrel", ["busy red", "red"], ["chattered", "darted", "nuts", "oak"]),
];

const fn place(
    [like, name]: [&'static str; 2],
    at: &'static str,
    [one, many]: [&'static str; 2],
) -> Place {
    Place { name, like, at, one, many }
}

/// Every place to go to.
pub const PLACES: &[Place] = &[
    place(["dark", "forest"], "in", ["mushroom", "mushrooms"]),
    place(["sandy", "beach"], "on", ["shell", "shells"]),
    place(["sunny", "meadow"], "in", ["daisy", "daisies"]),
    place(["old", "orchard"], "in", ["apple", "apples"]),
    place(["pretty", "garden"], "in", ["rose", "roses"]),
    place(["windy", "hill"], "on", ["feather", "feathers"]),
    place(["quiet", "lake"], "at", ["reed", "reeds"]),
    place(["busy", "market"], "at", ["lemon", "lemons"]),
    place(["wide", "field"], "in", ["pumpkin", "pumpkins"]),
    place(["deep", "cave"], "in", ["crystal", "crystals"]),
    place(["cold", "river"], "at", ["pebble", "pebbles"]),
    place(["green", "valley"], "in", ["violet", "violets"]),
];

/// Everything that can break.
pub const VESSELS: &[Vessel] = &[
    Vessel { name: "cup", colour: "white", material: "clay", full_of: "tea" },
    Vessel { name: "jug", colour: "blue", material: "clay", full_of: "milk" },
    Vessel { name: "vase", colour: "green", material: "glass", full_of: "water" },
    Vessel { name: "bottle", colour: "brown", material: "glass", full_of: "juice" },
    Vessel { name: "bowl", colour: "yellow", material: "clay", full_of: "cream" },
];

/// The numbers that stories count with; the index is the value.
pub const NUMBERS: &[&str] = &["none", "one", "two", "three", "four", "five", "six", "seven"];
