// Every export of the core, and nothing else.
