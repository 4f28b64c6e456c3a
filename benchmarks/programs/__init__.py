"""Programs that a benchmark runs beside sow: yardsticks."""
