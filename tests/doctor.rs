//! The doctor's rule: whatever happens to a file of a run directory, no command panics, gives another answer
//! without a word, or loses a part of the run; a command that fails names the file.
//!
//! `cargo test --release --test doctor -- --nocapture` prints what each command does as a table.

#[path = "command_line/place.rs"]
#[allow(dead_code)]
mod place;

use flate2::{Compression, GzBuilder};
use place::{Answer, Place};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a bit is flipped, in parts of 100 of the file's length, and which bit.
const FLIPS: [(usize, u8); 6] = [(0, 0), (20, 5), (40, 0), (60, 2), (80, 4), (99, 1)];

const COMMANDS: [&str; 4] = ["resume", "verify", "fill-mask", "eval"];

fn run(place: &Place, command: &str) -> Answer {
    place.cloze(match command {
        "resume" => "pretrain --resume --output-dir run --threads 1",
        "verify" => "verify run --threads 1",
        "fill-mask" => "fill-mask --model run --json cat-[MASK]-mat",
        _ => "eval --model run --input text.txt --max-seq-length 32 --json --threads 1",
    })
}

/// A gzip file of `text` that could hold more than 64 MiB, so that its tokens go into a file: its header has a
/// field of 65,535 bytes.
fn compressed(text: &str) -> Vec<u8> {
    let mut out = GzBuilder::new().extra(vec![0; 65_535]).write(Vec::new(), Compression::best());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

/// Every file below `run`, with its bytes.
fn files_of(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    let run = place.path("run");
    let files = place.files().into_iter().filter(|(path, _)| path.is_file());
    let inside = files.filter_map(|(path, bytes)| {
        path.strip_prefix(&run).ok().map(|name| (name.to_path_buf(), bytes))
    });
    inside.collect()
}

/// Puts the run directory back as it was.
fn restore(place: &Place, files: &[(PathBuf, Vec<u8>)]) {
    fs::remove_dir_all(place.path("run")).unwrap();
    for (name, bytes) in files {
        place.write(Path::new("run").join(name).to_str().unwrap(), bytes);
    }
}

/// The file with the damage; `None` when it is deleted.
fn damages(bytes: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    let mut damages = vec![
        ("deleted".to_string(), None),
        ("cut in half".to_string(), Some(bytes[..bytes.len() / 2].to_vec())),
    ];
    for (part, bit) in FLIPS {
        let at = bytes.len() * part / 100;
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << bit;
        damages.push((format!("bit {bit} of byte {at} flipped"), Some(flipped)));
    }
    damages
}

/// The bytes of a file without what every run measures anew: the times of JSON Lines, the memory peak of `run.json`.
fn without_measurements(bytes: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    let lines = text.lines().map(|line| {
        let mut fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).ok()?;
        fields.retain(|name, _| !name.contains("seconds") && !name.contains("per_second"));
        serde_json::to_vec(&fields).ok()
    });
    match lines.collect::<Option<Vec<_>>>() {
        Some(lines) => lines.join(&b'\n'),
        None => {
            let is_peak = |line: &&str| line.starts_with("  \"peak_memory\": ");
            text.split_inclusive('\n')
                .filter(|line| !is_peak(line))
                .collect::<String>()
                .into_bytes()
        }
    }
}

