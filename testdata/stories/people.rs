//! What happens to people.

use super::template::Script;

/// Those whose thing makes music.
const MUSICIANS: &[&str] = &["Otto", "Hugo", "Lily", "Paul"];

/// Those whose thing the wind can carry away.
const WIND_BLOWN: &[&str] = &["Anna", "Clara", "Tom", "Simon", "Peter"];

/// Animals that come into a kitchen.
const KITCHEN: &[&str] = &["cat", "dog", "hen", "mouse", "pig", "squirrel"];

/// Animals that reach the top of a tree.
const CLIMBERS: &[&str] = &["owl", "squirrel"];

/// Animals that fly far.
const FLYERS: &[&str] = &["owl", "duck"];

/// Animals that pull a cart.
const PULLERS: &[&str] = &["horse", "cow"];

/// Animals that get dirty.
const DIRTY: &[&str] = &["dog", "pig", "horse", "sheep", "duck", "cow", "hen", "rabbit"];

/// The events.
pub const SCRIPTS: &[Script] = &[
    // Caught by the rain.
    Script {
        only: &[],
        lines: &[
            "{person} the {person.job} was walking [to|through] the {place.full}.",
            "[Dark|Grey] clouds came over the {place} and it began to rain.",
            "{person} had no umbrella, so {person.he} got very wet.",
            "?All of {person}'s clothes were cold and wet.",
            "{person} ran [home|back] to {person.his} house by the {person.home}.",
            "There {person.he} sat by the fire until {person.his} clothes were dry.",
            "{person} ate some {person.food} and was warm again.",
            "?The next day {person} took an umbrella to the {place}.",
        ],
    },
    // One umbrella for two.
    Script {
        only: &[],
        lines: &[
            "{person} put on {person.his} coat because it was raining.",
            "{person.he} took {person.his} umbrella and went to the {place.full}.",
            "{friend} the {friend.job} [stood|waited] under a tree in the rain.",
            "{friend} was wet because {friend.he} had no umbrella.",
            "{person} held {person.his} [big|good] umbrella over {friend}.",
            "So {person} and {friend} walked [home|back] together and {friend} stayed dry.",
            "In the house by the {friend.home} {friend} gave {person} some {friend.food}.",
            "?{person} and {friend} ate it while the rain fell on the roof.",
        ],
    },
    // Something breaks.
    Script {
        only: &[("animal", KITCHEN)],
        lines: &[
            "{person} the {person.job} had a {vessel.colour} {vessel} made of {vessel.material}.",
            "The {vessel} was full of {vessel.full_of} and stood on the table.",
            "The {animal.full} jumped on the table and pushed the {vessel}.",
            "The {vessel} fell to the floor and broke.",
            "?All the {vessel.full_of} ran over the kitchen floor.",
            "{person} heard the noise, and the {animal} {animal.moved} away.",
            "{person} took a broom and swept up the {vessel.material}.",
            "?The {animal} was sad and {animal.sound}, but {person} was not angry.",
            "[Soon|Then] {person} bought a new {vessel} at the market.",
        ],
    },
    // Something is lost and found.
    Script {
        only: &[],
        lines: &[
            "{person} the {person.job} had lost {person.his} {person.colour} {person.thing}.",
            "{person} looked for the {person.thing} [under|behind] the bed, but it was not there.",
            "{friend} the {friend.job} came to help {person} look for it.",
            "?{friend} looked behind the door, but there was no {person.thing}.",
            "{person} had been {place.at} the {place} the day before.",
            "So {person} and {friend} went to the {place.full}.",
            "[There|Soon] they found the {person.thing} among the {place.many}.",
            "?{person} thanked {friend} with some {person.food}.",
            "{person} was [happy|glad] and took the {person.colour} {person.thing} home.",
        ],
    },
    // Adding up.
    Script {
        only: &[],
        lines: &[
            "{person} the {person.job} went to the {place.full} to look for {place.many}.",
            "In the morning {person} found {first} {place.many}.",
            "In the evening {person.he} found {second} more.",
            "{first} and {second} make {sum}, so {person} had {sum} {place.many}.",
            "?{person} put the {place.many} into a basket.",
            "On the way home {person} met {friend} the {friend.job}.",
            "{person} gave {friend} one of the {place.many}.",
            "One from {sum} leaves {sum_less_one}.",
            "So {person} came home with {sum_less_one} {place.many}.",
        ],
    },
    // Paying.
    Script {
        only: &[],
        lines: &[
            "{person} the {person.job} had {sum} coins.",
            "{person} went to {friend} the {friend.job} to buy some {person.food}.",
            "{friend} asked {person} for {first} coins.",
            "{first} from {sum} leaves {second}, so {person} had {second} left.",
            "?{person} counted the coins and gave {friend} {first}.",
            "{person} bought some {animal.food} for the {animal.full} too.",
            "[At home|In the evening] {person} ate the {person.food}.",
            "The {animal} ate the {animal.food} in its {animal.home} and {animal.sound}.",
        ],
    },
    // One day.
    Script {
        only: &[],
        lines: &[
            "In the morning the sun rose over the house by the {person.home}.",
            "{person} the {person.job} got up and ate some {person.food}.",
            "Then {person} went to work {place.at} the {place.full}.",
            "?At noon {person.he} sat down among the {place.many}.",
            "In the evening {person} was tired and [walked|went] home from the {place}.",
            "?The {animal} {animal.sound} in its {animal.home} when {person} came by.",
            "{person} lit a candle and looked at {person.his} {person.colour} {person.thing}.",
            "In the night {person} blew out the candle and slept.",
        ],
    },
    // A birthday.
    Script {
        only: &[],
        lines: &[
            "It was the birthday of {friend} the {friend.job}.",
            "{person} wanted to give {friend} a present.",
            "{person} made a {friend.colour} {friend.thing} of {friend.material}.",
            "?{person} took the {friend.thing} to the house by the {friend.home}.",
            "{friend} opened the present and saw the {friend.colour} {friend.thing}.",
            "{friend} was [happy|glad] and thanked {person} for the {friend.thing}.",
            "Then {friend} and {person} ate some {friend.food} together.",
            "?Since then {friend} and the {friend.colour} {friend.thing} are always together.",
        ],
    },
    // There and back.
    Script {
        only: &[("animal", &["horse"])],
        lines: &[
            "{person} the {person.job} lived by the {person.home}.",
            "One [day|morning] {person} wanted to see the {place.full}.",
            "The way was long, so {person} rode on the {animal.full}.",
            "?The {animal} {animal.moved} all morning and {animal.sound}.",
            "{place.at} the {place} {person} saw many {place.many}.",
            "{person} took some {place.many}, and the {animal} ate some {animal.food}.",
            "In the evening {person} rode the {animal} back to the {person.home}.",
            "?The {animal} slept in its {animal.home}, and {person} slept in bed.",
            "{person} gave the {place.many} to {person.his} friend {friend}.",
        ],
    },
    // Ill and well again.
    Script {
        only: &[],
        lines: &[
            "{person} the {person.job} was ill and lay in bed.",
            "{friend} the {friend.job} heard that {person} was ill.",
            "{friend} came to the {person.home} with [tea|soup] for {person}.",
            "{friend} sat by the bed and read {person} a story.",
            "?{friend} gave {person} some {person.food}, but {person} ate none.",
            "The next day {person} was well again and got out of bed.",
            "{person} ate some {person.food} and thanked {friend}.",
            "?Then {person} and {friend} walked to the {place.full}.",
        ],
    },
    // Snow.
    Script {
        only: &[("word", &["carrot", "pebble"])],
        lines: &[
            "In the night snow fell on the {place.full}.",
            "In the morning all the {place} was white with snow.",
            "{person} the {person.job} and {friend} the {friend.job} made a snowman.",
            "?{person} and {friend} were cold, but they laughed.",
            "{person} gave the snowman a {word} for a nose.",
            "{friend} gave the snowman a hat.",
            "[Then|Soon] the sun came out, and the snowman melted.",
            "Only the {word} and the hat were left {place.at} the {place}.",
            "?{person} took the {word} home, and {friend} took the hat.",
        ],
    },
    // From seed to supper.
    Script {
        only: &[
            ("word", &["beans", "pumpkins", "turnips", "carrots"]),
            ("animal", &["rabbit", "hen", "mouse", "pig"]),
        ],
        lines: &[
            "In the spring {person} the {person.job} planted {word} by the {person.home}.",
            "{person} gave the {word} water every day, and they grew.",
            "The {animal.full} saw the {word} and was hungry.",
            "So {person} built a fence, and the {animal} could not eat the {word}.",
            "?The {animal} {animal.sound} at the fence and {animal.moved} away.",
            "In the autumn {person} picked the {word} and made soup.",
            "{person} ate the soup with {person.his} friend {friend}.",
            "?{person} gave the {animal} some {animal.food}, and it was happy too.",
        ],
    },
    // The wind takes something.
    Script {
        only: &[("person", WIND_BLOWN), ("animal", CLIMBERS)],
        lines: &[
            "{person} the {person.job} was {place.at} the {place.full}.",
            "A strong wind took {person}'s {person.colour} {person.thing}.",
            "The wind carried the {person.thing} into a tall tree.",
            "{person} could not climb the tree and was sad.",
            "The {animal.full} saw {person} and the {person.thing}.",
            "The {animal} {animal.moved} up the tree and brought the {person.thing} down.",
            "?{person} thanked the {animal}, and the {animal} {animal.sound}.",
            "{person} took the {person.thing} and gave the {animal} some {animal.food}.",
        ],
    },
    // A boat with a hole.
    Script {
        only: &[("place", &["lake", "river"])],
        lines: &[
            "{person} and {friend} sat in a boat on the {place.full}.",
            "{person} the {person.job} rowed, and {friend} the {friend.job} sang.",
            "Suddenly water came into the boat through a hole.",
            "?{friend} was afraid of the water and did not sing.",
            "{person} rowed fast, and {friend} threw the water out of the boat.",
            "They came to land among the {place.many}, and {person} was wet.",
            "{friend} closed the hole in the boat with wood.",
            "[Now|Then] the boat was good again, and {person} and {friend} rowed home.",
        ],
    },
    // A noise in the night.
    Script {
        only: &[],
        lines: &[
            "In the night {person} the {person.job} heard a noise [on the roof|at the door].",
            "{person} was afraid and could not sleep.",
            "{person.he} lit a candle and opened the door of the house.",
            "It was only the {animal.full}, and it {animal.sound}.",
            "{person} laughed and gave the {animal} some {animal.food}.",
            "?The {animal} ate the {animal.food} and looked at {person.him}.",
            "Then the {animal} {animal.moved} back to its {animal.home}.",
            "{person} blew out the candle and slept until morning.",
        ],
    },
    // A muddy animal.
    Script {
        only: &[("animal", DIRTY)],
        lines: &[
            "The {animal.full} played in the mud by the {person.home}.",
            "Now the {animal} was dirty from head to tail.",
            "{person} the {person.job} saw the dirty {animal} and laughed.",
            "{person} washed the {animal} with water and soap.",
            "?The {animal} did not like the soap and {animal.sound}.",
            "The {animal} shook itself, and {person} got wet too.",
            "Now the {animal} was clean and {animal.colour} again.",
            "{person} gave the {animal} some {animal.food}.",
            "?Then the {animal} {animal.moved} to its {animal.home} and slept.",
        ],
    },
    // Music.
    Script {
        only: &[("person", MUSICIANS)],
        lines: &[
            "{person} the {person.job} took {person.his} {person.thing} to the {place.full}.",
            "{person} sat down among the {place.many} and played the {person.thing}.",
            "The {animal.full} heard the {person.thing} and {animal.moved} to the {place}.",
            "The {other.full} came to hear {person} too.",
            "The {animal} {animal.sound} and the {other} {other.sound} with the music.",
            "?{person} laughed and played the {person.thing} again.",
            "In the [evening|night] {person} was tired, and the music stopped.",
            "The {animal} went to its {animal.home} and the {other} to its {other.home}.",
        ],
    },
    // A cart in the mud.
    Script {
        only: &[("animal", PULLERS), ("word", &["wood", "apples", "pumpkins", "flour"])],
        lines: &[
            "The {animal.full} pulled a cart full of {word} to the {place.full}.",
            "{person} the {person.job} walked beside the {animal}.",
            "[The|A] wheel of the cart got stuck in the mud.",
            "The {animal} {animal.sound} and pulled, but the cart did not move.",
            "{friend} the {friend.job} came by and wanted to help {person}.",
            "The {animal} pulled, and {person} and {friend} pushed the cart.",
            "The wheel came out of the mud, and the {word} came to the {place}.",
            "?{person} thanked {friend} and gave the {animal} some {animal.food}.",
        ],
    },
    // A letter.
    Script {
        only: &[("animal", FLYERS)],
        lines: &[
            "{person} the {person.job} wrote a letter to {friend} the {friend.job}.",
            "{person} gave the letter to the {animal.full}.",
            "The {animal} flew with the letter over the {place.full}.",
            "?The {animal} {animal.sound} when it saw the {friend.home}.",
            "{friend} opened the letter and read it.",
            "In the letter {person} asked {friend} to come and eat {person.food}.",
            "{friend} put on {friend.his} coat and walked to the {person.home}.",
            "There {person} and {friend} ate the {person.food} [together|and laughed].",
            "?They gave the {animal} some {animal.food} for the letter.",
        ],
    },
    // Hide and seek.
    Script {
        only: &[],
        lines: &[
            "{person} and {friend} played hide and seek {place.at} the {place.full}.",
            "{person} the {person.job} closed {person.his} eyes and counted.",
            "{friend} the {friend.job} hid behind a tree with the {animal}.",
            "{person} looked for {friend} among the {place.many}, but {friend} was not there.",
            "Then the {animal.full} {animal.sound} behind the tree.",
            "So {person} found {friend} and laughed.",
            "?{friend} was not angry with the {animal}.",
            "[Now|Then] {friend} closed {friend.his} eyes, and {person} hid.",
        ],
    },
    // A cake.
    Script {
        only: &[("word", &["apples", "lemons", "pumpkins", "nuts", "berries"])],
        lines: &[
            "{person} the {person.job} wanted to bake a cake with {word}.",
            "{person} took flour, eggs and sugar and put the {word} in.",
            "Then {person} put the cake into the hot oven.",
            "?Soon all the house by the {person.home} smelled of cake and {word}.",
            "{friend} the {friend.job} smelled the cake and came to {person}.",
            "{person} gave {friend} some of the cake, and it was good.",
            "{friend} and {person} ate until no cake was left.",
            "?Only the {animal} was sad, because it wanted some cake too.",
        ],
    },
    // Supper burns.
    Script {
        only: &[],
        lines: &[
            "{person} the {person.job} put the supper on the fire.",
            "Then {friend} the {friend.job} came to {person}'s door.",
            "{person} and {friend} talked about the {place.full} and forgot the supper.",
            "[Soon|Then] black smoke came out of {person}'s kitchen.",
            "The supper was burnt, and {person} was sad.",
            "?{person} opened the window, and the smoke went out.",
            "{friend} laughed and took {person} to the house by the {friend.home}.",
            "There {friend} gave {person} some {friend.food} for supper.",
        ],
    },
    // Fog.
    Script {
        only: &[],
        lines: &[
            "{person} the {person.job} was on the sea in a little boat.",
            "Thick fog came over the sea, and {person} could not see the land.",
            "{friend} the {friend.job} stood by the {friend.home} in the fog.",
            "{friend} lit a big lamp for the boat.",
            "{person} saw the light of the lamp through the fog.",
            "{person} rowed to the light and came to land.",
            "?{friend} was glad that the light had helped {person}.",
            "{person} thanked {friend} for the lamp with some {person.food}.",
        ],
    },
    // A hot day.
    Script {
        only: &[
            ("place", &["lake", "river", "beach"]),
            ("animal", &["dog", "horse", "duck", "pig"]),
        ],
        lines: &[
            "The sun was hot, and {person} the {person.job} was hot too.",
            "{person} went to the {place.full} with the {animal.full}.",
            "The {animal} jumped into the cold water and {animal.sound}.",
            "{person} jumped in after the {animal} and swam.",
            "?{person} and the {animal} played among the {place.many}.",
            "Then {person} lay in the sun {place.at} the {place} until {person.he} was dry.",
            "{person} ate some {person.food}, and the {animal} ate some {animal.food}.",
            "?In the evening the {animal} {animal.moved} home with {person}.",
        ],
    },
    // A coat is mended.
    Script {
        only: &[("friend", &["Peter", "Simon", "Ida"])],
        lines: &[
            "{person} the {person.job} tore {person.his} coat {place.at} the {place.full}.",
            "Now there was a big hole in the coat, and {person} was cold.",
            "{person} took the coat to {friend} the {friend.job}.",
            "{friend} took needle and thread and closed the hole in the coat.",
            "?{friend} the {friend.job} was glad to help {person}.",
            "{person} put on {person.his} coat and was warm.",
            "{person} thanked {friend} with some {friend.food}.",
            "?Then {person} went back to the {place} in the coat.",
        ],
    },
    // A new key.
    Script {
        only: &[("friend", &["Karl", "Greta"])],
        lines: &[
            "{person} the {person.job} came home from the {place.full}.",
            "The door of the house by the {person.home} was closed.",
            "{person} had lost the key of the door {place.at} the {place}.",
            "?{person} looked among the {place.many}, but the key was not there.",
            "{person} went to {friend} the {friend.job} and asked for help.",
            "{friend} made a new key for {person}.",
            "{person} opened the door with the new key and was glad.",
            "?{person} gave {friend} some {friend.food} for the key.",
        ],
    },
];
