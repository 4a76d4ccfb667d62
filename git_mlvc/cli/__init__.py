"""The command line: the door through which a person, or git itself, asks for something."""
