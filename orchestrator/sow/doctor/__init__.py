"""What ails this machine, this repository and its projects, and what mends it. Changes nothing.

finding      what was seen of one thing, and what to do about it
scene        where the doctor stands: folder, repository, settings, projects
asking       foreign programs, asked with an end
machine      the system, git, limits of the kernel, the disk
executors    the agents' programs: there, which version, logged in
repository   what sow needs in it, worktrees, processes that nobody knows any more
project      state files, leases, attempts, what was left half done
examination  all of these, one after the other, each with an end
"""
