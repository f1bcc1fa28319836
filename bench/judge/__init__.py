"""What the judge does with healthy and harmful candidates, in figures: ``python -m bench.judge``."""