/// What a command must not do, after `name` was damaged.
fn violation(
    command: &str,
    name: &str,
    whole: &Answer,
    answer: &Answer,
    [undamaged, before, after]: [&[(PathBuf, Vec<u8>)]; 3],
) -> Option<String> {
    let said = format!("{}{}", answer.stdout, answer.stderr);
    let file_name = Path::new(name).file_name().unwrap().to_str().unwrap();
    let names_it = said.contains(file_name);
    if ![0, 1].contains(&answer.status) || said.contains("panicked") {
        return Some(format!("status {}", answer.status));
    }
    if answer.status == 1 && !names_it {
        return Some("fails without naming the file".into());
    }
    let get = |files: &[(PathBuf, Vec<u8>)], name: &Path| {
        files.iter().find(|(path, _)| path == name).map(|(_, bytes)| bytes.clone())
    };
    let model = Path::new("model.safetensors");
    let metrics = |files| get(files, Path::new("metrics.jsonl")).map(|b| without_measurements(&b));
    let damaged_timing =
        name == "metrics.jsonl" && get(after, Path::new(name)) != get(undamaged, Path::new(name));
    let same = match command {
        "resume" => {
            get(after, model) == get(undamaged, model)
                && metrics(after) == metrics(undamaged)
                && !damaged_timing
        }
        _ => answer.stdout == whole.stdout,
    };
    if command == "resume" && answer.status == 0 && get(after, model) != get(undamaged, model) {
        return Some("the model is not that of the run".into());
    }
    if answer.status == 0 && !same && !names_it {
        return Some("another result without a word".into());
    }
    // Nothing is lost: every file is there as it was before the command, or as it was before the damage, or
    // under another name. The lock file names the last process, and the page is made of the other files.
    let lost = before.iter().find(|(path, bytes)| {
        let whole = get(undamaged, path).map(|bytes| without_measurements(&bytes));
        let is_whole =
            whole.is_some() && get(after, path).map(|b| without_measurements(&b)) == whole;
        let kept =
            after.iter().any(|(_, b)| without_measurements(b) == without_measurements(bytes));
        let is_made_anew = [".lock", "report.html"].iter().any(|name| path == Path::new(name));
        !is_made_anew && !is_whole && !kept
    });
    if let Some((path, _)) = lost {
        return Some(format!("`{}` is lost", path.display()));
    }
    (command != "resume" && before != after).then(|| "changes a file".into())
}

#[test]
fn no_damage_of_a_file_is_silent_or_costs_the_run() {
    let place = Place::new();
    place.write("text.txt.gz", compressed(place::TEXT));
    place
        .pretrain(
            "--input text.txt.gz --vocab-size 120 --save-checkpoints-steps 2 --eval-fraction 0.2 \
             --log-every 1 --output-dir run",
        )
        .ok();
    // A resumed run records its memory peak when it is higher; every peak is higher than 1 byte.
    let json = place.read_text("run/run.json");
    let (before, rest) = json.split_once("\"peak_memory\": ").unwrap();
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    place.write("run/run.json", format!("{before}\"peak_memory\": 1{after}"));
    // The page shows the peak too.
    place.cloze("report run --output run/report.html").ok();
    let undamaged = files_of(&place);
    let names: Vec<&str> = undamaged.iter().map(|(name, _)| name.to_str().unwrap()).collect();
    assert_eq!(names.len(), 13, "every file of a run directory: {names:?}");
    let whole = COMMANDS.map(|command| run(&place, command).ok());
    assert!(!whole[0].stderr.contains("metrics.jsonl"), "{}", whole[0].stderr);
    assert!(
        files_of(&place).iter().zip(&undamaged).all(|(a, b)| a.0 == Path::new(".lock") || a == b)
    );

    let mut table =
        format!("| file | damage | {} |\n|---|---|---|---|---|---|\n", COMMANDS.join(" | "));
    let mut violations = Vec::new();
    for name in names {
        let bytes = place.read(&format!("run/{name}"));
        for (damage, damaged) in damages(&bytes) {
            table += &format!("| {name} | {damage} |");
            for (command, whole) in COMMANDS.iter().zip(&whole) {
                restore(&place, &undamaged);
                match &damaged {
                    None => fs::remove_file(place.path("run").join(name)).unwrap(),
                    Some(damaged) => place.write(&format!("run/{name}"), damaged),
                }
                let before = files_of(&place);
                let answer = run(&place, command);
                let states = [&undamaged[..], &before, &files_of(&place)];
                let found = violation(command, name, whole, &answer, states);
                let said = answer.stderr.lines().chain(answer.stdout.lines());
                let name_of = Path::new(name).file_name().unwrap().to_str().unwrap();
                let mut about =
                    said.filter(|line| line.contains(name_of) || line.contains("error"));
                let cell = match (answer.status, about.next()) {
                    (0, _) if found.is_none() && answer.stderr == whole.stderr => {
                        "as undamaged".into()
                    }
                    (status, line) => format!("{status}: {}", line.unwrap_or_default()),
                };
                table += &format!(" {cell} |");
                if let Some(what) = found {
                    violations.push(format!("{name} {damage}, {command}: {what}: {cell}"));
                }
            }
            table += "\n";
            restore(&place, &undamaged);
        }
    }
    println!("{table}");
    assert!(violations.is_empty(), "{}:\n{}", violations.len(), violations.join("\n"));
}
