"""All third-party input and output, behind a few narrow classes and the errors of `tidegate.clients.errors`."""
