"""What drives an editor in a terminal: installing it, its screen, and a language server that follows a script."""
