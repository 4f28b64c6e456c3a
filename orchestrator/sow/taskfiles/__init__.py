"""Task files: a folder of JSON files, each a task that goes through a pipeline of stages.

    TaskLoader --> Claims --> TaskRunner --> a stage's handler --> (the one runner of processes)
     a scan        a lock      a pipeline     shell, python, agent
                     |             |
                     v             v
        the file: queued, running, done | failed | canceled        EventWriter: the event stream

docs/Task_System_Spec_v0.1.md says what other programs may rely on.
"""
