"""Git: where a folder stands, worktrees, commits, merges. The only place that runs `git`.

    places      which repository a folder belongs to, without a process
    excludes    what git is told to ignore
    repository  `Git`: one checkout, its branches and what is uncommitted in it
    index       the index of a checkout, held and changed beside
    worktrees   made, found again, removed when nothing is lost by it
    commits     the first commit, an agent's leftovers, exact paths
    trees       taken apart and put together
    merges      computed beside every working tree, made once
    remotes     which one work goes to, pushes and fetches
    landing     how a branch moves under a person's feet, and what a kill leaves of it
    review      what a person reads before a merge
    lease       one git at a time in a worktree

Nothing is imported here: `places` is on the path of every command.
"""
