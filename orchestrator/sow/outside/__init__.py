"""Projects outside of git: begun, worked on and ended in one folder, without branch, worktree and commit.

    beginning   a new project, all or nothing
    folder      where its agents work, and what a person sees of their work
    ending      finished or deleted: its state is kept, the files stay where they are

Which of them takes part is decided by `find`, once, as `Layout.outside`, and by what opens a
project for a command; nothing else asks whether there is git (see docs/adr/0010).
"""
