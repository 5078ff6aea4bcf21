//! What happens to animals.

use super::template::Script;

/// Animals that people feed.
const FED: &[&str] =
    &["dog", "cat", "hen", "mouse", "horse", "cow", "sheep", "duck", "rabbit", "pig", "squirrel"];

/// Animals that can be pulled out of a hole.
const LIGHT: &[&str] = &["fox", "dog", "cat", "hen", "sheep", "duck", "rabbit", "pig", "squirrel"];

/// Animals that gather food for the winter.
const GATHERERS: &[&str] = &["squirrel", "mouse", "hen", "rabbit"];

/// Animals that build a nest of straw.
const BUILDERS: &[&str] = &["hen", "mouse", "duck", "squirrel"];

/// Animals that a person leads home.
const HERD: &[&str] = &["cow", "sheep", "horse", "pig", "hen", "duck"];

/// The events.
pub const SCRIPTS: &[Script] = &[
    // The fox and the dog, now.
    Script {
        only: &[("animal", &["fox"]), ("other", &["dog"])],
        lines: &[
            "?The sun shines on the {place.full}.",
            "The lazy dog sleeps {place.at} the {place} among the {place.many}.",
            "The quick brown fox jumps over the lazy dog.",
            "The dog wakes up and barks at the fox.",
            "The fox runs from the dog to its den.",
            "?{person} sees the fox and the dog and laughs.",
            "{person} the {person.job} gives the dog some bones.",
            "?The fox eats some berries in its den.",
            "The lazy dog eats the bones and sleeps again.",
        ],
    },
    // The fox and the dog, long ago.
    Script {
        only: &[("animal", &["fox"]), ("other", &["dog"])],
        lines: &[
            "The lazy dog slept by the {person.home}, and {person} was {place.at} the {place}.",
            "The quick brown fox wanted to eat some of {person}'s {person.food}.",
            "The quick brown fox jumped over the lazy dog.",
            "The dog woke up and barked at the fox.",
            "{person} the {person.job} came home from the {place.full}.",
            "The fox ran [back|away] to its den without the {person.food}.",
            "?In its den the fox ate some berries and yelped.",
            "{person} thanked the dog and gave it some bones.",
        ],
    },
    // Every day.
    Script {
        only: &[("animal", FED)],
        lines: &[
            "The {animal.full} lives by the {person.home} with {person} the {person.job}.",
            "It sleeps in its {animal.home} and eats some {animal.food} every day.",
            "In the morning the sun shines, and the {animal} wakes up.",
            "It sees {person} and jumps over the fence.",
            "{person} gives the {animal} some {animal.food} and laughs.",
            "?The {animal} eats the {animal.food} with {person}.",
            "?Then the {animal} runs to the {place.full} with {person}.",
            "In the evening the {animal} sleeps in its {animal.home} again.",
        ],
    },
    // Jumping over a sleeper.
    Script {
        only: &[
            ("animal", &["fox", "frog", "horse", "rabbit", "squirrel"]),
            ("other", &["dog", "sheep", "pig", "cow"]),
        ],
        lines: &[
            "The {other.full} slept {place.at} the {place.full}.",
            "The {animal.full} jumped over the {other.full}.",
            "The {other} woke up and {other.sound} at the {animal}.",
            "The {animal} {animal.sound} and jumped over the {other} again.",
            "?{person} the {person.job} saw the {animal} and laughed.",
            "Then the {animal} {animal.moved} home to its {animal.home}.",
            "?In its {animal.home} the {animal} ate some {animal.food}.",
            "The {other} ate some {other.food} and slept again.",
        ],
    },
    // The cat on the mat, and a mouse.
    Script {
        only: &[("animal", &["cat"]), ("other", &["mouse"]), ("word", &["red", "blue", "green"])],
        lines: &[
            "{person} the {person.job} had a {word} mat by the [fire|door].",
            "The cat sat on the mat.",
            "The tiny brown mouse came out of its hole to look for cheese.",
            "The soft grey cat saw the mouse and jumped from the {word} mat.",
            "The mouse squeaked and scurried back to its hole.",
            "?The cat sat down at the hole, but the mouse stayed in it.",
            "The cat was sad and meowed, so {person} gave it some milk.",
            "[Then|Soon] the cat sat on {person}'s {word} mat again.",
        ],
    },
    // Two on a mat.
    Script {
        only: &[
            ("animal", &["cat"]),
            ("other", &["dog", "hen", "duck", "rabbit", "pig", "frog", "owl"]),
        ],
        lines: &[
            "The cat sat on the mat in the house by the {person.home}.",
            "The {other.full} came in and wanted the mat too.",
            "The {other} {other.sound} at the cat, and the cat meowed.",
            "?But the soft grey cat did not get up from the mat.",
            "{person} the {person.job} heard the cat and the {other}.",
            "{person} brought a new mat for the {other}.",
            "Now there were two mats, one for the cat and one for the {other}.",
            "?{person} gave the cat some milk and the {other} some {other.food}.",
        ],
    },
    // Hungry.
    Script {
        only: &[("animal", FED)],
        lines: &[
            "The {animal.full} was hungry because it had eaten nothing all day.",
            "It {animal.moved} to the house of {person} the {person.job}.",
            "The {animal} {animal.sound} at the door of the house by the {person.home}.",
            "{person} heard the hungry {animal} and opened the door.",
            "{person.he} gave the {animal} some {animal.food}.",
            "The {animal} ate all the {animal.food} and was not hungry now.",
            "?{person} ate some {person.food} beside the {animal}.",
            "Then the {animal} {animal.moved} to its {animal.home} and slept.",
        ],
    },
    // Eggs.
    Script {
        only: &[("animal", &["hen", "duck"])],
        lines: &[
            "The {animal.full} lived with {person} the {person.job} by the {person.home}.",
            "One day the {animal} laid {first} eggs in its {animal.home}.",
            "The next day the {animal} laid {second} more.",
            "{person} counted the eggs of the {animal}.",
            "{first} eggs and {second} more make {sum}, so there were {sum} eggs.",
            "?The {animal} {animal.sound}, and {person} gave it some {animal.food}.",
            "{person} gave one egg to {friend} the {friend.job}.",
            "One from {sum} leaves {sum_less_one}, so {person} had {sum_less_one} eggs.",
        ],
    },
    // A race.
    Script {
        only: &[
            ("animal", &["fox", "horse", "rabbit", "squirrel", "dog", "cat"]),
            ("other", &["duck", "frog", "pig", "hen", "sheep", "mouse"]),
        ],
        lines: &[
            "The {animal.full} and the {other.full} ran a race.",
            "The {animal} was faster and soon came to the {place.full}.",
            "It lay down among the {place.many} {place.at} the {place} and fell asleep.",
            "The {other} was slow, but it {other.moved} on.",
            "?{person} the {person.job} saw the {animal} sleep and laughed.",
            "When the {animal} woke up, the {other} had won the race.",
            "The {other} {other.sound} because it was happy.",
            "?The {animal} was sad and {animal.sound}.",
        ],
    },
    // Waking somebody up.
    Script {
        only: &[],
        lines: &[
            "Once there was a {animal.full} that lived by the {person.home}.",
            "The {animal} slept in its {animal.home} and ate some {animal.food} every day.",
            "Every morning it {animal.sound} at the window of {person} the {person.job}.",
            "Then {person} woke up and ate some {person.food}.",
            "One [day|morning] the {animal} was ill and stayed in its {animal.home}.",
            "So {person} slept until noon, because no {animal} {animal.sound}.",
            "?{person} looked for the {animal} and found it in its {animal.home}.",
            "{person} brought the {animal} some {animal.food}, and it was well again.",
        ],
    },
    // In a hole.
    Script {
        only: &[("animal", LIGHT)],
        lines: &[
            "The {animal.full} fell into a deep hole {place.at} the {place}.",
            "It could not get out of the hole and {animal.sound} for help.",
            "The {other.full} heard the {animal} and {other.moved} to the hole.",
            "The {other} {other.moved} to {person} the {person.job} and {other.sound}.",
            "{person} went with the {other} to the {place.full}.",
            "{person} pulled the {animal} out of the hole with a rope.",
            "?The {animal} was happy and {animal.sound} and thanked {person}.",
            "Since then the {animal} and the {other} are friends.",
        ],
    },
    // The moon in the water.
    Script {
        only: &[
            ("animal", &["cat", "dog", "frog", "duck", "fox", "mouse", "pig"]),
            ("word", &["cheese", "silver", "honey"]),
        ],
        lines: &[
            "In the night the {animal.full} saw the moon in the water.",
            "The {animal} thought that the moon was {word}.",
            "It jumped into the water, but it did not get the {word}.",
            "The {animal} got wet and {animal.sound}.",
            "?The water was cold, and the {animal} was sad.",
            "{person} the {person.job} heard the {animal} by the {person.home}.",
            "{person} showed the {animal} the moon over the {place.full}.",
            "The {animal} looked up and saw that the moon was in the sky.",
            "?Then the {animal} {animal.moved} to its {animal.home} and slept.",
        ],
    },
    // Sharing in winter.
    Script {
        only: &[("animal", GATHERERS), ("other", &["fox", "sheep", "duck", "pig"])],
        lines: &[
            "In the autumn the {animal.full} put some {animal.food} into its {animal.home}.",
            "The {other.full} played {place.at} the {place.full} all autumn.",
            "Then the winter came with snow, and the {other} was hungry.",
            "The {other} {other.moved} to the {animal} and {other.sound}.",
            "The {animal} gave the hungry {other} half of its {animal.food}.",
            "So the {animal} and the {other} ate together all winter.",
            "?In the spring the snow melted {place.at} the {place}.",
            "Then the {other} gave the {animal} half of its {other.food}.",
        ],
    },
    // Not at home in the evening.
    Script {
        only: &[("animal", HERD)],
        lines: &[
            "In the evening the {animal.full} was not in its {animal.home}.",
            "{person} the {person.job} took a lamp and looked for the {animal}.",
            "{person} went to the {place.full}, but it was dark.",
            "[Then|Soon] the {animal} {animal.sound} among the {place.many}, and {person} heard it.",
            "{person} found the {animal} by the light of the lamp.",
            "?The {animal} had lost its way and was glad to see {person}.",
            "{person} took the {animal} back to its {animal.home}.",
            "There the {animal} ate some {animal.food} and slept.",
        ],
    },
    // A house of straw.
    Script {
        only: &[
            ("animal", BUILDERS),
            ("place", &["forest", "meadow", "orchard", "garden", "hill", "field", "valley"]),
        ],
        lines: &[
            "In the spring the {animal.full} was {place.at} the {place.full}.",
            "The {animal} built a house of straw among the {place.many}.",
            "A strong wind came and blew the straw away.",
            "The {animal} was sad and {animal.sound}.",
            "{person} the {person.job} saw the straw and the sad {animal}.",
            "{person} brought the {animal} some wood from the {person.home}.",
            "Now the {animal} built a house of wood.",
            "?The wind came again, but the wood was strong.",
            "[Soon|Then] there were {first} little ones in the house of the {animal}.",
        ],
    },
];
