"""The running operator: watch, queue, reconcile, act, and tell how it goes."""
