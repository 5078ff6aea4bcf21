//! `cloze report`: runs ─► one HTML page.

use super::output::print;
use clap::CommandFactory;
use clap::error::ErrorKind;
use cloze::report::print_line;
use cloze::report::run_page::{RunPage, run_page};
use cloze::system::files::Output;
use cloze::system::threads::Pool;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often `--watch` looks at the runs.
const WATCHED_EVERY: Duration = Duration::from_secs(2);

/// Seconds after which a browser loads a watched page again.
const RELOADED_AFTER: u32 = 10;

/// The options of `cloze report`.
#[derive(clap::Args)]
pub struct Args {
    /// The directories of runs, to be shown side by side
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Write the page to FILE, whole or not at all [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the page again whenever a run has written something, until no run is going on
    #[arg(long, requires = "output")]
    watch: bool,
}

/// Runs `cloze report`.
pub fn run(args: Args) -> cloze::Result<()> {
    if let Some(output) = &args.output {
        check_output(output, &args.runs);
    }
    let output = super::output::open(args.output.as_deref(), [])?;
    // On threads that can be counted on: the page of one run reads its model.
    let pool = Pool::new(1)?;
    let reload = args.watch.then_some(RELOADED_AFTER);
    let page = pool.run(|| run_page(&args.runs, reload))?;
    page.problems.iter().for_each(|problem| print_line(format_args!("warning: {problem}")));
    let Some(output) = output else {
        return print(|out| out.write_all(page.html.as_bytes()));
    };
    write(output, &page, args.output.as_deref())?;
    if args.watch { watch(&args, page) } else { Ok(()) }
}

/// Writes the page, and says so.
fn write(output: Output, page: &RunPage, path: Option<&Path>) -> cloze::Result<()> {
    output.write(|out| out.write_all(page.html.as_bytes()))?;
    if let Some(path) = path {
        let megabytes = page.html.len() as f64 / 1e6;
        print_line(format_args!("`{}`: {megabytes:.2} MB; open it in a browser", path.display()));
    }
    Ok(())
}

/// Writes the page again as long as a run is going on.
fn watch(args: &Args, mut page: RunPage) -> cloze::Result<()> {
    if page.goes_on {
        print_line("the page follows the run; Ctrl-C ends that");
    }
    while page.goes_on {
        std::thread::sleep(WATCHED_EVERY);
        let now = run_page(&args.runs, Some(RELOADED_AFTER))?;
        if now.html != page.html
            && let Some(output) = super::output::open(args.output.as_deref(), [])?
        {
            output.write(|out| out.write_all(now.html.as_bytes()))?;
        }
        page = now;
    }
    Ok(())
}

/// Ends the program when `output` would replace a file of a run other than a page.
fn check_output(output: &Path, runs: &[PathBuf]) {
    let is_page =
        output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
    let parent = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // A link is followed to the file that would be replaced.
    let target = output.canonicalize().or_else(|_| parent.canonicalize());
    let Ok(target) = target else { return };
    let is_in = |run: &&PathBuf| run.canonicalize().is_ok_and(|run| target.starts_with(run));
    if let Some(run) = runs.iter().find(is_in).filter(|_| !is_page) {
        let message = format!(
            "--output `{}` is a file of the run `{}`; give a name that ends in .html\n",
            output.display(),
            run.display()
        );
        super::Cli::command().error(ErrorKind::ValueValidation, message).exit();
    }
}
