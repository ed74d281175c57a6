"""Families of commands, one file each; what a command does not need is imported when it is used."""
