//! Several processes that compute one run together: what they send each other.
//!
//! [`Ranks`] is the one interface. [`Alone`] is a run of one process; `over_mpi` (feature `mpi`) is the only file
//! that names MPI. Tests implement [`Ranks`] with threads.
//!
//! | file | what |
//! |---|---|
//! | `communication` | [`Ranks`] and [`Alone`] |
//! | `counting` | [`Counting`]: bytes and seconds, for measurements |
//! | `launching` | whether this process was started as one of several |
//! | `probing` | latency and bandwidth between two ranks |
//! | `over_mpi` | [`Ranks`] over MPI |

mod communication;
mod counting;
mod launching;
#[cfg(feature = "mpi")]
mod over_mpi;
mod probing;

pub use communication::{Alone, Ranks, Team, ranges_of};
pub use counting::{Counting, Traffic};
pub use launching::{LaunchError, Session, launched};
pub use probing::{Link, probe};
