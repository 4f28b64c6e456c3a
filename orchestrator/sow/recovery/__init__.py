"""What is done about a failure, and how the state is made true after a crash."""
