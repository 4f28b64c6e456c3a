"""How each agent CLI is run and understood. It knows nothing of sow."""
