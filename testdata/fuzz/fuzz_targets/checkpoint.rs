//! A checkpoint, as it is and with a right digest put after it: an accepted one is finite, and counting on from
//! its numbers overflows nothing.
#![no_main]

mod place;

use cloze::system::digest::Digest;
use cloze::run::checkpoint;
use cloze::run::checkpoint_directory::CheckpointDirectory;
use libfuzzer_sys::fuzz_target;

/// Those of the seeds.
const PARAMETERS: usize = 3;

fuzz_target!(|data: &[u8]| {
    // The digest keeps a fuzzer out; a forged checkpoint has the right one.
    let forged = [data, &Digest::of(data).0].concat();
    for bytes in [data, &forged] {
        let path = place::write("checkpoint/step-000003.ckpt", bytes);
        if let Ok(found) = checkpoint::load(&path, PARAMETERS) {
            let arrays = [&found.parameters, &found.first, &found.second];
            assert!(arrays.iter().all(|array| array.len() == PARAMETERS));
            assert!(arrays.into_iter().flatten().all(|value| value.is_finite()));
            assert!(found.header.progress.step.checked_add(1 << 32).is_some());
        }
        let _ = CheckpointDirectory::new(place::directory()).newest(PARAMETERS, |_| ());
    }
});
