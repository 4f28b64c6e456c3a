"""Whether an agent CLI keeps what its executor counts on: a few short turns, and what was seen of each.

plan       what the agent is asked, turn by turn, and what the model server answers in its model's place
bench      a scratch folder in which the turns are taken, by the executor and the runner of every other turn
heard      what was heard of one turn
judging    what holds, by what was heard: pure
leftovers  what a check that was killed left behind
checking   all of it, in order
"""
