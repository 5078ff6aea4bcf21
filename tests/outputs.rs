//! Outputs: a place that cannot be written is found before the work; links are followed, modes kept, devices
//! and pipes written into; no command reads its own output, or overwrites what it reads.

#[path = "command_line/place.rs"]
#[allow(dead_code)]
mod place;

use place::{Answer, Place, TEXT};
use std::fs;

/// The commands with `--output`, without it.
const COMMANDS: [&str; 2] =
    ["vocab --input text.txt --vocab-size 120", "instances --input text.txt --vocab vocab.txt"];

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    fn mode(place: &Place, name: &str) -> u32 {
        fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_link_is_followed_and_the_mode_of_the_file_is_kept() {
        let place = Place::with_vocab();
        for command in COMMANDS {
            let plain = place.cloze(command).ok().stdout;
            for name in ["real/file", "real/dangling"] {
                let _ = fs::remove_dir_all(place.path("real"));
                place.write("real/file", "old");
                fs::set_permissions(place.path("real/file"), fs::Permissions::from_mode(0o600))
                    .unwrap();
                let _ = fs::remove_file(place.path("link"));
                symlink(name, place.path("link")).unwrap();
                place.cloze(&format!("{command} --output link")).ok();
                assert!(place.path("link").is_symlink(), "{command}: the link is still a link");
                assert_eq!(place.read_text(name), plain);
            }
            assert_eq!(mode(&place, "real/file"), 0o600);
            assert_eq!(mode(&place, "real/dangling"), mode(&place, "text.txt"), "umask");
        }
    }

    /// As root the rename would succeed and leave a file where the device was.
    #[test]
    fn a_device_or_pipe_is_written_into() {
        let place = Place::with_vocab();
        for command in COMMANDS {
            let plain = place.cloze(command).ok().stdout;
            // A link, so that the test itself cannot harm the system.
            let _ = fs::remove_file(place.path("null"));
            symlink("/dev/null", place.path("null")).unwrap();
            place.cloze(&format!("{command} --output null")).ok();
            assert!(place.path("null").is_symlink());
            assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());

            let _ = fs::remove_file(place.path("pipe"));
            assert!(Command::new("mkfifo").arg(place.path("pipe")).status().unwrap().success());
            let reader = place.path("pipe");
            let reader = std::thread::spawn(move || fs::read_to_string(reader).unwrap());
            place.cloze(&format!("{command} --output pipe")).ok();
            assert!(fs::metadata(place.path("pipe")).unwrap().file_type().is_fifo());
            assert_eq!(reader.join().unwrap(), plain);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn standard_output_has_a_name_too() {
        let place = Place::with_vocab();
        // As /dev/stdout, but the test itself cannot harm the system.
        symlink("/proc/self/fd/1", place.path("stdout")).unwrap();
        for command in COMMANDS {
            let plain = place.cloze(command).ok().stdout;
            let named = format!("{command} --output stdout");
            assert_eq!(place.cloze(&named).ok().stdout, plain, "a pipe");
            // A file that the shell has opened: its beginning stays.
            place.write("log", "before\n");
            let log = fs::OpenOptions::new().append(true).open(place.path("log")).unwrap();
            let arguments: Vec<&str> = named.split(' ').collect();
            let status = place.command(&arguments).stdout(log).stderr(Stdio::null()).status();
            assert!(status.unwrap().success());
            assert_eq!(place.read_text("log"), format!("before\n{plain}"));
        }
        assert!(place.path("stdout").is_symlink());
    }

    /// Runs the program as a user who is not root, because root may write anywhere.
    fn as_somebody(place: &Place, arguments: &str) -> Answer {
        const NOBODY: u32 = 65_534;
        let program = place.path("cloze");
        if !program.exists() {
            fs::copy(env!("CARGO_BIN_EXE_cloze"), &program).unwrap();
        }
        let mut command = Command::new(&program);
        command.args(arguments.split(' ')).current_dir(place.path("")).stdin(Stdio::null());
        if rooted(place) {
            command.uid(NOBODY).gid(NOBODY);
        }
        place::answer(command.output().unwrap())
    }

    /// Whether this test is run by root.
    fn rooted(place: &Place) -> bool {
        std::os::unix::fs::MetadataExt::uid(&fs::metadata(place.path("text.txt")).unwrap()) == 0
    }

    /// A directory of the user of [`as_somebody`] with these permissions.
    fn directory(place: &Place, name: &str, mode: u32) {
        fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(place.path(name)).unwrap();
        if rooted(place) {
            std::os::unix::fs::chown(place.path(name), Some(65_534), Some(65_534)).unwrap();
        }
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_before_the_work() {
        let place = Place::with_vocab();
        directory(&place, "read-only", 0o555);
        place.write("bad.txt", b"not UTF-8: \xff\n");
        for command in COMMANDS {
            // The text is bad, but it is not even looked at.
            let command = command.replace("text.txt", "bad.txt");
            as_somebody(&place, &format!("{command} --output read-only/x"))
                .refused(1, &["cannot write into `", "read-only`: Permission denied"]);
        }
        for run in ["read-only", "read-only/run", "read-only/a/b"] {
            let command = format!(
                "pretrain --input bad.txt --recipe google --model tiny.json --output-dir {run}"
            );
            as_somebody(&place, &command)
                .refused(1, &["cannot write into `read-only`: Permission denied"]);
        }
    }

    #[test]
    fn a_directory_that_can_be_written_but_not_listed_is_accepted() {
        let place = Place::with_vocab();
        for (index, command) in COMMANDS.iter().enumerate() {
            let plain = place.cloze(command).ok().stdout;
            let name = format!("unlisted-{index}");
            directory(&place, &name, 0o300);
            as_somebody(&place, &format!("{command} --output {name}/x")).ok();
            fs::set_permissions(place.path(&name), fs::Permissions::from_mode(0o700)).unwrap();
            assert_eq!(place.read_text(&format!("{name}/x")), plain);
            assert_eq!(fs::read_dir(place.path(&name)).unwrap().count(), 1);
        }
    }

    #[test]
    fn an_output_that_is_also_read_is_refused_whatever_its_spelling() {
        let place = Place::with_run();
        symlink("text.txt", place.path("link.txt")).unwrap();
        fs::create_dir(place.path("d")).unwrap();
        let before = place.files();
        let texts = ["text.txt", "./text.txt", "d/../text.txt", "link.txt"];
        let with = |command: &str, output: &str| format!("{command} --output {output}");
        for text in texts {
            for command in COMMANDS {
                place
                    .cloze(&with(command, text))
                    .refused(2, &["--output", "would overwrite --input"]);
            }
            let linked = COMMANDS[0].replace("text.txt", "link.txt");
            place.cloze(&with(&linked, text)).refused(2, &["would overwrite --input `link.txt`"]);
        }
        place
            .cloze(&with(COMMANDS[1], "vocab.txt"))
            .refused(2, &["would overwrite --vocab `vocab.txt`"]);
        for file in ["vocab.txt", "model.safetensors", "config.json", "tokenizer.json"] {
            let command = "instances --input text.txt --model run";
            place
                .cloze(&with(command, &format!("run/{file}")))
                .refused(2, &["would overwrite --model `run`"]);
        }
        assert!(place.files() == before, "nothing was written");
    }
}

#[test]
fn a_command_does_not_read_its_own_output() {
    let place = Place::with_vocab();
    fs::remove_file(place.path("vocab.txt")).unwrap();
    let vocab = "vocab --input . --vocab-size 120 --output vocab.txt";
    place.cloze(vocab).ok();
    let first = place.read_text("vocab.txt");
    let answer = place.cloze(vocab).ok();
    assert_eq!(place.read_text("vocab.txt"), first);
    assert!(
        answer.stderr.contains("not read as text, because cloze writes it: "),
        "{}",
        answer.stderr
    );
    assert!(answer.stderr.contains("vocab.txt`"), "{}", answer.stderr);

    // Nor what other commands wrote, under any name.
    place.cloze("instances --input text.txt --vocab vocab.txt --output made.jsonl").ok();
    place.cloze("vocab --input . --vocab-size 120 --output other.txt").ok();
    assert_eq!(place.read_text("other.txt"), first);
    place
        .cloze("vocab --input other.txt")
        .refused(1, &["`other.txt` is, or holds, only what cloze writes"]);
    place.cloze("vocab --input made.jsonl").refused(1, &["only what cloze writes"]);
    for name in ["other.txt", "made.jsonl"] {
        fs::remove_file(place.path(name)).unwrap();
    }

    // The vocabulary is no text either.
    let from_file = place.cloze("instances --input text.txt --vocab vocab.txt").ok().stdout;
    for input in [".", "*"] {
        let instances = format!("instances --input {input} --vocab vocab.txt --output i.jsonl");
        for _ in 0..2 {
            if input == "*" {
                fs::remove_file(place.path("tiny.json")).ok();
            }
            place.cloze(&instances).ok();
            assert_eq!(place.read_text("i.jsonl"), from_file);
        }
    }
}

/// `pretrain` on `input` into `run`, then all that reads the text again.
fn pretrain_resume_verify(place: &Place, input: &str, run: &str) -> Answer {
    let answer =
        place.pretrain(&format!("--input {input} --vocab-size 120 --output-dir {run}")).ok();
    let weights = place.weights(run);
    let steps = "--resume --num-train-steps 4";
    place.cloze(&format!("pretrain {steps} --output-dir {run}")).ok();
    assert!(place.weights(run) == weights);
    assert_eq!(place.cloze(&format!("verify {run} --json")).json()["agrees"], true);
    answer
}

#[test]
fn a_run_directory_is_never_input() {
    let place = Place::new();
    fs::create_dir(place.path("texts")).unwrap();
    place.write("texts/text.txt", TEXT);
    pretrain_resume_verify(&place, "texts/text.txt", "plain");
    let plain = place.weights("plain");
    for (input, run) in [("texts", "texts/run"), ("texts/**/*.txt", "texts/other")] {
        pretrain_resume_verify(&place, input, run);
        assert!(place.weights(run) == plain, "{input}: nothing else was read");
    }
    // An earlier run below the input, named in one line.
    let answer = pretrain_resume_verify(&place, "texts", "third");
    assert!(place.weights("third") == plain);
    let line = "not read as text, because cloze writes it: `texts/other`, `texts/run`";
    assert!(answer.stderr.contains(line), "{}", answer.stderr);
    // Nor a model of others.
    place.write("texts/theirs/model.safetensors", "");
    place.write("texts/theirs/config.json", "");
    place.write("texts/theirs/vocab.txt", "learn me");
    pretrain_resume_verify(&place, "texts", "fourth");
    assert!(place.weights("fourth") == plain);
    assert_eq!(
        place.cloze("eval --model plain --input texts --json").json()["instances"],
        place.cloze("eval --model plain --input texts/text.txt --json").json()["instances"]
    );
    // Nothing else was given.
    for input in ["plain", "plain/*.txt", "plain/**/*"] {
        place.refuses(
            &[&format!("`{input}` is, or holds, only what cloze writes itself")],
            |place| place.pretrain(&format!("--input {input} --output-dir new")),
        );
    }
    // A run that begins in a directory of text would find it changed when it is resumed.
    place.write("mine/text.txt", TEXT);
    place.refuses(&["`mine` is, or holds, only what cloze writes itself"], |place| {
        place.pretrain("--input mine --output-dir mine")
    });
    pretrain_resume_verify(&place, "mine/text.txt", "mine");
}

#[test]
fn temporary_files_of_killed_runs_are_removed_by_the_next_one() {
    let place = Place::new();
    let left = [
        "run/.config.json.cloze-1-0123456789abcdef.tmp",
        "run/checkpoint/.step-000004.ckpt.cloze-1-0123456789abcdef.tmp",
        "run/tokens/.train.tokens.cloze-1-0123456789abcdef.tmp",
    ];
    let theirs = ["run/.notes.tmp", "run/tokens/.mine.cloze.tmp"];
    // Whole tokens of another text, which this run does not use.
    place.write("run/tokens/train.tokens", "large");
    let arguments = "--input text.txt --vocab-size 120 --output-dir run";
    for resume in [false, true] {
        for name in left.iter().chain(&theirs) {
            // A directory with a checkpoint is a run already.
            if resume || !name.contains("checkpoint") {
                place.write(name, "half");
            }
        }
        place
            .pretrain(&if resume { format!("{arguments} --resume") } else { arguments.into() })
            .ok();
        for name in left {
            assert!(!place.path(name).exists(), "{name}");
        }
        for name in theirs {
            assert!(place.path(name).exists(), "{name}");
        }
    }
    assert!(!place.path("run/tokens/train.tokens").exists());
    // A single file has no run directory: the next command that writes it cleans up.
    place.write(".v.txt.cloze-1-0123456789abcdef.tmp", "half");
    place.cloze("vocab --input text.txt --output v.txt").ok();
    assert!(!place.path(".v.txt.cloze-1-0123456789abcdef.tmp").exists());
}

/// Tokens of a large text are in files without a name while they are made, except in a run directory.
#[test]
#[cfg(target_os = "linux")]
fn a_command_killed_while_tokenizing_leaves_nothing() {
    let place = Place::with_vocab();
    place.write("large.txt", TEXT.repeat((65 << 20) / TEXT.len() + 1));
    let before = place.files().len();
    let command = "instances --input large.txt --vocab vocab.txt --output i.jsonl";
    let arguments: Vec<&str> = command.split(' ').collect();
    let null = std::process::Stdio::null;
    let mut child = place.command(&arguments).stdout(null()).stderr(null()).spawn().unwrap();
    let open_files = format!("/proc/{}/fd", child.id());
    let unnamed = || {
        let files = fs::read_dir(&open_files).into_iter().flatten().flatten();
        let target = |file: fs::DirEntry| fs::read_link(file.path()).unwrap_or_default();
        files
            .map(target)
            .filter(|target| target.to_str().unwrap_or("").ends_with(" (deleted)"))
            .count()
    };
    // The tokens, and two files of boundaries.
    while unnamed() < 3 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(place.files().len(), before);
}
