"""`sow mcp`: what the command line can do, as tools, resources and prompts of the Model Context Protocol.

    desk                who calls: an orchestrating agent, a worker, or who has task files
    catalog             what is offered to them
    kit                 a method as a tool: its schemas from its types, its refusals as words
    worker, orchestrator, task_files    the tools, each a call of the Python API (`sow.api`)
    resources, guides       what can be read
    wording             commands in what is told, called by their tools
    changes             who is told that a document has changed
    server, library     all of it on the SDK's server, on standard input and output

The SDK takes a second to load: nothing else of sow imports any of these.
"""
