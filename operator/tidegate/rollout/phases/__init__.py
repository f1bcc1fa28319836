"""The phases of a rollout: loading, stepping, promoting, withdrawing. One file a phase."""
