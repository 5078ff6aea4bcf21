//! Whether this process was started as one of several, and the session that joins it to them.

use super::communication::Team;

/// Environment variables of the number of processes and of the number of this one, as launchers set them: Open MPI;
/// MPICH, Intel MPI, and Slurm with PMI; Slurm with PMIx.
const LAUNCHERS: [[&str; 2]; 3] = [
    ["OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"],
    ["PMI_SIZE", "PMI_RANK"],
    ["SLURM_STEP_NUM_TASKS", "PMIX_RANK"],
];

/// Processes that were started together and cannot work together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The program was built without MPI.
    #[error(
        "this cloze was started as {0} processes, and it was built without MPI: build it with \
         `--features mpi`, or start it without `mpirun`"
    )]
    WithoutMpi(usize),
    /// The MPI library does not start.
    #[error(
        "the MPI library does not start; was this cloze built with the library of this `mpirun`?"
    )]
    NotStarted,
    /// The MPI library serves the thread alone that started it.
    #[error(
        "the MPI library of this machine serves one thread only, and cloze needs it on the threads of a run \
         (`MPI_THREAD_SERIALIZED`): use one that is built with threads"
    )]
    OneThread,
}

/// The number of this process and of all that were started together, where a launcher has started more than one.
pub fn launched() -> Option<(usize, usize)> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok();
    let found = LAUNCHERS.iter().find_map(|[size, rank]| Some((number(rank)?, number(size)?)));
    found.filter(|&(rank, size)| size > 1 && rank < size)
}

/// The connection of this process with the others of its run; it ends when this is dropped, on the thread that began
/// it. A process that ends before counts as lost, and the launcher ends the others.
pub struct Session {
    #[cfg(feature = "mpi")]
    team: Team,
    #[cfg(feature = "mpi")]
    _library: super::over_mpi::Library,
    /// Without MPI there is no session, and the compiler leaves out what only a session leads to.
    #[cfg(not(feature = "mpi"))]
    never: std::convert::Infallible,
}

impl Session {
    /// Joins the other processes; `None` when this process was started alone.
    ///
    /// # Errors
    /// [`LaunchError`].
    pub fn join() -> Result<Option<Self>, LaunchError> {
        let Some((_, size)) = launched() else { return Ok(None) };
        Self::of(size).map(Some)
    }

    #[cfg(feature = "mpi")]
    fn of(_: usize) -> Result<Self, LaunchError> {
        let (library, team) = super::over_mpi::start()?;
        Ok(Self { team, _library: library })
    }

    #[cfg(not(feature = "mpi"))]
    fn of(size: usize) -> Result<Self, LaunchError> {
        Err(LaunchError::WithoutMpi(size))
    }

    /// The processes of the run.
    #[inline]
    pub fn team(&self) -> Team {
        #[cfg(feature = "mpi")]
        return Team::clone(&self.team);
        #[cfg(not(feature = "mpi"))]
        match self.never {}
    }
}
